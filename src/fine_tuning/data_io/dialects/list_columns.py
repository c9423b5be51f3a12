"""Lists of objects as an object of lists: what Hugging Face's `Sequence` of a dict makes of messages and of tools.

Source: https://huggingface.co/docs/datasets/about_dataset_features, where a list of dicts is a dict of lists.
"""

from __future__ import annotations

import re

from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, parse_embedded_json
from fine_tuning.errors import DataError

_SPEAKERS = ("role", "from")
_MARKS = {  # of which one is a list, where the field is an object of lists
    "tools": ("function", "name"),
    "functions": ("name",),
    "tool_calls": ("function", "name", "id"),
    "content": ("type",),
}
_WITHIN = {"input": ("messages", "tools")}  # of OpenAI's preference rows
_AS_TEXT = re.compile(r'\s*\{\s*"(?:role|from|content|value)"\s*:\s*\[')


def with_objects(row: Row, *, is_checked: bool = True) -> Row:
    """The row, with every conversation and its tools as lists of objects.

    Args:
        is_checked: False to take as many objects as the shortest list has, to know the format of the row.

    Raises:
        DataError: the lists of a field are not of one length; the message names it.
    """
    found: JsonObject = {}
    for key, value in row.items():
        given = parse_embedded_json(value) if isinstance(value, str) and _AS_TEXT.match(value) else value
        if not is_object(given):
            continue
        if _is_of_lists(key, given):
            found[key] = _objects(key, given, is_checked=is_checked)
        elif key in _WITHIN:
            inner = {each: given[each] for each in _WITHIN[key] if each in given}
            found[key] = {**given, **with_objects(inner, is_checked=is_checked)}
    return {**row, **found} if found else row


def _is_of_lists(key: str, value: JsonObject) -> bool:
    return any(is_list(value.get(mark)) for mark in _MARKS.get(key, _SPEAKERS))


def _objects(key: str, columns: JsonObject, *, is_checked: bool = True) -> list[JsonObject]:
    stated = {name: values for name, values in columns.items() if values is not None}
    lengths = {name: len(values) for name, values in stated.items() if is_list(values)}
    if is_checked and (len(lengths) < len(stated) or len(set(lengths.values())) > 1):
        held = (f"{lengths[name]} of {name}" if name in lengths else f"one {name}" for name in stated)
        raise DataError(f"{key} is an object of lists, and holds {' and '.join(held)}; write as many of each")
    rows = zip(*(values for values in stated.values() if is_list(values)), strict=is_checked)
    return [_object(dict(zip(lengths, values, strict=True)), is_checked=is_checked) for values in rows]


def _object(given: JsonObject, *, is_checked: bool) -> JsonObject:
    """One of the objects, without the nulls of others, and with the objects within it."""
    return {
        name: _objects(name, value, is_checked=is_checked)
        if is_object(value) and name in _MARKS and _is_of_lists(name, value)
        else value
        for name, value in given.items()
        if value is not None
    }
