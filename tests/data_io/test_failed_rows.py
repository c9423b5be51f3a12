"""Redacted texts and failed calls in training data are skipped and counted; texts about them stay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.formats import plain_chat
from fine_tuning.datasets import file_check
from fine_tuning.distillation import DistillationDataCollector
from tests.data_io.vendor_rows import ANSWERED, ASKED, only


def shapes(asked: str, answered: str) -> dict[str, dict[str, Any]]:
    """Rows of training data with these two texts."""
    user, assistant = {"role": "user", "content": asked}, {"role": "assistant", "content": answered}
    return {
        "openai": {"messages": [user, assistant]},
        "beside": {"messages": [user], "output": answered},
        "prompt-response": {"prompt": asked, "response": answered},
        "completion": {"prompt": [user], "completion": [assistant]},
        "question-answer": {"question": asked, "answer": answered},
        "alpaca": {"instruction": asked, "input": "", "output": answered},
        "sharegpt": {"conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": answered}]},
        "chosen": {"prompt": asked, "chosen": answered, "rejected": "No idea."},
        "rejected": {"prompt": asked, "chosen": "By van.", "rejected": answered},
    }


SHAPES = [*shapes("", "")]


@pytest.mark.parametrize("mark", ["[REDACTED]", "<redacted>", " [content removed]\n", "__REDACTED__", "{{ masked }}"])
@pytest.mark.parametrize("shape", SHAPES)
def test_redacted_text_of_training_data_is_skipped(shape: str, mark: str) -> None:
    assert len(list(formats.calls_in(shapes(ASKED, ANSWERED)[shape]))) == 1
    for asked, answered in ((mark, mark), (ASKED, mark), (mark, ANSWERED)):
        row = shapes(asked, answered)[shape]
        assert list(formats.calls_in(row)) == []
        assert [each.code for each in file_check.examine(json.dumps(row).encode()).findings] == ["redacted"]
        assert plain_chat.read(row) is None


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("Redact the names in: Ann", "[REDACTED]"),
        ("Anonymise: +33 1 23", "<masked>"),
        ("What does [REDACTED] mean in a log?", ANSWERED),
        ("Is it allowed?", "FILTERED"),
        ("Was the text hidden?", "REDACTED"),
        ("Draw stars", "*****"),
        ("Who wrote [REDACTED_EMAIL]?", "My name is [REDACTED]."),
    ],
)
@pytest.mark.parametrize("shape", SHAPES)
def test_text_about_redaction_stays(shape: str, asked: str, answered: str) -> None:
    assert len(list(formats.calls_in(shapes(asked, answered)[shape]))) == 1


FAILED: list[dict[str, Any]] = [
    *(
        {"error": text}
        for text in ("boom", "timeout", "503", "No connection", "Error code: 429 - slow down", "RateLimitError: quota")
    ),
    *({"error": "litellm.APIConnectionError: reset"}, {"error_message": "upstream timeout"}, {"error": True}),
    *({"error": {"message": "gone"}}, {"exception": "Connection refused"}, {"errorMessage": "boom"}),
]


@pytest.mark.parametrize("beside", FAILED)
@pytest.mark.parametrize("shape", SHAPES)
def test_failed_call_of_training_data_is_skipped(shape: str, beside: dict[str, Any]) -> None:
    row = {**shapes(ASKED, ANSWERED)[shape], **beside}
    assert list(formats.calls_in(row)) == []
    assert [each.code for each in file_check.examine(json.dumps(row).encode()).findings] == ["failed-call"]


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        *((ASKED, value) for value in (None, "", " ", "none", "False", "0", "no error", False, 0, [], {})),
        *(
            (ASKED, value)
            for value in ("Verb tense", "subject-verb agreement", "Rounding", "0.25", "3 %", "none found.")
        ),
        *((ASKED, value) for value in ("No errors were found", "factual", "typo", "wrong word order")),
        (ASKED, "NameError: name 'x' is not defined"),
        (ASKED, "Traceback (most recent call last): ..."),
        (ASKED, "error[E0502]: cannot borrow"),
        ("What does Boom  timeout mean?", "boom timeout"),
        ("Why do I get: ConnectionError: refused", "ConnectionError: refused"),
    ],
)
@pytest.mark.parametrize("shape", SHAPES)
def test_error_that_is_none_or_is_asked_about_stays(shape: str, asked: str, error: Any) -> None:
    assert only({**shapes(asked, ANSWERED)[shape], "error": error}).messages


def test_import_counts_redacted_and_failed_rows(tmp_path: Path, workspace: Path) -> None:
    rows = [
        *(shapes("[REDACTED]", "[REDACTED]")[name] for name in SHAPES),
        *({**shapes(ASKED, ANSWERED)[name], "error": "boom"} for name in SHAPES),
        shapes(ASKED, ANSWERED)["openai"],
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = DistillationDataCollector().import_files([file])
    assert (report.captured, report.skipped, report.rejected) == (1, 2 * len(SHAPES), [])
    assert report.unread == {"redacted": len(SHAPES), "failed": len(SHAPES)}
