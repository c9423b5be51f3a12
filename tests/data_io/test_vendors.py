"""Rows of every vendor: recognised, padded, damaged, and written as rows for training."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.formats import chat_checks
from fine_tuning.data_io.formats.findings import CODES
from fine_tuning.data_io.formats.tool_declarations import check_tools
from fine_tuning.datasets.training_formats import rows_in
from fine_tuning.errors import DataError
from tests.data_io import vendor_rows as rows
from tests.data_io.vendor_rows import fresh, only


def as_text(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a table has it that keeps objects as JSON text."""
    return {key: json.dumps(value) if isinstance(value, dict | list) else value for key, value in row.items()}


@pytest.mark.parametrize("name", rows.ONE_CALL)
def test_row_of_each_vendor_written_as_openai_row_has_no_error(name: str) -> None:
    call = only(rows.ONE_CALL[name], name)
    (row,) = rows_in([{"messages": call.messages, "tools": call.tools}], "openai")
    assert [each for each in chat_checks.check_row(row) if CODES[each.code].is_error] == []


@pytest.mark.parametrize("name", rows.ONE_CALL)
@pytest.mark.parametrize("others", [{}, {"domain": None, "messages_2": None, "prompt": None, "response_2": None}])
def test_row_of_each_vendor_padded_with_nulls_is_read_alike(name: str, others: dict[str, Any]) -> None:
    assert only({**others, **rows.ONE_CALL[name]}, name) == only(rows.ONE_CALL[name])


@pytest.mark.parametrize("name", ["openai-log", "anthropic", "bedrock", "gemini", "gemini-log", "argilla", "ai-sdk"])
def test_row_of_vendor_with_json_in_cells_is_read_alike(name: str) -> None:
    assert only(as_text(rows.ONE_CALL[name]), name).messages == only(rows.ONE_CALL[name]).messages


@pytest.mark.parametrize("name", ["openai-log", "anthropic", "gemini-log"])
def test_log_with_facts_beside_keeps_them_and_loses_no_question(name: str) -> None:
    call = only({**rows.ONE_CALL[name], "rating": 2, "domain": "shop", "tag": "a", "metadata": {"b": 1}})
    assert (call.rating, call.domain) == (2, "shop")
    assert {"tag": "a", "b": 1}.items() <= call.metadata.items()
    with pytest.raises(DataError, match="question is not part of the conversation"):
        only({**rows.ONE_CALL[name], "question": "Something else?"})


WRONG: tuple[Any, ...] = (
    None,
    0,
    True,
    "",
    "x",
    "[1]",
    '{"a": 1}',
    [],
    [None],
    ["x"],
    {},
    {"a": 1},
    [{}],
    {"type": ["a"]},
)


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value within a row."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*place, key)
        yield from places(each, (*place, key))


def reason_of(row: dict[str, Any]) -> str:
    """Why a row is refused; empty if it is read."""
    try:
        list(formats.calls_in(row))
    except DataError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", rows.ONE_CALL)
def test_row_with_anything_in_any_place_is_read_or_refused_in_one_line(name: str) -> None:
    for place in places(rows.ONE_CALL[name]):
        for wrong in (*WRONG, ...):
            row = fresh(rows.ONE_CALL[name])
            holder: Any = row
            for key in place[:-1]:
                holder = holder[key]
            if wrong is ...:
                del holder[place[-1]]
            else:
                holder[place[-1]] = wrong
            reason = reason_of(row)
            assert "Error: " not in reason, (place, wrong)
            assert "\n" not in reason


def test_strict_tool_of_anthropic_may_have_optional_properties() -> None:
    schema = {"type": "object", "properties": {"order": {"type": "integer"}}, "additionalProperties": False}
    for required, strict in (([], None), (["order"], True)):
        given = {"name": "track", "strict": True, "input_schema": {**schema, "required": required}}
        (tool,) = read_tools([given]) or []
        assert tool["function"].get("strict") is strict
        assert check_tools([tool]) is None
