"""Times of calls: in which forms they are read, and by which name an invalid one is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io.sources import RawRow
from fine_tuning.data_io.times import parse_time
from fine_tuning.distillation.import_report import Defaults
from fine_tuning.distillation.row_reader import Import

ASKED, GOOD = {"role": "user", "content": "When does it leave?"}, {"role": "assistant", "content": "At 5."}
ROW = {"messages": [ASKED, GOOD]}
LOG = {
    "request": {"model": "gpt-4o", "messages": [ASKED]},
    "response": {"id": "c", "model": "gpt-4o", "choices": [{"message": GOOD}]},
}


def imported(row: dict[str, Any]) -> Import:
    run = Import(Defaults(), [RawRow("rows.jsonl", 1, json.dumps(row).encode())])
    list(run.blocks())
    return run


@pytest.mark.parametrize(
    "value",
    [
        *("2024-05-01T10:00:00Z", "2024-05-01T12:00:00+02:00", "2024-05-01 10:00:00", "2024-05-01 10:00:00 UTC"),
        *(1714557600, 1714557600.0, 1714557600000, 1714557600000000, 1714557600000000000, "1714557600"),
        *("1714557600000", "Wed, 01 May 2024 10:00:00 GMT", "2024-05-01T10:00:00.000 GMT", " 1714557600.0 "),
    ],
)
def test_parse_time_knows_the_forms_in_common_use(value: object) -> None:
    found = parse_time(value)
    assert found is not None
    assert found.isoformat() == "2024-05-01T10:00:00+00:00"


@pytest.mark.parametrize("value", [None, True, "", "yesterday", "05/01/2024", "12", [1714557600], float("nan"), 1e300])
def test_parse_time_of_what_is_none_is_none(value: object) -> None:
    assert parse_time(value) is None


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({**ROW, "captured_at": "yesterday"}, "captured_at"),
        ({**LOG, "created_at": "yesterday"}, "created_at"),
        ({**LOG, "timestamp": "yesterday"}, "timestamp"),
        ({**LOG, "response": {**LOG["response"], "created": "yesterday"}}, "the time of the call"),
    ],
)
def test_invalid_time_is_refused_by_the_name_that_its_row_gives_it(row: dict[str, Any], field: str) -> None:
    (rejected,) = imported(row).report.rejected
    assert rejected["reason"].startswith(f"{field} is not an ISO 8601 time")


@pytest.mark.parametrize("row", [{**ROW, "created_at": "yesterday"}, {"question": "a", "answer": "b", "created_at": 5}])
def test_time_at_which_a_row_was_written_is_metadata(row: dict[str, Any]) -> None:
    run = Import(Defaults(), [RawRow("rows.jsonl", 1, json.dumps(row).encode())])
    ((call,),) = [block.calls for block in run.blocks()]
    assert call.better["metadata"] == {"created_at": row["created_at"]}
