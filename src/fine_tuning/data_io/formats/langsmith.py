"""Runs of models that LangSmith traces, from its API or an export (JSON, JSONL, CSV or Parquet).

Sources: https://docs.langchain.com/langsmith/run-data-format and https://docs.langchain.com/langsmith/log-llm-trace
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.beside import read_beside
from fine_tuning.data_io.call import Call, Choice
from fine_tuning.data_io.corrections import ANSWERED, corrected_by
from fine_tuning.data_io.dialects.conversation import read_answer, read_messages
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.finish_reasons import reason_in, strictest
from fine_tuning.data_io.formats.gateway_exchange import LoggedExchange, read_exchange
from fine_tuning.data_io.formats.generations import first_generation, requests_of
from fine_tuning.data_io.formats.scores import rating_of_scores
from fine_tuning.data_io.formats.several_calls import read_each
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    first_value,
    is_list,
    is_object,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.redaction import is_redacted_value
from fine_tuning.data_io.request_options import request_options, with_extra_body
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.data_io.usage import usage_of
from fine_tuning.errors import DataError

NAME = "langsmith"
_OF_TRACE = ("feedback_stats", "thread_id", "trace_id")  # facts that hold for all runs of a trace
_FEEDBACK = ("feedback", "feedbacks", "feedback_stats")
_CORRECTED = (*ANSWERED, "messages", "text", "content", "desired_output", "expected_output", "corrected_output")
_HIDDEN = "the run has no {}; unset LANGSMITH_HIDE_{} where it is traced"


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return "run_type" in row and ("inputs" in row or "outputs" in row)


def calls(row: Row) -> Iterator[Call | Unread]:
    """The calls of a run of a model, and of those inside a run of another kind; failed ones have none.

    Raises:
        DataError: the only run is malformed, or its inputs or outputs are hidden.
    """
    yield from read_each(_runs_in(row, "run"), _calls_of_run)


def _runs_in(row: Row, where: str) -> Iterator[tuple[str, Row]]:
    """The runs of models, outermost first: one inside another is a part of the same call."""
    if str(row.get("run_type")).lower() == "llm":
        yield where, row
        return
    children = parse_embedded_json(row.get("child_runs"))
    for at, child in enumerate(children if is_list(children) else []):
        if is_object(child):
            stated = {key: value for key, value in child.items() if value not in (None, {}, [])}
            inherited = {key: row[key] for key in _OF_TRACE if row.get(key)}
            yield from _runs_in({**inherited, **stated}, f"{where}.child_runs[{at}]")


def _calls_of_run(row: Row) -> Iterator[Call | Unread]:
    if row.get("error") or str(row.get("status") or "success").lower() != "success":
        yield Unread("failed")
        return
    inputs, outputs = (parse_embedded_json(row.get(key)) for key in ("inputs", "outputs"))
    if is_object(inputs) and "prompts" in inputs:
        return  # completions of text
    if any(map(is_redacted_value, (inputs, outputs))):
        yield Unread("redacted")
        return
    if not inputs:
        raise DataError(_HIDDEN.format("inputs", "INPUTS"))
    if not outputs:
        raise DataError(_HIDDEN.format("outputs", "OUTPUTS"))
    for each in requests_of(inputs, outputs):
        yield from _call(row, *each)


def _call(row: Row, inputs: object, outputs: object) -> Iterator[Call]:
    extra = object_or_empty(parse_embedded_json(row.get("extra")))
    found = _exchange(inputs, outputs, extra)
    if found is None:
        return
    stats = parse_embedded_json(row.get("feedback_stats"))
    traced = object_or_empty(parse_embedded_json(extra.get("metadata")))
    counts = {key: row.get(key) for key in ("prompt_tokens", "completion_tokens")}
    counted = object_or_empty(outputs).get("usage_metadata") or traced.get("usage_metadata")
    call = Call(
        found.messages,
        found.tools,
        rating=rating_of_scores(_scores(stats)),
        model=found.model or traced.get("ls_model_name"),
        captured_at=row.get("start_time"),
        metadata={**found.options, **_metadata(row, _own(traced, extra), stats)},
        finish_reason=found.choice.finish_reason,
        usage=found.choice.usage or usage_of(counts) or usage_of(counted),
    )
    yield corrected_by(call, (each for key in _FEEDBACK if row.get(key) for each in _corrections(row[key])))


def _exchange(inputs: object, outputs: object, extra: Row) -> LoggedExchange | None:
    parameters = object_or_empty(extra.get("invocation_params"))
    given = dict(inputs) if is_object(inputs) else {"messages": inputs}
    stated = {"tools": parameters.get("tools") or parameters.get("functions"), **given}
    request = with_extra_body(stated, parameters)
    choice = _answer(outputs)
    if choice is None:
        found = read_exchange(request, outputs)
        return found and found._replace(options={**request_options(parameters), **found.options})
    key = next((key for key in ("messages", "input", "contents", "prompt") if request.get(key)), None)
    if key is None:
        raise DataError("inputs has no messages")
    tools_key = "tools" if request.get("tools") else "functions"
    tools = read_tools(request.get(tools_key))
    prompt = read_beside(request, read_messages(request[key], "inputs"), tools, None, (key, tools_key))
    model = object_or_empty(object_or_empty(outputs).get("llm_output")).get("model_name")
    return LoggedExchange(
        [*prompt.messages, *choice.messages],
        prompt.tools,
        choice,
        model or first_value(parameters, "model", "model_name") or request.get("model"),
        request_options({**parameters, **request}),
    )


def _answer(outputs: object) -> Choice | None:
    """The answer as LangChain or a traced function writes it; None where the outputs are those of a vendor's API."""
    if is_list(outputs) or isinstance(outputs, str):
        last = outputs[-1] if is_list(outputs) and outputs else None
        return Choice(read_answer(outputs, "outputs"), reason_in(last))
    facts = object_or_empty(outputs)
    if "generations" in facts:
        return first_generation(facts["generations"], "outputs")
    given = first_value(facts, "messages", "output") if "choices" not in facts else None
    if isinstance(given, str) or (is_object(given) and "message" not in given):
        return Choice(read_answer(given, "outputs"), reason_in(facts))
    if is_list(given) and "messages" in facts:
        return Choice(read_answer(given[-1:], "outputs"), strictest(map(reason_in, (facts, given[-1:]))))
    return None


def _scores(stats: object) -> Iterator[tuple[object, object]]:
    """Name and mean of each feedback, from its statistics or from a list of feedback."""
    for name, each in stats.items() if is_object(stats) else ():
        yield name, object_or_empty(each).get("avg") if is_object(each) else each
    for each in stats if is_list(stats) else ():
        facts = object_or_empty(each)
        yield facts.get("key"), facts.get("score") if facts.get("score") is not None else facts.get("value")


def _corrections(given: object) -> Iterator[tuple[str, object]]:
    """What people wrote in place of the outputs; a correction may also be of the score that it belongs to."""
    feedback = parse_embedded_json(given)
    for each in feedback if is_list(feedback) else ():
        facts = object_or_empty(each)
        correction = parse_embedded_json(facts.get("correction"))
        if is_object(correction) and "role" not in correction:
            correction = next((correction[key] for key in _CORRECTED if correction.get(key)), None)
        yield f"correction of {facts.get('key')}", correction if isinstance(correction, str | dict | list) else None


def _own(traced: Row, extra: Row) -> JsonObject:
    """The metadata that the application has given, without what LangChain and LangSmith have added."""
    added = {"lc_versions", "usage_metadata", *object_or_empty(extra.get("invocation_params"))}
    return {key: value for key, value in traced.items() if not key.startswith("ls_") and key not in added}


def _metadata(row: Row, own: Row, stats: object) -> JsonObject:
    facts = {
        "run": row.get("id"),
        "trace": row.get("trace_id"),
        "conversation_id": row.get("thread_id") or first_value(own, "session_id", "thread_id", "conversation_id"),
        "tags": parse_embedded_json(row.get("tags")),
        "feedback": stats,
    }
    return {**own, **{key: value for key, value in facts.items() if value}}
