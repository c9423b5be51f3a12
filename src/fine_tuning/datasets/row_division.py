"""Rows that record several calls, such as traces and chats with rated answers, divided into a row for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fine_tuning.data_io import formats
from fine_tuning.data_io.call import Call
from fine_tuning.data_io.formats import preference, row_text, several_calls
from fine_tuning.data_io.formats.findings import Finding
from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.data_io.sources import RawRow
from fine_tuning.data_io.sources.raw_row import PART_OF, REFUSED, to_json_bytes
from fine_tuning.data_io.unread_rows import NO_CALL, NO_CALL_CODES, Unread
from fine_tuning.errors import DataError


def divided(rows: Iterable[RawRow]) -> Iterator[RawRow]:
    """The rows; one of several calls as a row of each, all with its line.

    A call that cannot be learnt from is a row that says why.
    """
    for row in rows:
        if row.text is None or not several_calls.may_hold(row.text):
            yield row
        else:
            yield from _parts(row)


def _parts(row: RawRow) -> Iterator[RawRow]:
    value = row_text.parse(row.text)
    found: list[Call | Unread] = []
    try:
        if not isinstance(value, Finding):
            name, calls = formats.read(value)
            found += calls
    except DataError:
        pass  # it is refused as a whole
    others = sum(each.why == "other answers" for each in found if isinstance(each, Unread))
    if len(found) - others < 2:
        yield row
        return
    part: JsonObject = {"format": name, "left_out": ["chat.other answers"] if others else []}
    for each in found:
        if isinstance(each, Call):
            yield row._replace(text=to_json_bytes({**_row_of(each), PART_OF: part}))
            part = {"format": name}
        elif each.why != "other answers":
            yield row._replace(text=to_json_bytes({REFUSED: _refused(each)}))


def _refused(call: Unread) -> list[str]:
    """The code and the message of the finding."""
    if call.why == "malformed":
        return ["malformed", call.reason]
    return [NO_CALL_CODES[call.why], NO_CALL[call.why]]


def _row_of(call: Call) -> JsonObject:
    """A call as the row that is read as this call."""
    request, tools = call.request_messages(), call.tools
    if call.rejected is not None:
        content: JsonObject = {**preference.row_of(request, call.messages[len(request) :], call.rejected, tools)}
    else:
        content = {"messages": call.messages, **({"tools": tools} if tools else {})}
    ended = {"finish_reason": call.finish_reason} if call.is_cut_off else {}
    facts = {
        "domain": call.domain,
        "task_type": call.task_type,
        "rating": call.rating,
        "model": call.model,
        "captured_at": call.captured_at,
        "metadata": {**call.metadata, **ended},
    }
    return {**content, **{key: value for key, value in facts.items() if value not in (None, {})}}
