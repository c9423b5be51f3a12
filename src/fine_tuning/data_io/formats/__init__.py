"""Formats of recorded calls, one file each: how a row is recognised, and the calls in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Protocol

from fine_tuning.data_io.broken_json import ANY_JSON, refuse_broken_json
from fine_tuning.data_io.call import RECORD_KEYS, Call, is_record
from fine_tuning.data_io.context_columns import unread
from fine_tuning.data_io.corrections import ANSWERED, corrected
from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.dialects.images import refuse_empty_places
from fine_tuning.data_io.dialects.list_columns import with_objects
from fine_tuning.data_io.dialects.marked_turns import without_marks
from fine_tuning.data_io.dialects.messages_in_text import with_messages
from fine_tuning.data_io.dialects.stated_types import with_stated_types
from fine_tuning.data_io.dialects.tools_in_text import with_tools_of_text
from fine_tuning.data_io.finish_reasons import strictest
from fine_tuning.data_io.formats import (
    ai_sdk,
    alpaca,
    anthropic,
    argilla,
    batch,
    bedrock,
    bedrock_log,
    candidates,
    chat_text,
    chatgpt,
    cohere,
    compared_answers,
    gemini,
    gemini_log,
    glaive,
    google_adk,
    half_calls,
    helicone,
    langfuse,
    langsmith,
    langsmith_dataset,
    litellm,
    oasst,
    open_columns,
    open_webui,
    openai_chat,
    openai_log,
    openai_responses,
    opentelemetry,
    portkey,
    preference,
    prompt_response,
    question_answer,
    sharegpt,
    squad,
    stored_completion,
    toolace,
    vendor_response,
    xlam,
)
from fine_tuning.data_io.formats.several_calls import MALFORMED, unforeseen
from fine_tuning.data_io.json_values import Row, is_object, parse_embedded_json
from fine_tuning.data_io.key_meanings import folded
from fine_tuning.data_io.redaction import has_marks_alone, has_redacted
from fine_tuning.data_io.row_status import RowStatus, status_of
from fine_tuning.data_io.sources.json_rows import is_by_column
from fine_tuning.data_io.truncation import truncated_place
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.errors import DataError, UsageError

__all__ = ["FORMATS", "LOGS", "Call", "Row", "calls_in", "check_format", "format_of"]


class Format(Protocol):
    """The interface of each format's module."""

    NAME: str

    def recognises(self, row: Row) -> bool: ...

    def calls(self, row: Row) -> Iterator[Call | Unread]: ...


_MODULES: tuple[Format, ...] = (
    # The more specific formats come first: a log entry may also have messages.
    litellm,
    langsmith,
    helicone,
    portkey,
    opentelemetry,
    langfuse,
    batch,
    bedrock_log,
    openai_responses,
    gemini_log,
    anthropic,
    openai_log,
    stored_completion,
    open_webui,
    google_adk,
    chatgpt,
    cohere,
    argilla,
    preference,
    langsmith_dataset,
    toolace,
    sharegpt,
    bedrock,
    ai_sdk,
    openai_chat,
    gemini,
    alpaca,
    glaive,
    oasst,
    xlam,
    squad,
    chat_text,
    prompt_response,
    question_answer,
)
FORMATS: dict[str, Format] = {each.NAME: each for each in _MODULES}
LOGS = frozenset(
    each.NAME
    for each in (
        *(langfuse, langsmith, litellm, helicone, portkey, opentelemetry, stored_completion),
        *(batch, bedrock_log, openai_responses, gemini_log, anthropic, openai_log),
        *(ai_sdk, open_webui, google_adk, argilla, chatgpt, cohere),
    )
)
"""Formats of production logs, which hold good and bad responses; the others hold curated training data."""

_ANSWERS = {*ANSWERED, "chosen", "rejected"}
_EXCHANGES = frozenset(each.NAME for each in (openai_responses, gemini_log, anthropic, openai_log))  # of one call
_OF_ONE_CALL = _EXCHANGES | frozenset(  # logs whose rows are a call each
    each.NAME for each in (litellm, helicone, portkey, stored_completion, batch, bedrock_log)
)
_COLUMNS = frozenset(each.NAME for each in (alpaca, prompt_response, question_answer))  # with a column of the answer
# A row with no other fields than these, as most training data has, is of a format that messages alone tell.
_PLAIN_KEYS = RECORD_KEYS | {"messages", "tools"}
_OF_MESSAGES = [each.NAME for each in _MODULES if each in (open_webui, ai_sdk, openai_chat)]


def check_format(name: str) -> str:
    """Return the name of a known format.

    Raises:
        UsageError: the format is unknown; the message lists the known ones.
    """
    if name not in FORMATS:
        raise UsageError(f"unknown format {name!r}; use one of {', '.join(FORMATS)}")
    return name


def format_of(row: Row) -> str | None:
    """The name of a row's format; None if no format recognises it."""
    try:
        return _recognised(with_objects(_stated(row), is_checked=False))[0]
    except MALFORMED:  # `read` says why
        return None


def _candidates(row: Row) -> Iterable[str]:
    """The formats that a row may have."""
    if "messages" in row and row.keys() <= _PLAIN_KEYS:
        return _OF_MESSAGES
    return _formats_with(frozenset(row), len(FORMATS))


@lru_cache(maxsize=1024)  # the rows of a file have few sets of fields
def _formats_with(fields: frozenset[str], known: int) -> tuple[str, ...]:  # noqa: ARG001 - what is kept depends on it
    """The formats, of which so many are known, that a row with these fields may have."""
    return tuple(name for name in FORMATS if candidates.may_be(name, fields))


def _recognised(row: Row, only: str | None = None) -> tuple[str | None, Row]:
    """The first format that is a row's, or the only one that is asked for, and the row as the format has it.

    Its fields are in lower case where only those fit, and a conversation under another name is under `messages`.
    """
    for name in _candidates(row) if only is None else (only,):
        if FORMATS[name].recognises(row):
            return name, row
    if any(key != folded(key) for key in row):
        lower = {folded(key): value for key, value in row.items()}
        if len(lower) == len(row) and (found := _recognised(lower, only)[0]) is not None:
            return found, lower
    if "messages" not in row and (named := with_messages(row)) is not None:
        return _recognised(named, only)
    return None, row


def _stated(row: Row) -> Row:
    """The row without the nulls with which tables fill the columns of other rows."""
    return {key: value for key, value in row.items() if value is not None} if None in row.values() else row


def _refuse_broken_json(row: Row) -> None:
    """Name a column that holds a whole row as JSON, or lists as Python writes them, as pandas does in CSV."""
    for key, value in row.items():
        inner = parse_embedded_json(value)
        if is_object(inner) and (known := format_of(inner)) is not None:
            raise DataError(f"{key} holds a row of the format {known}; write the rows in it as JSONL, one a line")
        refuse_broken_json(value, key, begins=ANY_JSON)


def calls_in(
    row: Row, name: str | None = None, on_unread: Callable[[Unread], object] = lambda _: None
) -> Iterator[Call]:
    """The calls that a row records: one in most formats, any number in a trace; none whose text a log has redacted.

    Args:
        name: the row's format; recognised by default.
        on_unread: called with each call that is left out.

    Raises:
        DataError: the row is of another format, or malformed.
    """
    for found in read(row, name)[1]:
        if isinstance(found, Call):
            yield found
        elif found.why == "malformed":
            raise DataError(found.reason)
        elif found.why == "other answers":  # an import counts them itself
            unread_keys.note({"other answers": True}, (), "chat")
        else:
            on_unread(found)


def read(row: Row, name: str | None = None) -> tuple[str, Iterator[Call | Unread]]:
    """The name of a row's format, and its calls, as `calls_in` has them, with those that are not read among them.

    Raises:
        DataError: as of `calls_in`.
    """
    try:
        known, row = _known(row, name)
    except MALFORMED as error:
        raise unforeseen(error, "row") from None
    return known, _calls(row, known)


def _known(row: Row, name: str | None) -> tuple[str, Row]:
    """A row's format, and the row as that has it."""
    empty = [key for key, value in row.items() if value is None and key in _ANSWERS]
    row = with_objects(_stated(row))
    known, row = _recognised(row, name)
    if is_by_column(row):
        raise DataError("the row is a table by columns, as pandas' to_json writes it; write it with orient='records'")
    if known is None:
        if name is None and (reason := half_calls.reason(row) or compared_answers.reason(row)) is not None:
            raise DataError(reason)
        _refuse_broken_json(row)
        if name is None and (reason := open_columns.reason(row)) is not None:
            raise DataError(reason)
        if name is None and empty and row:
            raise DataError(f"{empty[0]} is empty, and the row has no other answer")
        expected = f"of the format {name}" if name else "of any known format"
        advice = "" if name else "; name what is asked prompt and the answer response, or write both as messages"
        raise DataError(f"the row is not {expected} (it has {', '.join(sorted(row)[:6]) or 'nothing'}){advice}")
    return known, row


def _unwrapped(call: Call, known: str) -> Call:
    """The call of a column that holds a whole response of a model as JSON text, with the answer in that."""
    text = call.messages[-1].get("content") if call.messages and known in _COLUMNS else None
    body = parse_embedded_json(text) if isinstance(text, str) and text.lstrip()[:1] == "{" else None
    if not is_object(body) or vendor_response.kind_of(body) in (None, vendor_response.MESSAGE):
        return call
    choice = vendor_response.read_response(body)
    return replace(
        call,
        messages=[*call.messages[:-1], *choice.messages],
        finish_reason=strictest([choice.finish_reason, call.finish_reason]),
        usage=call.usage or choice.usage,
    )


def _of_data(call: Call, row: Row, status: RowStatus) -> Call | Unread:
    """A call of training data, with the names of the columns that may belong to its question.

    One that its row says has failed, or a text of which was redacted, is left out, as in a log.
    An answer that ends with the mark of a tracer was cut off; a question may quote one.
    """
    messages = (*call.messages, *(call.rejected or ()))
    if has_marks_alone(messages):
        return Unread("redacted")
    if (left_out := status.unread(messages)) is not None:
        return left_out
    if call.rejected is None and not call.is_cut_off and truncated_place(call.messages[-1:]) is not None:
        call = replace(call, finish_reason="length")
    subjects = status.subjects().union(call.subjects) if call.metadata else ()
    columns = unread(row, call.metadata, call.messages, subjects) if call.metadata else ()
    return replace(call, unread=columns) if columns else call


def _of_log(call: Call) -> Call | Unread:
    """A logged call; one whose text was redacted or cut off is left out, and a refusal ends an answer."""
    if has_redacted(call.messages):
        return Unread("redacted")
    if (place := truncated_place(call.messages)) is not None:
        return Unread("malformed", f"{place} ends with the mark of a tool that cuts texts off; raise its limit")
    is_refused = bool(call.messages and call.messages[-1].get("refusal"))
    return replace(call, finish_reason="content_filter") if is_refused and not call.is_cut_off else call


def _calls(row: Row, known: str) -> Iterator[Call | Unread]:
    try:
        is_own = is_record(row)
        is_single = known not in LOGS or known in _OF_ONE_CALL
        status = status_of(row, is_record=is_own, is_log=known in LOGS) if is_single else RowStatus()
        if (left_out := status.surely()) is not None:
            yield left_out
            return
        for call in FORMATS[known].calls(row):
            if isinstance(call, Call):
                call = call if is_own else with_stated_types(with_tools_of_text(without_marks(call)))
                refuse_empty_places((*call.messages, *(call.rejected or ())))
                if known in LOGS:
                    call = corrected(call, row) if known in _EXCHANGES else call
                    yield status.unread(call.messages) or _of_log(call)
                else:
                    yield _of_data(corrected(_unwrapped(call, known), row), row, status)
            else:
                yield call
    except MALFORMED as error:
        # Each format names what it finds missing; other malformed shapes end here.
        raise unforeseen(error, f"{known} row") from None
