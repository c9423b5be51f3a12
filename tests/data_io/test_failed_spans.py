"""Spans of chats that ended with an error have failed; those around them are no calls of a chat model at all."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.unread_rows import Unread

CHATS: dict[str, dict[str, Any]] = {
    "gen_ai": {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "error.type": "timeout"},
    "openinference": {"openinference.span.kind": "LLM", "llm.model_name": "m"},
    "vercel": {"ai.operationId": "ai.generateText.doGenerate", "ai.model.id": "m"},
}
OTHERS: dict[str, dict[str, Any]] = {
    "gen_ai": {"gen_ai.operation.name": "invoke_agent"},
    "openinference": {"openinference.span.kind": "AGENT"},
    "vercel": {"ai.operationId": "ai.toolCall"},
}


def read(attributes: dict[str, Any]) -> list[Any]:
    listed = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
    span = {"spanId": "a1", "name": "call", "status": {"code": 2}, "attributes": listed}
    return list(formats.read({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})[1])


@pytest.mark.parametrize("convention", CHATS)
def test_failed_span_is_told_from_one_of_no_chat(convention: str) -> None:
    assert read(CHATS[convention]) == [Unread("failed")]
    assert read(OTHERS[convention]) == []


@pytest.mark.parametrize(
    "ids", [{"trace_id": "1", "span_id": "2"}, {"context": {"trace_id": "0x1", "span_id": "0x2", "trace_state": "[]"}}]
)
def test_span_of_anything_else_is_no_call_of_a_model(ids: dict[str, Any]) -> None:
    span = {"name": "GET", "kind": "SpanKind.CLIENT", "status": {"status_code": "UNSET"}, "events": [], **ids}
    for attributes in ({"http.method": "GET"}, {"traceloop.span.kind": "task", "traceloop.entity.input": "{}"}, {}):
        name, found = formats.read({**span, "attributes": attributes})
        assert (name, list(found)) == ("opentelemetry", [])
