"""Tools that rows declare are accepted exactly where answering accepts them, and refused in the same words."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from fine_tuning.data_io.formats import chat_checks
from fine_tuning.data_io.formats.findings import CODES
from tests.server.conftest import ALIAS
from tests.server.test_answer_forms import of

PLACE = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
CLOSED = {**PLACE, "additionalProperties": False}
LOOKED_AROUND = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=x)y"}}}
ROW = [
    {"role": "user", "content": "How is the weather in Paris?"},
    {"role": "assistant", "content": "It is sunny in Paris today."},
]


def tool(**function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "weather", **function}}


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


ACCEPTED: list[list[Any]] = [
    [],
    [tool()],
    [tool(parameters=None, description=None, strict=None)],
    [tool(parameters={})],
    [tool(parameters=CLOSED, strict=True, description="Weather of a place")],
    [tool(parameters=PLACE, strict=False)],
    [tool(parameters=of({"properties": {"type": "string"}, "at": {"const": {"type": "object"}}}), strict=True)],
    [tool(parameters=of({}), strict=True)],
    [tool(parameters=LOOKED_AROUND)],
    [tool(parameters=LOOKED_AROUND, strict=False)],
    [tool(parameters={"type": "bogus"})],
    [tool(parameters={"$ref": "https://example.com/schema.json"})],
    [tool(parameters={"not": {}, "if": {}, "uniqueItems": True, "x-own": 1})],
    [tool(parameters={"type": "object", "properties": {"n": {"type": "integer", "minimum": 2**62}}})],
    [tool(parameters=of({"a": {"type": "integer", "minimum": 2**70}}), strict=True)],
    [tool(parameters=nested(25))],
    [tool(), tool()],
    [tool() for _ in range(128)],
]
REFUSED: list[list[Any]] = [
    [{"type": "web_search"}],
    [{"type": "function"}],
    [{"function": {"name": "weather"}}],
    ["weather"],
    [None],
    [tool(name="get weather")],
    [tool(name="")],
    [tool(name="w" * 65)],
    [tool(name=3)],
    [tool(parameters="{}")],
    [tool(parameters=[])],
    [tool(parameters=3)],
    [tool(description=3)],
    [tool(strict="very")],
    [tool(party=True)],
    [{**tool(), "party": True}],
    [tool(parameters=nested(40))],
    [tool(description="half \ud83d")],
    [tool() for _ in range(129)],
    [tool(parameters=LOOKED_AROUND, strict=True)],
    [tool(parameters={"not": {"type": "string"}}, strict=True)],
    [tool(parameters={"type": "bogus"}, strict=True)],
    [tool(parameters={"$ref": "#/nope"}, strict=True)],
    [tool(), tool(parameters={"type": "string", "pattern": "("}, strict=True)],
    [tool(parameters={"type": "array", "items": {"type": "string"}}, strict=True)],
    [tool(parameters={"anyOf": [of({}), of({"a": {"type": "string"}})]}, strict=True)],
    [tool(parameters=PLACE, strict=True)],
    [tool(parameters={**CLOSED, "required": []}, strict=True)],
    [tool(parameters=of({"a": {"type": "array", "items": {"type": "object"}}}), strict=True)],
    [tool(parameters=of({"a": {"anyOf": [{"type": "null"}, PLACE]}}), strict=True)],
    [tool(parameters=of({"a": {"$ref": "#/$defs/P"}}, **{"$defs": {"P": PLACE}}), strict=True)],
    [tool(parameters=of({"a": {"type": ["object", "null"], "additionalProperties": {"type": "string"}}}), strict=True)],
]


def refused(address: str, tools: Any) -> str | None:
    """Why answering refuses tools; None where it does not."""
    body = {"model": ALIAS, "messages": ROW[:1], "max_tokens": 1, "tools": tools}
    headers = {"Content-Type": "application/json"}
    answer = httpx2.post(f"{address}/chat/completions", content=json.dumps(body), headers=headers)
    found: str | None = answer.json()["error"]["message"] if answer.status_code != 200 else None
    return None if found is None or "too long" in found else found


def findings(row: dict[str, Any]) -> list[Any]:
    return [each for each in chat_checks.check_row(row) if CODES[each.code].is_error]


@pytest.fixture(scope="module")
def pair() -> dict[str, Any]:
    answer = {"role": "assistant", "content": "It rains in Paris."}
    return {"preferred_output": ROW[1:], "non_preferred_output": [answer]}


def test_tools_that_answering_accepts_train(address: str, pair: dict[str, Any]) -> None:
    for tools in ACCEPTED:
        assert refused(address, tools) is None, tools
        assert findings({"messages": ROW, "tools": tools}) == [], tools
        assert findings({"input": {"messages": ROW[:1], "tools": tools}, **pair}) == [], tools


def test_tools_that_answering_refuses_do_not_train(address: str, pair: dict[str, Any]) -> None:
    for tools in REFUSED:
        words = refused(address, tools)
        assert words, tools
        assert [each.message for each in findings({"messages": ROW, "tools": tools})] == [words]
        assert [each.message for each in findings({"input": {"messages": ROW[:1], "tools": tools}, **pair})] == [words]


def test_file_with_tools_that_are_refused_fails_its_job_in_the_same_words(
    client: OpenAI, address: str, upload: Any, finish: Any
) -> None:
    tools = [tool(parameters=LOOKED_AROUND, strict=True)]
    line = json.dumps({"messages": ROW, "tools": tools}) + "\n"
    job = finish(client.fine_tuning.jobs.create(model=ALIAS, training_file=upload((line * 10).encode())).id)
    assert job.status == "failed"
    words = refused(address, tools)
    assert words is not None
    assert words in job.error.message
