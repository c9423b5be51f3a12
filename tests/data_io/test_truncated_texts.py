"""Texts that a tracer has cut off inside whole JSON are known by what it writes at their end; others are texts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fine_tuning import DatasetBuilder
from fine_tuning.data_io import formats
from fine_tuning.data_io.truncation import is_truncated
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError
from tests.data_io.test_redacted import A, Q, logs

MARKS = [
    *("...[truncated]", "... [truncated]", "... (truncated)", "…(truncated)", "…[+1234 chars]", "… [+1,234 chars]"),
    *("[TRUNCATED]", "<truncated>", "...<truncated 512 bytes>", "... (1234 more characters)", "...truncated"),
    *(
        "... [500 characters truncated]",
        "[... 20 lines omitted ...]",
        "…[trimmed]",
        "... 1234 more chars",
        "__truncated__",
    ),
    *("[This value has been truncated because it exceeds the limit]", "... (+512 bytes)", "[truncated: 9000 chars]\n"),
    *("...[truncated to 1000 characters]", "… (cut off)"),
]


@pytest.mark.parametrize("mark", MARKS)
def test_mark_at_the_end_is_known(mark: str) -> None:
    assert is_truncated(f"It is 97 k{mark}")
    assert not is_truncated(f"What does {mark.strip()} mean in my log?")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "The table was truncated.",
            "And so on...",
            "Wait… (really)",
            "Use a string of 20 characters.",
            "x = a[1:20]",
        ),
        *(
            "The list (truncated)",
            "It has 12 characters",
            "TRUNCATE TABLE logs;",
            "Well... 12 words.",
            "list[int]",
            "…",
        ),
        *("It was cut off.", "a[...]", "<br>", "Tweets have at most... 280 characters", "(12 bytes)", "[truncate]"),
    ],
)
def test_text_about_such_things_is_whole(text: str) -> None:
    assert not is_truncated(text)


@pytest.mark.parametrize("name", logs("", ""))
def test_call_of_a_log_that_was_cut_off_is_refused_by_name(name: str) -> None:
    for asked, answered in ((Q["content"], "It is 97 k...[truncated]"), ("How lo… [+99 chars]", A["content"])):
        with pytest.raises(DataError, match=r"ends with the mark of a tool that cuts texts off; raise its limit"):
            list(formats.calls_in(logs(asked, answered)[name]))


def test_cut_off_calls_are_counted_and_the_others_captured(tmp_path: Path) -> None:
    sides = [("How long?", f"{at} km.{'...[truncated]' if at % 3 == 0 else ''}") for at in range(9)]
    file = tmp_path / "log.jsonl"
    file.write_text("\n".join(json.dumps(logs(*each)["litellm"]) for each in sides))
    report = DistillationDataCollector(tmp_path / "store").import_files([file])
    assert (report.captured, [each["line"] for each in report.rejected]) == (6, [1, 4, 7])
    assert "messages[1] (assistant) ends with" in report.rejected[0]["reason"]


def test_result_that_a_tool_cut_off_itself_is_kept() -> None:
    request = {"messages": [Q, {"role": "tool", "tool_call_id": "c", "content": "line 1\n... [truncated]"}]}
    call = {"id": "c", "type": "function", "function": {"name": "read", "arguments": '{"path": "x... (truncated)"}'}}
    asks = {"role": "assistant", "content": None, "tool_calls": [call]}
    request["messages"].insert(1, {**asks, "tool_calls": [{**call, "function": {"name": "read", "arguments": "{}"}}]})
    response = {"choices": [{"message": A, "finish_reason": "stop"}]}
    assert len(list(formats.calls_in({"request": request, "response": response}))) == 1
    request["messages"][1] = asks
    with pytest.raises(DataError, match=r"messages\[1\] \(assistant\)"):
        list(formats.calls_in({"request": request, "response": response}))


def test_answer_of_training_data_that_was_cut_off_is_left_out_by_default(tmp_path: Path) -> None:
    answers = [f"The bridge has {at} lamps{'... (truncated)' if at < 2 else ''}" for at in range(14)]
    rows = [
        {"messages": [{**Q, "content": f"Lamps of {at}?"}, {**A, "content": text}]} for at, text in enumerate(answers)
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    options = {"files": [str(file)], "validation": 0, "test": 0, "near_duplicates": None}
    assert DatasetBuilder(tmp_path).build("x", **options)["steps"] == {"filter cut_off": 2}
    assert DatasetBuilder(tmp_path).build("y", keep_cut_off=True, **options)["counts"]["kept"] == 14
