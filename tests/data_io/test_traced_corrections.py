"""Corrections that people wrote in the interface of a tracer: the answer to learn, and the other one the worse."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError

ASKED = [{"role": "user", "content": "दिल्ली किस देश में है?"}]
SAID, BETTER = ({"role": "assistant", "content": text} for text in ("चीन", "भारत 🇮🇳"))
OBSERVATION: dict[str, Any] = {"id": "o1", "traceId": "t1", "type": "GENERATION", "input": ASKED, "output": SAID}
SPAN: dict[str, Any] = {
    "context": {"trace_id": "t", "span_id": "s"},
    "attributes": {
        "openinference.span.kind": "LLM",
        "llm.input_messages": [{"message.role": "user", "message.content": ASKED[0]["content"]}],
        "llm.output_messages": [{"message.role": "assistant", "message.content": SAID["content"]}],
    },
}
RUN: dict[str, Any] = {"id": "r", "run_type": "llm", "inputs": {"messages": ASKED}}
RUN["outputs"] = {"choices": [{"message": SAID, "finish_reason": "stop"}]}


def score(**given: Any) -> dict[str, Any]:
    stored = {"name": "output", "dataType": "CORRECTION", "stringValue": BETTER["content"], "value": 0}
    return {**OBSERVATION, "scores": [{**stored, **given}]}


def noted(name: str, kind: str = "HUMAN", **result: Any) -> dict[str, Any]:
    return {**SPAN, "annotations": [{"name": name, "annotator_kind": kind, "result": result}]}


def feedback(correction: object, key: str = "feedback") -> dict[str, Any]:
    return {**RUN, key: [{"key": "correctness", "score": 0, "correction": correction}]}


@pytest.mark.parametrize(
    "row",
    [
        score(observationId="o1"),
        score(value=BETTER["content"], stringValue=None),
        score(stringValue='{"role": "assistant", "content": "भारत 🇮🇳"}'),
        score(name="correction", dataType="CATEGORICAL"),
        {**OBSERVATION, "correctedOutput": BETTER["content"]},
        {**OBSERVATION, "corrected_output": BETTER},
        {**OBSERVATION, "scores": {"corrected_output": [BETTER["content"]]}},
        {"id": "t1", "observations": [OBSERVATION], "scores": score()["scores"]},
        noted("corrected_output", label=BETTER["content"]),
        noted("correction", explanation=BETTER["content"]),
        feedback(BETTER["content"]),
        feedback({"output": BETTER["content"]}),
        feedback({"messages": [BETTER]}, "feedback_stats"),
        feedback(BETTER),
    ],
)
def test_correction_is_the_answer(row: dict[str, Any]) -> None:
    (call,) = formats.calls_in(row)
    assert (call.messages, call.rejected, call.rating) == ([*ASKED, BETTER], [SAID], 5)
    assert call.finish_reason is None


@pytest.mark.parametrize(
    "row",
    [
        score(observationId="o2"),
        score(stringValue=SAID["content"]),
        score(name="correction", stringValue="none"),
        score(name="correctness", dataType="CATEGORICAL"),
        noted("correction", score=0, label="incorrect", explanation="The country is wrong."),
        noted("correction", "LLM", label=BETTER["content"]),
        noted("note", explanation=BETTER["content"]),
        feedback({"score": 1}),
        feedback(None),
    ],
)
def test_what_is_no_correction_changes_nothing(row: dict[str, Any]) -> None:
    (call,) = formats.calls_in(row)
    assert (call.messages, call.rejected) == ([*ASKED, SAID], None)


def test_correction_of_a_trace_is_of_none_of_its_generations() -> None:
    row = {"id": "t1", "observations": [OBSERVATION, {**OBSERVATION, "id": "o2"}], "scores": score()["scores"]}
    assert [call.messages[-1] for call in formats.calls_in(row)] == [SAID, SAID]


def test_different_corrections_are_refused_by_name() -> None:
    row = {**score(), "correctedOutput": "तिब्बत"}
    with pytest.raises(DataError, match="correctedOutput and score output are different corrections"):
        list(formats.calls_in(row))
