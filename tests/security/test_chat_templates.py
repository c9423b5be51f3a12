"""Chat templates that never end, or write gigabytes: refused within seconds; ordinary ones cost no process."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment

from fine_tuning.base_models.model_folder import check_model_folder
from fine_tuning.base_models.plain_templates import is_plain
from fine_tuning.base_models.template_check import SECONDS, FileRendering, conversation_problem, template_problem
from fine_tuning.errors import DataError, RefusedError
from fine_tuning.serving.engine_choice import open_local
from fine_tuning.serving.prompted_tools import with_tools_and_checks
from fine_tuning.training.loop.chat_tokens import tokenise_file
from tests.security.forged_models import forged, raw
from tests.tiny_model import CHAT_TEMPLATE

LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
BOMBS = {
    "product": "{{ 'a' * 10**9 }}",
    "doubling": "{% set ns = namespace(x='a') %}{% for i in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "written out": "{% set a = messages[0].content %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
    "width": "{{ '%999999999d' % 1 }}",
    "format": "{{ '{:>999999999}'.format(1) }}",
    "center": "{{ 'a' | center(10**9) }}",
    "calls": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
}
NOT_PLAIN = {
    **BOMBS,
    "counted loops": LOOPS,
    "lists of lists": "{% set a = ['x'] %}" + "{% set a = [a, a] %}" * 40 + "{{ a | tojson }}",
    "loop variables": "{% set ns = namespace(v=messages) %}"
    + "{% for y in ns.v %}{% set ns.v = [y + y] %}{% endfor %}" * 40,
    "loops over literals": "".join(f"{{% for a{n} in [1, 2, 3] %}}" for n in range(40)) + "{% endfor %}" * 40,
    "deep loops": "{% for a in messages %}{% for b in messages %}{% for c in messages %}" + "{% endfor %}" * 3,
    "replace": "{{ messages[0].content | replace('a', 'b' * 999) }}",
    "methods": "{{ messages[0].content.ljust(10**9) }}",
    "recursive loop": "{% for m in messages recursive %}{{ loop(messages) }}{% endfor %}",
    "renamed function": "{% set namespace = messages[0].content.center %}{{ namespace(9) }}",
}
PLAIN = {
    "tests": CHAT_TEMPLATE,
    "tools": "{% if tools %}{% for t in tools %}{{ t | tojson }}{% endfor %}{% endif %}"
    "{% for m in messages %}{% if m.tool_calls %}{% for c in m.tool_calls %}{% for k, v in c.arguments.items() %}"
    "{{ k + ': ' + v }}{% endfor %}{% endfor %}{% endif %}{% endfor %}",
    "turns": "{% if messages[0].role == 'system' %}{% set rest = messages[1:] %}{% else %}{% set rest = messages %}"
    "{% endif %}{% for m in rest %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('no') }}"
    "{% endif %}{% set text = m.content | trim %}{{ '[' ~ text ~ ']' }}{% endfor %}",
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "calls" else name for name in BOMBS]
)
def test_bomb_is_refused(name: str) -> None:
    started = time.monotonic()
    problem = template_problem(BOMBS[name])
    assert problem is not None
    assert "characters" in problem or "seconds" in problem
    assert time.monotonic() - started < 2 * SECONDS


@pytest.mark.slow
def test_loops_without_end_are_refused_by_the_folder_check(tiny_model_dir: Path, tmp_path: Path) -> None:
    folder = forged(tiny_model_dir, tmp_path / "m", raw("chat_template.jinja", LOOPS.encode()))
    with pytest.raises(DataError, match=r"chat_template\.jinja has no usable .* more than 5 seconds"):
        check_model_folder(folder)


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_what_may_grow_is_not_plain(name: str) -> None:
    assert not is_plain(Environment().parse(NOT_PLAIN[name]))


@pytest.mark.parametrize("name", PLAIN)
def test_ordinary_template_is_plain(name: str) -> None:
    assert is_plain(Environment().parse(PLAIN[name]))


def test_template_that_is_not_plain_but_harmless_passes(tiny_model_dir: Path, tmp_path: Path) -> None:
    turn = "{% macro turn(m) %}{{ m.role }}: {{ m.content }}{% endmacro %}"
    harmless = turn + "{% for m in messages %}{{ turn(m) }}{% endfor %}"
    folder = Path(shutil.copytree(tiny_model_dir, tmp_path / "m"))
    (folder / "chat_template.jinja").write_text(harmless)
    check_model_folder(folder)


GROWING = "{% set ns = namespace(x='a') %}{% for m in messages %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}"


def test_template_that_grows_with_the_conversation_refuses_long_ones(tiny_model_dir: Path, tmp_path: Path) -> None:
    folder = forged(tiny_model_dir, tmp_path / "m", raw("chat_template.jinja", GROWING.encode()))
    check_model_folder(folder)  # nothing is wrong with short ones
    message: dict[str, Any] = {"role": "user", "content": "Hi"}
    engine = with_tools_and_checks(open_local(folder, "m"), folder)
    with contextlib.closing(engine):
        assert engine.complete([message] * 3, temperature=0, max_tokens=1).completion_tokens == 1
        with pytest.raises(
            RefusedError, match="in the model's chat template, this request becomes a text of more than"
        ):
            engine.complete([message] * 60, temperature=0, max_tokens=1)
        with pytest.raises(RefusedError, match="shorten it"):
            list(engine.complete_many([[message], [message] * 60], temperature=0, max_tokens=1))
        with pytest.raises(RefusedError, match="shorten it"):
            list(engine.chat_chunks({"messages": [message] * 60, "max_tokens": 1}))


@pytest.mark.slow
def test_conversations_of_one_call_share_their_time() -> None:
    calls = "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(messages | length) }}"
    assert template_problem(calls) is None
    chats = [[{"role": "user", "content": str(number)}] * (16 + number) for number in range(60)]
    started = time.monotonic()
    assert conversation_problem(calls, chats) == "takes more than 6 seconds"
    assert time.monotonic() - started < 3 * SECONDS
    assert conversation_problem(calls, chats[:1]) is None  # in a new process


def test_rows_of_a_training_file_that_a_template_makes_too_long_are_named(tmp_path: Path) -> None:
    class Tokenizer:  # refuses to render: the rows must be refused before
        chat_template = GROWING

    turn = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"messages": turn * 30}) + "\n")
    with pytest.raises(DataError, match=r"line 1: in the base model's chat template, this chat becomes a text of more"):
        tokenise_file(rows, Tokenizer(), 512)  # type: ignore[arg-type]


@pytest.mark.slow
def test_rows_after_those_that_took_the_time_of_their_file_are_not_rendered() -> None:
    rendering = FileRendering(
        "{% if messages[0].content == 'no' %}" + LOOPS + "{% endif %}{{ messages | map('upper') }}"
    )
    innocent, endless = [[{"role": "user", "content": "yes"}]], [[{"role": "user", "content": "no"}]]
    assert rendering.problem(innocent) is None
    assert rendering.problem(endless) == "takes more than 5 seconds"
    assert rendering.problem(endless) == "comes after others that took too long"
