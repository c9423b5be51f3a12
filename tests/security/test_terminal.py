"""Texts of strangers on a terminal: codes that would control it are shown, not sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning import ModelRegistry
from fine_tuning._util.printable import printable
from fine_tuning.commands import output
from fine_tuning.training.jobs.job_progress import _bar, _draw
from tests.security.lying_host import as_json, lying_host

CODES = ("\x1b]52;c;ZXZpbA==\x07", "\x1b[2J", "\x9b2J", "\x1b[1A\x1b[2Kall is well", "a\rb", "\x7f", "\x00")


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("shown", ["echo", "text", "table", "many", "facts", "json"])
def test_codes_are_shown_not_sent(capsys: pytest.CaptureFixture[str], code: str, shown: str) -> None:
    text = f"a{code}z"
    ways: dict[str, Any] = {
        "echo": lambda: output.echo(text),
        "text": lambda: output.print_text(text),
        "table": lambda: output.print_table(text, ["Name"], [[text]]),
        "many": lambda: output.print_table(text, ["Name"], [[text]] * (output.MAX_RICH_ROWS + 1)),
        "facts": lambda: output.print_facts(text, {text: text}),
        "json": lambda: output.print_json({text: text}),
    }
    ways[shown]()
    printed = capsys.readouterr().out
    assert not any(each in printed for each in "\x1b\x07\x9b\r\x7f\x00")
    assert "\\u00" in printed or "\\r" in printed
    if shown == "json":
        assert json.loads(printed) == {text: text}


def test_lines_and_letters_of_all_scripts_stay() -> None:
    text = "a\tb\nc é 中 🙂 \u200d"
    assert printable(text) == text


def test_name_with_markup_is_listed(cli: Any, workspace: Any) -> None:
    ModelRegistry().register_model("[/red]", "b", "j", 1)
    code, shown, _ = cli("list-models")
    assert code == 0
    assert "[/red]" in shown


def test_error_of_a_host_is_shown_without_codes(cli: Any, workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with lying_host() as host:
        monkeypatch.setenv("OPENAI_BASE_URL", host.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk")
        host.replies["/fine_tuning/jobs/ftjob-1"] = lambda _: as_json({"error": {"message": "no\x1b[2J"}}, 400)
        code, _, said = cli("check-job-status", "ftjob-1")
    assert code == 1
    assert "\x1b" not in said
    assert "no\\u001b[2J" in said


def test_event_of_a_host_with_markup_is_drawn() -> None:
    job: Any = {"status": "running"}
    event: Any = {"type": "message", "message": "[/red] \x1b[2J", "data": None}
    with _bar(show=False) as bar:
        _draw(bar, bar.add_task("j", total=None, facts=""), job, [event])
        assert bar.tasks[0].description == "[/red] \\u001b[2J"
        bar.get_renderable()
