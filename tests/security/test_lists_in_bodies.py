"""Lists in bodies: none can be full of errors, each of which would be made and counted."""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import server
from fine_tuning._util.sound_model import SoundModel
from fine_tuning.evaluation.graders.grading import GradingFailed, Row
from fine_tuning.evaluation.graders.model_sample import ModelSample
from fine_tuning.evaluation.graders.templates import render
from fine_tuning.server import routes
from fine_tuning.server.chat_messages import MAX_MESSAGES
from fine_tuning.server.server_config import ServerConfig
from tests.security.requests import ask
from tests.server.conftest import listening

_INNER = ("schema", "items_schema", "values_schema", "keys_schema")


def models(kind: type[SoundModel]) -> Iterator[type[SoundModel]]:
    for each in kind.__subclasses__():
        yield each
        yield from models(each)


def unbounded(schema: Any, where: str) -> Iterator[str]:
    """The lists of a field, in pydantic's own words, whose items all may be wrong."""
    if schema.get("type") in {"model", "definition-ref"}:
        return
    is_list = schema.get("type") == "list" and (schema.get("items_schema") or {}).get("type") not in {None, "any"}
    if is_list and schema.get("max_length") is None and not schema.get("fail_fast"):
        yield where
    choices = schema.get("choices") or ()
    for each in [
        *(schema[key] for key in _INNER if isinstance(schema.get(key), dict)),
        *(choices.values() if isinstance(choices, dict) else choices),
    ]:
        yield from unbounded(each[0] if isinstance(each, tuple) else each, where)


def fields_of(model: type[SoundModel]) -> Any:
    schema: Any = model.__pydantic_core_schema__
    while schema["type"] != "model-fields":
        schema = schema["schema"]
    return schema["fields"]


def test_every_list_of_a_body_is_bounded_or_ends_with_its_first_error() -> None:
    for package in (server, routes):
        for each in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{each.name}")
    found = {model: fields_of(model) for model in models(SoundModel)}
    assert len(found) > 40
    wrong = [
        place
        for model, fields in found.items()
        for name, field in fields.items()
        for place in unbounded(field, f"{model.__name__}.{name}")
    ]
    assert wrong == []


def test_calls_and_results_beyond_the_limit_are_refused_in_linear_time(workspace: Path) -> None:
    names = [f"c{number}" for number in range(MAX_MESSAGES + 500)]
    calls = [{"type": "tool_use", "id": name, "name": "f", "input": {}} for name in names]
    results = [{"type": "tool_result", "tool_use_id": name, "content": "r"} for name in reversed(names)]
    asked: list[dict[str, object]] = [{"role": "user", "content": "a"}, {"role": "assistant", "content": calls}]
    body = {"model": "m", "max_tokens": 1, "messages": [*asked, {"role": "user", "content": results}]}
    with listening(ServerConfig()) as address:
        answer = ask("POST", f"{address}/messages", json=body)
        assert (answer.status_code, f"there may be {MAX_MESSAGES}" in answer.text) == (400, True)
        errors = {"model": "m", "input": "x", "include": ["x"] * 400_000}
        answer = ask("POST", f"{address}/responses", json=errors)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "include[0]")


def test_template_that_repeats_a_long_value_ends() -> None:
    row, started = Row({"a": {"b": "x" * 1_000_000}}, ModelSample("y" * 1_000_000)), time.monotonic()
    for template in ("{{sample.output_text}}" * 100_000, "{{item.a}}" * 100_000):
        with pytest.raises(GradingFailed, match="more than 33,554,432 characters"):
            render(template, row)
    assert time.monotonic() - started < 30
