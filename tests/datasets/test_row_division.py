"""A file whose rows hold several calls is built as the same file that was imported before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import DatasetBuilder
from fine_tuning.data_io.rows import read_rows
from fine_tuning.datasets import file_check
from fine_tuning.distillation import DistillationDataCollector
from tests.data_io import vendor_rows
from tests.data_io.test_several_calls import REDACTED, TRACES
from tests.data_io.vendor_rows import webui_message

CHOICES: dict[str, Any] = {"near_duplicates": None, "validation": 0, "test": 0}


def rated_chat() -> dict[str, Any]:
    row: dict[str, Any] = json.loads(json.dumps(vendor_rows.WEBUI_CHAT))
    tree = row["chat"]["history"]["messages"]
    tree["b"]["annotation"], tree["c"]["annotation"] = {"rating": -1, "reason": "wrong"}, {"rating": 1}
    tree["d"]["childrenIds"] = ["e", "f"]
    tree["e"] = webui_message("e", "d", "assistant", "You are welcome.")
    tree["f"] = webui_message("f", "d", "assistant", "Not shown.")
    row["chat"]["history"]["currentId"] = "e"
    return row


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def built(name: str, files: list[Path] | None, **choices: Any) -> list[str]:
    made = DatasetBuilder().build(name, files, **CHOICES, **choices)
    path = DatasetBuilder().output_dir / name / made["parts"]["train"]["file"]
    return sorted(json.dumps(row, sort_keys=True) for _, row in read_rows(path))


@pytest.mark.parametrize("format", ["openai", "preference", "sharegpt"])
def test_build_of_rated_chats_equals_import_and_build(tmp_path: Path, format: Any) -> None:
    file = write(tmp_path / "chats.jsonl", [rated_chat()])
    direct = built("direct", [file], format=format)
    report = DistillationDataCollector().import_files([file])
    assert (report.read, report.captured, report.preferences, report.skipped) == (4, 3, 1, 1)
    assert direct == built("stored", None, format=format)
    assert len(direct) == (1 if format == "preference" else 2)
    ratings = {row["response"]: row["rating"] for row in DistillationDataCollector().get_curated_examples(min_rating=1)}
    assert ratings == {"No idea.": 1, "On its way.": 5, "You are welcome.": 3}


def test_check_and_build_name_what_they_leave_out_of_a_chat(tmp_path: Path) -> None:
    row = rated_chat()
    row["chat"]["history"]["messages"]["b"]["parentId"] = "z"
    file = write(tmp_path / "chats.jsonl", [row])
    report = file_check.check_files([file], None, tmp_path)
    assert (report.read, report.kept, report.rejected, report.formats) == (3, 2, 1, {"open-webui": 2})
    found = {each["code"]: each for each in report.tally.rows()}
    assert found["malformed"]["message"].startswith("the answer b: the chat has no message 'z'")
    assert found["unread-key"]["field"] == "chat.other answers"
    assert found.keys() == {"malformed", "unread-key", "too-few-rows"}
    made = DatasetBuilder().build("chats", [file], **CHOICES)
    assert made["counts"] == {"read": 3, "kept": 2, "rejected": 1, "duplicates": 0, "left_out": 0}


@pytest.mark.parametrize("trace", TRACES)
def test_build_of_traces_equals_import_and_build(tmp_path: Path, trace: str) -> None:
    file = write(tmp_path / "traces.jsonl", [TRACES[trace](["One?", REDACTED, None, "Two?"])])
    direct = built("direct", [file])
    made = DatasetBuilder().get_dataset("direct")
    assert (made["counts"]["read"], made["counts"]["rejected"]) == (4, 2)
    assert {each["code"] for each in made["findings"]} == {"redacted", "malformed", "too-few-rows"}
    DistillationDataCollector().import_files([file])
    assert direct == built("stored", None)
    assert len(direct) == 2
