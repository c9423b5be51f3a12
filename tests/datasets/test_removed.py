"""What a dataset was built without can be looked at, with the reasons."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fine_tuning import DatasetBuilder
from fine_tuning.errors import NotFoundError


def row(question: str, answer: str = "It is so, and for good reasons.") -> str:
    return json.dumps({"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]})


def test_list_removed_returns_rejected_duplicate_and_filtered_rows(tmp_path: Path) -> None:
    same = "Please tell me how I can return the blue kettle that I bought in your shop last week, order number"
    lines = [
        row("What are the opening hours of the shop in the old town on Sundays?"),
        *(row(f"{same} {number}", f"Answer {number} is long enough to stay here.") for number in range(4)),
        "{broken",
        row("Too short?", "No."),
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n")
    builder = DatasetBuilder()
    builder.build("kettles", [tmp_path / "rows.jsonl"], near_duplicates=0.8, min_response=10)
    found = builder.list_removed("kettles")
    (rejected,) = found["rejected"]
    assert (rejected["line"], rejected["reasons"][0]["code"]) == (6, "not-json")
    (cluster,) = found["clusters"]
    assert (cluster["line"], cluster["removed"]) == (2, 3)
    assert [line for _, line in cluster["first"]] == [3, 4, 5]
    assert {each["why"] for each in found["left_out"]} == {"near-duplicate", "filter min_response"}
    assert len(builder.list_removed("kettles", limit=1)["left_out"]) == 1
    with pytest.raises(NotFoundError):
        builder.list_removed("pots")
