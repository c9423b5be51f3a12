"""Spans of models' calls, as OTLP JSON or one by one, by any of the conventions in `data_io.spans`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.corrections import corrected_by, holds_correction
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.formats.scores import rating_of_scores
from fine_tuning.data_io.formats.several_calls import read_each
from fine_tuning.data_io.json_values import JsonObject, Row, first_value, is_list, is_object, object_or_empty
from fine_tuning.data_io.spans import gen_ai, openinference, vercel
from fine_tuning.data_io.spans.otlp import attributes_of, has_failed, is_otlp, nested, spans_in, start_time
from fine_tuning.data_io.spans.recorded import RecordedSpan
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.data_io.verdicts import is_positive


class Convention(Protocol):
    """The interface of each convention's module."""

    def recognises(self, attributes: Row) -> bool:
        """Whether a span's attributes are of this convention."""

    def is_chat(self, attributes: Row) -> bool:
        """Whether a span is of one call of a chat model."""

    def read(self, span: Row, attributes: Row) -> RecordedSpan | Unread | None:
        """The call of a span; None for one that called no model."""


NAME = "opentelemetry"
_CONVENTIONS: tuple[Convention, ...] = (
    vercel,
    openinference,
    gen_ai,
)  # the SDK's spans have some attributes of gen_ai, too


def recognises(row: Row) -> bool:
    """Whether a row is of this format; a span that called no model is, too."""
    if is_otlp(row) or _is_span(row):
        return True
    return _convention_of(row, attributes_of(row))[0] is not None


def _convention_of(span: Row, attributes: Row) -> tuple[Convention | None, Row]:
    """The convention of a span, and its attributes; a kind beside them tells only where they do not."""
    for given in (attributes, {**attributes, **openinference.kind_in_column(span)}):
        if (found := next((each for each in _CONVENTIONS if each.recognises(given)), None)) is not None:
            return found, given
    return None, attributes


def calls(row: Row) -> Iterator[Call | Unread]:
    """The calls of all spans of a row; a span that failed, or that called no chat model, has none.

    Raises:
        DataError: the only span is malformed.
    """
    parts = ((f"span {_own_id(span) or number}", span) for number, span in enumerate(spans_in(row)))
    yield from read_each(parts, _call_of)


def _is_span(row: Row) -> bool:
    """Whether a row is a span by its fields alone, as OpenTelemetry's exporters print it."""
    ids = object_or_empty(row.get("context")) or row
    has_ids = bool(first_value(ids, "spanId", "span_id") and first_value(ids, "traceId", "trace_id"))
    return has_ids and is_object(row.get("attributes")) and "name" in row


def _own_id(span: Row) -> object:
    return first_value(span, "spanId", "span_id") or object_or_empty(span.get("context")).get("span_id")


def _call_of(span: Row) -> Iterator[Call | Unread]:
    convention, attributes = _convention_of(span, attributes_of(span))
    if convention is None:
        return
    if has_failed(span, attributes):
        if convention.is_chat(attributes):
            yield Unread("failed")
        return
    requests = openinference.requests_in(attributes) if convention is openinference else (attributes,)
    parts = [(f"request {number}", each) for number, each in enumerate(requests)]
    yield from read_each(parts, lambda each: _call_with(convention, span, each))


def _call_with(convention: Convention, span: Row, attributes: Row) -> Iterator[Call | Unread]:
    found = convention.read(span, attributes)
    if isinstance(found, Unread):
        yield found
    elif found is not None:
        call = Call(
            found.messages,
            read_tools(found.tools),
            rating=rating_of_scores(_annotations(span)),
            model=found.model,
            captured_at=start_time(span),
            metadata={**found.options, **_metadata(span, attributes)},
            finish_reason=found.finish_reason,
            usage=found.usage,
        )
        yield corrected_by(call, _corrections(span))


def _annotations(span: Row) -> Iterator[tuple[object, object]]:
    """Name and score, or label, of the annotations that Phoenix keeps of a span."""
    given = span.get("annotations")
    for each in given if is_list(given) else []:
        annotation = object_or_empty(each)
        result = object_or_empty(annotation.get("result"))
        score = result.get("score")
        yield annotation.get("name"), score if score is not None else result.get("label")


def _corrections(span: Row) -> Iterator[tuple[str, object]]:
    """What people wrote in annotations that ask, by their name, for a better answer."""
    given = span.get("annotations")
    for each in given if is_list(given) else []:
        annotation = object_or_empty(each)
        name = str(annotation.get("name"))
        if holds_correction(name) and annotation.get("annotator_kind") in (None, "HUMAN"):
            result = object_or_empty(annotation.get("result"))
            label = result.get("label")
            is_text = isinstance(label, str) and is_positive(label) is None
            alone = result.get("explanation") if not label and result.get("score") is None else None
            yield f"annotation {name}", label if is_text else alone


def _metadata(span: Row, attributes: Row) -> JsonObject:
    context = span.get("context")
    ids = {**(context if isinstance(context, dict) else {}), **span}
    names = (("traceId", "trace_id"), ("spanId", "span_id"))
    found: JsonObject = {name: value for name, other in names if (value := ids.get(name) or ids.get(other))}
    conversation = attributes.get("gen_ai.conversation.id") or nested(attributes, "session.id")
    return found | ({"conversation_id": conversation} if conversation else {})
