"""Observations that Langfuse exports (JSON, JSONL or CSV) from its interface, its API or to blob storage.

Source: https://langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fine_tuning.data_io.broken_json import refuse_broken_json
from fine_tuning.data_io.call import Call, Choice
from fine_tuning.data_io.choices import one_of
from fine_tuning.data_io.corrections import corrected_by, holds_correction
from fine_tuning.data_io.dialects.conversation import ROLES, read_answer, read_messages
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.finish_reasons import reason_in, strictest
from fine_tuning.data_io.formats.gateway_exchange import read_response
from fine_tuning.data_io.formats.scores import rating_of_scores
from fine_tuning.data_io.formats.several_calls import read_each
from fine_tuning.data_io.formats.stored_completion import first_choice
from fine_tuning.data_io.formats.vendor_request import Request, read_request
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    first_value,
    is_list,
    is_object,
    is_one_of,
    list_of_objects,
    object_or_empty,
    parse_embedded_json,
    to_json_text,
)
from fine_tuning.data_io.messages import Tool
from fine_tuning.data_io.redaction import is_redacted_value
from fine_tuning.data_io.request_options import request_options, with_extra_body
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.data_io.usage import usage_of
from fine_tuning.errors import DataError

NAME = "langfuse"
_MEDIA = re.compile(r"@@@langfuseMedia:type=([^|@]*)\|[^@]*@@@")
_DECLARATIONS = ("toolSpec", "functionDeclarations", "function_declarations")
_SCHEMAS = ("parameters", "input_schema", "inputSchema")
_HOSTS_TOOL = re.compile("(?:web_search|file_search|computer|code_|image_gen|mcp|bash_|text_editor|str_replace)")
_CORRECTED = ("correctedOutput", "corrected_output")
_OF_SEVERAL = "is one of several generations"  # of a trace, whose own correction may be of another one
_OF_TRACES = {"id", "timestamp", "name", "input", "output"}
_ONLY_IN_TRACES = {
    *("userId", "sessionId", "user_id", "session_id", "release", "bookmarked", "public", "environment", "htmlPath"),
    *("latency", "totalCost", "total_cost", "projectId", "project_id", "observationCount"),
}
_TOOLS_BESIDE = ("toolDefinitions", "tool_definitions", "tools")
_BLOCKS = {"text", "tool_use", "thinking"}  # of a message of Anthropic's
_ITEMS = {"message", "function_call", "reasoning"}  # of a response of OpenAI's
_OF_AI_SDK = {"toolCallId", "toolName"}  # a call; an answer of calls alone is a list of them


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    if "observations" in row:
        return True
    if _is_trace(row):
        return True
    in_trace = "traceId" in row or "trace_id" in row
    return in_trace and "input" in row and ("type" in row or "name" in row)


def _is_trace(row: Row) -> bool:
    """Whether a row is a whole trace, as the table of traces is exported."""
    return row.keys() >= _OF_TRACES and not _ONLY_IN_TRACES.isdisjoint(row)


def calls(row: Row) -> Iterator[Call | Unread]:
    """The call of an observation, or of each generation of a trace; other steps, and failed ones, have none.

    Raises:
        DataError: the only observation is malformed.
    """
    if is_list(row.get("observations")):
        facts: JsonObject = {
            "traceId": row.get("id"),
            **{key: row.get(key) for key in ("scores", "sessionId", "userId")},
        }
        observations = list_of_objects(row.get("observations"), "observations")
        facts[_OF_SEVERAL] = sum(str(each.get("type")).upper() == "GENERATION" for each in observations) > 1
        parts = ((f"observations[{at}]", {**facts, **each}) for at, each in enumerate(observations))
        yield from read_each(parts, calls)
        return
    if _is_trace(row) and not first_value(row, "traceId", "trace_id"):
        row = {**row, "traceId": row["id"], "id": None}
    if str(row.get("type") or "GENERATION").upper() != "GENERATION":
        return
    if str(row.get("level")).upper() == "ERROR":  # also where a part of the answer came before it
        yield Unread("failed")
        return
    scores = parse_embedded_json(row.get("scores"))
    given, output = parse_embedded_json(row.get("input")), row.get("output")
    if any(map(is_redacted_value, (given, output))):
        yield Unread("redacted")
        return
    _refuse_media(given, "input")
    _refuse_media(output, "output")
    given, listed = _without_tools(given)
    parameters = object_or_empty(parse_embedded_json(first_value(row, "modelParameters", "model_parameters")))
    if "extra_body" in parameters:
        given = with_extra_body(given if is_object(given) and "role" not in given else {"messages": given}, parameters)
    request = _request(given)
    answer = _answer(_parsed_output(row), output, first_value(row, "toolCalls", "tool_calls"))
    call = Call(
        [*request.messages, *answer.messages],
        request.tools or read_tools(listed) or _tools_beside(row, parameters),
        rating=rating_of_scores(_scores(scores, row.get("id"))),
        model=first_value(row, "model", "providedModelName", "provided_model_name"),
        captured_at=first_value(row, "startTime", "start_time", "timestamp"),
        metadata={**request_options(parameters), **request.options, **_metadata(row, scores)},
        finish_reason=strictest(
            iter([answer.finish_reason, reason_in(parse_embedded_json(row.get("metadata")), depth=1)])
        ),
        usage=answer.usage or usage_of(parse_embedded_json(first_value(row, "usage", "usageDetails", "usage_details"))),
    )
    yield corrected_by(call, _corrections(row, scores))


def _parsed_output(row: Row) -> object:
    """The output; an answer in quotes is JSON only where the input is JSON text, too."""
    given, output = row.get("input"), row.get("output")
    parsed = parse_embedded_json(output)
    is_encoded = isinstance(given, str) and parse_embedded_json(given) is not given
    return output if isinstance(parsed, str) and not is_encoded else parsed


def _refuse_media(value: object, label: str) -> None:
    """Raise a `DataError` for what Langfuse leaves in place of an image, audio or a file that it has stored."""
    if isinstance(value, str):
        found = _MEDIA.search(value)
        if found is not None:
            raise DataError(
                f"{label} holds media that Langfuse keeps elsewhere ({found[0]}); put an address or its data: URL there"
            )
    elif is_object(value) or is_list(value):
        for each in value.values() if is_object(value) else value:
            _refuse_media(each, label)


def _without_tools(given: object) -> tuple[object, list[object]]:
    """The input without the tools that Langfuse's handler for LangChain appends as messages, and those tools."""
    if is_object(given) and is_list(given.get("messages")):
        messages, tools = _without_tools(given["messages"])
        return {**given, "messages": messages}, tools
    if not is_list(given):
        return given, []
    tools = [each["content"] for each in given if is_object(each) and _is_tool(each)]
    return [each for each in given if not (is_object(each) and _is_tool(each))], tools


def _is_tool(message: Row) -> bool:
    """Whether a message is no result of a tool, but its definition."""
    if message.get("role") != "tool" or message.get("tool_call_id"):
        return False
    tool = parse_embedded_json(message.get("content"))
    if not is_object(tool):
        return False
    if is_object(function := tool.get("function")):
        return tool.get("type") == "function" and isinstance(function.get("name"), str)
    if any(key in tool for key in _DECLARATIONS):
        return True
    if isinstance(kind := tool.get("type"), str) and _HOSTS_TOOL.match(kind):
        return True
    return isinstance(tool.get("name"), str) and any(key in tool for key in _SCHEMAS)


def _request(given: object) -> Request:
    if is_object(given) and "role" not in given:
        return read_request(given)
    if is_list(given) and len(given) == 1 and isinstance(given[0], str):  # a prompt, as LangChain sends it
        given = given[0]
    if isinstance(given, str | list | dict):
        return Request(read_messages(given, "input"))
    raise DataError("input has no messages")


def _tools_beside(row: Row, parameters: Row) -> list[Tool] | None:
    """The tools that an observation has beside its input: among the parameters, or the definitions by name."""
    for given in (*(parameters.get(key) for key in ("tools", "functions")), *(row.get(key) for key in _TOOLS_BESIDE)):
        found = parse_embedded_json(given)
        if is_object(found):
            found = {name: parse_embedded_json(each) for name, each in found.items()}
        if tools := read_tools(found):
            return tools
    return None


def _answer(parsed: object, given: object, called: object) -> Choice:
    """The answer: a message, a completion, a text, or an object that is the answer itself.

    Args:
        given: the output before JSON text was parsed.
        called: the calls that Langfuse keeps beside the output, each as JSON text.
    """
    if parsed is None or parsed in ("", [], {}):
        calls = parse_embedded_json(called)
        if not is_list(calls) or not calls:
            raise DataError("output has no message; the capture of outputs may be off where it is traced")
        return Choice(read_answer({"tool_calls": [parse_embedded_json(each) for each in calls]}, "toolCalls"))
    kinds = [object_or_empty(each).get("type") for each in parsed] if is_list(parsed) else []
    if kinds and all(is_one_of(kind, _BLOCKS) for kind in kinds):
        return read_response({"content": parsed})
    if kinds and all(is_one_of(kind, _ITEMS) for kind in kinds):
        return read_response({"output": parsed})
    if is_list(parsed) and all(is_object(each) and each.keys() >= _OF_AI_SDK for each in parsed):
        return Choice(read_answer({"tool_calls": parsed}, "output"))
    one = one_of(parsed) if is_list(parsed) and _are_choices(parsed) else parsed
    if is_object(one):
        if is_list(one.get("choices")):
            return first_choice(one)
        if one.get("object") == "response" or one.get("type") == "message" or is_list(one.get("candidates")):
            return read_response(one)
        if (
            str(one.get("role")).lower() in ROLES
            or one.get("tool_calls")
            or (is_one_of(one.get("type"), {"ai", "AIMessageChunk", "constructor"}) and len(one) > 2)
        ):
            return Choice(read_answer(one, "output"), reason_in(one))
    refuse_broken_json(given, "output")
    answer = parsed if isinstance(parsed, str) else to_json_text(given)
    return Choice([{"role": "assistant", "content": answer}])


def _are_choices(parsed: list[object]) -> bool:
    """Whether a list is one answer, or several to choose from."""
    return len(parsed) == 1 or all(object_or_empty(each).get("role") == "assistant" for each in parsed)


def _scores(given: object, observation: object) -> Iterator[tuple[object, object]]:
    """Name and value of the scores of an observation, or of its whole trace; a table has lists of values by name."""
    for name, values in given.items() if is_object(given) else ():
        yield from ((name, value) for value in (values if is_list(values) else [values]))
    for each in given if is_list(given) else []:
        score = object_or_empty(each)
        scored = first_value(score, "observationId", "observation_id")
        if scored is None or observation is None or scored == observation:
            yield score.get("name"), _value(score)


def _value(score: Row) -> object:
    """The value of a score: a category has a word, and of a truth value the number is 0 or 1."""
    value, kind = score.get("value"), str(first_value(score, "dataType", "data_type")).upper()
    if value is None or kind == "CATEGORICAL":
        return first_value(score, "stringValue", "string_value") or value
    return bool(value) if kind == "BOOLEAN" and value in (0, 1) else value


def _corrections(row: Row, given: object) -> Iterator[tuple[str, object]]:
    """What people wrote in place of the output: Langfuse keeps it as a score of that type."""
    yield from ((key, row[key]) for key in _CORRECTED if key in row)
    for name, values in given.items() if is_object(given) else ():
        if holds_correction(name):
            yield from ((f"score {name}", value) for value in (values if is_list(values) else [values]))
    for each in given if is_list(given) else []:
        score = object_or_empty(each)
        scored = first_value(score, "observationId", "observation_id")
        if scored not in (None, row.get("id")) or (scored is None and row.get(_OF_SEVERAL)):
            continue
        name, kind = str(score.get("name")), first_value(score, "dataType", "data_type")
        if kind == "CORRECTION" or (kind != "NUMERIC" and holds_correction(name)):
            text = first_value(score, "stringValue", "string_value", "value")
            yield f"score {name}", text if kind == "CORRECTION" or isinstance(text, str) else None


def _facts(row: Row) -> Row:
    return object_or_empty(parse_embedded_json(row.get("metadata")))


def _metadata(row: Row, scores: object) -> JsonObject:
    facts: JsonObject = {
        "observation": row.get("id"),
        "trace": first_value(row, "traceId", "trace_id"),
        "user": first_value(row, "userId", "user_id"),
        "session_id": first_value(row, "sessionId", "session_id"),
        "scores": scores,
    }
    return {**{key: value for key, value in facts.items() if value}, **_facts(row)}
