"""Fields that say that a call failed, or that a row is not to be learnt: left out, counted and named by the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import FineTuningCLI
from fine_tuning.data_io import formats
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.datasets import file_check
from fine_tuning.distillation import DistillationDataCollector
from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, QUESTION, only

SHAPES: list[dict[str, Any]] = [
    {"messages": [QUESTION, ANSWER]},
    {"prompt": ASKED, "response": ANSWERED},
    {"question": ASKED, "answer": ANSWERED},
    {"input": ASKED, "output": ANSWERED},
]


def left_out(row: dict[str, Any]) -> list[tuple[str, str]]:
    """Why the calls of a row are left out, and the fields that say so."""
    return [(each.why, each.field) for each in formats.read(row)[1] if isinstance(each, Unread)]


FAILED: list[tuple[dict[str, Any], str]] = [
    *(({key: value}, key) for key, value in [
        ("level", "ERROR"), ("logLevel", "critical"), ("statusCode", 500), ("status-code", "503"), ("status", 429),
        ("http_status", 502), ("HTTP Status", "404 Not Found"), ("httpStatusCode", 429.0), ("is_error", True),
        ("hasError", "true"), ("exception", "ValueError: x"), ("ok", False), ("ok", "no"), ("is_success", 0),
        ("outcome", "failure"), ("aborted", True), ("state", "cancelled"), ("timed_out", 1), ("run_status", "failed"),
        ("status", "StatusCode.ERROR"), ("status", "partial"),
        ("status", "blocked"), ("error.type", "timeout"),
        ("error", 500), ("error_code", "rate_limit_exceeded"), ("err", "api timeout"),
        ("errors", ["upstream timeout"]), ("errors", [{"message": "502 Bad Gateway"}]),
    ]),
    ({"metadata": {"status": "error"}}, "metadata.status"),
    ({"metadata": '{"status": "error"}'}, "metadata.status"),
    ({"metadata.status": "error"}, "metadata.status"),
    ({"meta": {"error": "timeout"}}, "meta.error"),
    ({"extra": {"is_error": True}}, "extra.is_error"),
    ({"response_metadata": {"httpStatus": 503}}, "response_metadata.httpStatus"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "field"), FAILED)
@pytest.mark.parametrize("shape", SHAPES)
def test_field_that_says_that_the_call_failed_is_named(
    shape: dict[str, Any], fields: dict[str, Any], field: str
) -> None:
    row = {**shape, **fields}
    assert left_out(row) == [("failed", field)]
    (finding,) = file_check.examine(json.dumps(row).encode()).findings
    assert (finding.code, finding.field) == ("failed-call", field)


@pytest.mark.parametrize(
    "fields",
    [
        *({"exclude": True}, {"isDeleted": 1}, {"deleted_at": "2026-01-01"}, {"should_train": False}, {"train": "no"}),
        *(
            {"invalid": True},
            {"no_train": 1},
            {"retracted": True},
            {"withdrawn": "yes"},
            {"retracted_at": "2026-01-01"},
        ),
        *({"is_spam": True}, {"metadata": {"deleted": True}}, {"meta": {"use_for_training": False}}, {"keep": False}),
    ],
)
@pytest.mark.parametrize("shape", SHAPES)
def test_row_that_is_not_to_be_learnt_is_left_out_also_if_rated(shape: dict[str, Any], fields: dict[str, Any]) -> None:
    row = {**shape, **fields, "rating": 5}
    ((why, _),) = left_out(row)
    assert why == "excluded"
    assert [each.code for each in file_check.examine(json.dumps(row).encode()).findings] == ["excluded-row"]


@pytest.mark.parametrize(
    "fields",
    [
        *({"level": "easy"}, {"level": 3}, {"status": "open"}, {"status": 1}, {"statusCode": 200}, {"is_error": False}),
        *({"exception": ""}, {"exception": "none"}, {"ok": True}, {"outcome": "success"}, {"aborted": "false"}),
        *({"state": "Ohio"}, {"error_rate": 0.1}, {"errors": 0}, {"errors": []}, {"error": {"code": None}}),
        *({"code": 404}, {"category": "error"}, {"tags": ["failed"]}, {"metadata": {"category": "failed"}}),
        *(
            {"exclude": []},
            {"deleted": 0},
            {"invalid": False},
            {"withdrawn": 20.5},
            {"include": "tests"},
            {"skip": 10},
            {"split": "test"},
            {"train": "a"},
        ),
        *({"product": {"status": "error"}}, {"details": {"rating": 1}}, {"level": "WARNING"}),
    ],
)
@pytest.mark.parametrize("shape", SHAPES)
def test_field_of_another_meaning_leaves_the_row(shape: dict[str, Any], fields: dict[str, Any]) -> None:
    call = only({**shape, **fields})
    assert (call.rating, call.is_cut_off, call.unread) == (None, False, ())


@pytest.mark.parametrize(
    ("asked", "answered", "fields"),
    [
        ("Classify: 2026 ERROR connection refused", "error", {"level": "ERROR"}),
        ("Where is my order?", "It was cancelled.", {"status": "cancelled"}),
        ("Did they cancel the flight?", "Yes.", {"cancelled": True}),
        ("What does HTTP 500 mean?", "A fault of the server.", {"statusCode": 500}),
        ("Is this spam: you won", "Yes.", {"is_spam": True}),
        ("Is the paper retracted?", "Yes.", {"retracted": True}),
        ("Has it shipped?", "A partial shipment left.", {"status": "partial"}),
        ("Is breakfast included?", "No.", {"included": False}),
        ("Why is x undefined?", "A typo.", {"error": "NameError: name 'x' is not defined"}),
    ],
)
def test_field_about_what_the_conversation_is_about_is_kept_and_named(
    asked: str, answered: str, fields: dict[str, Any]
) -> None:
    call = only({"prompt": asked, "response": answered, **fields})
    assert (call.metadata, list(call.unread)) == (fields, list(fields))


@pytest.mark.parametrize(
    ("asked", "answered", "fields"),
    [
        ("Fix the error in my code", "Sorry, something went wrong.", {"level": "ERROR"}),
        ("Fix the error in my code", "Sorry, something went wrong.", {"status": "error"}),
        ("Where is my order?", "On its way.", {"state": "cancelled"}),
        ("Write 500 words about tea.", "Error 500.", {"statusCode": 500}),
        ("Book it", "HTTP error 500", {"status": 500}),
    ],
)
def test_words_of_the_conversation_by_chance_excuse_no_failed_call(
    asked: str, answered: str, fields: dict[str, Any]
) -> None:
    assert left_out({"prompt": asked, "response": answered, **fields}) == [("failed", next(iter(fields)))]


@pytest.mark.parametrize("fields", [{"status_code": 500}, {"level": "ERROR"}, {"is_error": True}, {"deleted": True}])
def test_logged_exchange_that_says_so_is_left_out(fields: dict[str, Any]) -> None:
    request, response = {"model": "m", "messages": [QUESTION]}, {"choices": [{"message": ANSWER}]}
    assert len(list(formats.calls_in({"request": request, "response": response}))) == 1
    for row in (
        {"request": request, "response": response, **fields},
        {"request": request, "response": {**response, **fields}},
    ):
        assert list(formats.calls_in(row)) == []
        assert len(left_out(row)) == 1


def test_captured_call_with_metadata_of_its_owner_stays() -> None:
    row = {**SHAPES[1], "captured_at": "2026-01-01T00:00:00Z", "rating": 5, "metadata": {"status": "failed"}}
    assert only(row).metadata == {"status": "failed"}


def test_import_counts_by_field(tmp_path: Path, workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**SHAPES[1], "level": "ERROR"}, {**SHAPES[1], "meta": {"deleted": True}}, {**SHAPES[1], "level": "INFO"}]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    FineTuningCLI().run(["capture", "import", "--dry-run", str(file)])
    assert "level: 1, meta.deleted: 1" in capsys.readouterr().out
    report = DistillationDataCollector().import_files([file])
    assert (report.captured, report.skipped) == (1, 2)
    assert report.unread == {"failed": 1, "excluded": 1}
    assert report.left_out_by == {"level": 1, "meta.deleted": 1}
