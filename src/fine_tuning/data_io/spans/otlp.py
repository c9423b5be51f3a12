"""OpenTelemetry's spans and log records: as OTLP JSON (the collector's file exporter) or one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    first_value,
    is_list,
    is_object,
    list_of_objects,
    object_or_empty,
)


def is_otlp(row: Row) -> bool:
    """Whether a row is an export of spans or log records, with their resource and scope."""
    return not _EXPORT_KEYS.isdisjoint(row) or _is_jaeger(row) or _is_tempo(row)


_SPAN_KEYS = ("resourceSpans", "batches")  # the second is Tempo's
_EXPORT_KEYS = frozenset((*_SPAN_KEYS, "resourceLogs"))
_COLUMN = "attributes."


def _is_jaeger(row: Row) -> bool:
    return "traceID" in row and ("spans" in row or "spanID" in row)


def _is_tempo(row: Row) -> bool:
    return "trace" in row and any(key in object_or_empty(row.get("trace")) for key in _SPAN_KEYS)


def spans_in(row: Row) -> Iterator[Row]:
    """The spans of a row; log records of one span as a span with events."""
    if _is_tempo(row):
        row = object_or_empty(row["trace"])
    key = next((key for key in _SPAN_KEYS if key in row), None)
    if key is not None:
        yield from _inner(row[key], key, ("scopeSpans", "spans"))
    elif _is_jaeger(row):
        for span in list_of_objects(row.get("spans") or [row], "spans"):
            yield _of_jaeger(span)
    elif "resourceLogs" in row:
        records: dict[object, list[Row]] = {}
        for record in _inner(row["resourceLogs"], "resourceLogs", ("scopeLogs", "logRecords")):
            records.setdefault(record.get("spanId") or len(records), []).append(record)
        for span_id, events in records.items():
            first = events[0]
            time = first.get("timeUnixNano") or first.get("observedTimeUnixNano")
            ids = {"traceId": first.get("traceId"), "spanId": span_id if isinstance(span_id, str) else None}
            yield {**ids, "startTimeUnixNano": time, "attributes": _shared(events), "events": events}
    else:
        yield row


def _of_jaeger(span: Row) -> Row:
    """A span of Jaeger's JSON, whose attributes are tags and whose events are logs, with times in microseconds."""
    started = span.get("startTime")
    logs = list_of_objects(span.get("logs") or [], "logs")
    return {
        "traceId": span.get("traceID"),
        "spanId": span.get("spanID"),
        "startTimeUnixNano": started * 1000 if isinstance(started, int) else None,
        "attributes": _tags(span.get("tags")),
        "events": [{"name": (facts := _tags(log.get("fields"))).get("event"), "attributes": facts} for log in logs],
    }


def _tags(given: object) -> JsonObject:
    tags = [object_or_empty(each) for each in given] if is_list(given) else []
    return {str(tag["key"]): tag.get("value") for tag in tags if "key" in tag}


def _shared(events: list[Row]) -> JsonObject:
    """The attributes of log records, which repeat those of their span; the names of events say whose they are."""
    found = {key: value for event in events for key, value in attributes_of(event).items()}
    names = [str(event_name(event)) for event in events]
    return found | {name: True for name in names if name.startswith("gen_ai.") and name not in found}


def event_name(event: Row) -> object:
    """The name of an event or log record."""
    stated = first_value(event, "name", "eventName", "event_name", "event")
    return stated or attributes_of(event).get("event.name")


def has_failed(span: Row, attributes: Row) -> bool:
    """Whether a span ended with an error, which the attribute `error.type` names only then."""
    status = span.get("status")
    code = object_or_empty(status).get("code", object_or_empty(status).get("status_code")) or span.get("status_code")
    if attributes.get("error.type"):
        return True
    return attributes.get("otel.status_code") == "ERROR" or code in (2, "2", "ERROR", "STATUS_CODE_ERROR")


def _inner(given: object, label: str, keys: tuple[str, str]) -> Iterator[Row]:
    for resource in list_of_objects(given, label):
        for scope in list_of_objects(resource.get(keys[0]) or [], keys[0]):
            yield from list_of_objects(scope.get(keys[1]) or [], keys[1])


def attributes_of(span: Row) -> JsonObject:
    """Attributes by name, from OTLP's list of typed values, a plain object, its JSON text, or columns of a table."""
    given = span.get("attributes") or span.get("span_attributes") or span.get("SpanAttributes")
    if given is None:
        return {key.removeprefix(_COLUMN): value for key, value in span.items() if key.startswith(_COLUMN)}
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            return {}
    if is_object(given):
        return _flat(given)
    found: JsonObject = {}
    for each in given if is_list(given) else []:
        key = object_or_empty(each).get("key")
        if isinstance(key, str):
            found[key] = plain_value(object_or_empty(each).get("value"))
    return found


def _flat(given: JsonObject) -> JsonObject:
    """Attributes whose names some backends divide at the dots, under their whole names."""
    found: JsonObject = {}
    for key, value in given.items():
        if key in _DIVIDED and is_object(value):
            found |= _leaves(value, key)
        else:
            found[key] = value
    return found


_DIVIDED = ("gen_ai", "ai")


def _leaves(value: JsonObject, name: str) -> JsonObject:
    found: JsonObject = {}
    for key, each in value.items():
        found |= _leaves(each, f"{name}.{key}") if is_object(each) and each else {f"{name}.{key}": each}
    return found


_KINDS = {"stringValue", "boolValue", "intValue", "doubleValue", "bytesValue", "arrayValue", "kvlistValue"}


def plain_value(value: object) -> object:
    """The value of an OTLP AnyValue, such as {"stringValue": "x"}; another value unchanged."""
    if not is_object(value) or not value.keys() <= _KINDS:
        return value
    for kind, inner in value.items():
        values = object_or_empty(inner).get("values")
        if kind == "arrayValue":
            return [plain_value(item) for item in (values if is_list(values) else [])]
        if kind == "kvlistValue":
            items = [object_or_empty(item) for item in (values if is_list(values) else [])]
            return {str(item.get("key")): plain_value(item.get("value")) for item in items}
        return int(str(inner)) if kind == "intValue" else inner
    return None


def nested(attributes: Row, root: str) -> object:
    """The attributes below a name as objects and lists: `a.0.b` is the field b of the first of the list a.

    Attributes that are objects already are merged in. None without any.
    """
    found: object = None
    below, first = f"{root}.", root.partition(".")[0]
    for name, value in attributes.items():
        if not name.startswith(first):
            continue
        if name == root:
            found = _merged(found, value)
        elif name.startswith(below):
            found = _merged(found, _tree(name[len(below) :].split("."), value))
        elif is_object(value) and root.startswith(f"{name}."):
            inner: object = value
            for key in root[len(name) + 1 :].split("."):
                inner = object_or_empty(inner).get(key)
            found = _merged(found, _expanded(inner))
    return _with_lists(found)


def _expanded(value: object) -> object:
    """A value whose objects may have dotted names, with objects in their place."""
    if is_list(value):
        return [_expanded(each) for each in value]
    found: object = None
    if is_object(value):
        for key, each in value.items():
            found = _merged(found, _tree(key.split("."), _expanded(each)))
        return found if found is not None else {}
    return value


def _tree(names: list[str], value: object) -> object:
    for name in reversed(names):
        value = {name: value}
    return value


def _merged(first: object, second: object) -> object:
    if is_object(first) and is_object(second):
        return {**first, **{key: _merged(first.get(key), each) for key, each in second.items()}}
    return first if second is None else second


def _with_lists(value: object) -> object:
    """Objects whose keys are all numbers as lists, in the order of the numbers."""
    if is_list(value):
        return [_with_lists(_expanded(each)) for each in value]
    if not is_object(value):
        return value
    if value and all(key.isdecimal() for key in value):
        return [_with_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _with_lists(each) for key, each in value.items()}


def start_time(span: Row) -> object:
    """ISO 8601; None if unknown."""
    nanoseconds = span.get("startTimeUnixNano") or span.get("start_time_unix_nano")
    if isinstance(nanoseconds, int | str) and str(nanoseconds).isdecimal():
        return datetime.fromtimestamp(int(nanoseconds) / 1e9, UTC).isoformat()
    return span.get("start_time") or span.get("startTime") or span.get("start_timestamp")
