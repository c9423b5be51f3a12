"""What an SDK was given as `extra_body` is a part of the request that it sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.call import Call
from fine_tuning.errors import DataError
from tests.data_io.test_logged_requests import ANSWER, LOGS, RESPONSE, USER, call_of

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
DOCUMENTS = [{"text": "Bonn lies on the Rhine."}]
SCHEMA = {"type": "object", "properties": {"dry": {"type": "boolean"}}}
PARAMETERS = ("litellm", "langfuse", "langsmith", "openinference")


def with_parameters(tracer: str, extra: Any) -> Call:
    """A call whose tracer keeps the parameters beside the messages."""
    rows: dict[str, dict[str, Any]] = {
        "litellm": {
            "call_type": "acompletion",
            "messages": [USER],
            "model_parameters": {"extra_body": extra},
            "response": RESPONSE,
        },
        "langfuse": {
            "traceId": "1",
            "type": "GENERATION",
            "input": [USER],
            "output": ANSWER,
            "modelParameters": {"extra_body": extra},
        },
        "langsmith": {
            "run_type": "llm",
            "inputs": {"messages": [USER]},
            "outputs": RESPONSE,
            "extra": {"invocation_params": {"extra_body": extra}},
        },
        "openinference": {
            "name": "call",
            "attributes": {
                "openinference.span.kind": "LLM",
                "llm.invocation_parameters": json.dumps({"extra_body": extra}),
                "llm.input_messages": [{"message": USER}],
                "llm.output_messages": [{"message": ANSWER}],
            },
        },
    }
    (call,) = formats.calls_in(rows[tracer])
    return call


def calls_with(extra: Any) -> list[Any]:
    within = [lambda log=log: call_of(log, {"extra_body": extra}) for log in LOGS]
    return [*within, *(lambda tracer=tracer: with_parameters(tracer, extra) for tracer in PARAMETERS)]


def test_system_prompt_and_tools_are_read() -> None:
    for read in calls_with({"system": "Be short.", "tools": [TOOL]}):
        call = read()
        assert call.messages == [{"role": "system", "content": "Be short."}, USER, ANSWER]
        assert [each["function"]["name"] for each in call.tools or []] == ["weather"]


def test_documents_are_refused_by_name() -> None:
    for read in calls_with({"documents": DOCUMENTS}):
        with pytest.raises(DataError, match="documents"):
            read()


@pytest.mark.parametrize("extra", [{"guided_json": SCHEMA}, json.dumps({"guided_json": SCHEMA})])
def test_options_are_kept(extra: Any) -> None:
    for read in calls_with(extra):
        assert read().metadata["guided_json"] == SCHEMA


def test_options_of_transport_change_nothing() -> None:
    for read in calls_with({"top_k": 5, "provider": {"order": ["a"]}, "repetition_penalty": 1.1}):
        assert read().messages == [USER, ANSWER]
