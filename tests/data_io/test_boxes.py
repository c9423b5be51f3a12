"""Marks of boxes in a text, whose coordinates stand beside it as in ms-swift: refused, never learnt as they are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import ANSWER, QUESTION, only

OBJECTS = {"ref": ["the cat"], "bbox": [[10, 20, 30, 40]]}
BOX = {"role": "assistant", "content": "<bbox>"}


@pytest.mark.parametrize("objects", [OBJECTS, json.dumps(OBJECTS), [{"caption": "the cat", "bbox": [1, 2, 3, 4]}]])
@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": "Find <ref-object>."}, BOX]},
        {"messages": [QUESTION, {"role": "assistant", "content": [{"type": "text", "text": "Here: <bbox>"}]}]},
        {"messages": [QUESTION, ANSWER], "rejected_response": "It is at <bbox>."},
        {"prompt": "Where is <ref-object>?", "response": "There."},
    ],
)
def test_marks_of_objects_are_refused_by_name(row: dict[str, Any], objects: Any) -> None:
    with pytest.raises(DataError, match=r"objects holds what the mark <(ref-object|bbox)>"):
        only({**row, "objects": objects})


def test_objects_without_marks_and_marks_without_objects_stay() -> None:
    assert only({"messages": [QUESTION, ANSWER], "objects": OBJECTS}).metadata == {"objects": OBJECTS}
    assert only({"messages": [QUESTION, BOX]}).messages == [QUESTION, BOX]
