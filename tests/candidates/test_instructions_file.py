"""Instructions of a text file, and of a program as DSPy saves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.candidates.instructions_file import model_with_file, read_instructions
from fine_tuning.errors import DataError, FineTuningError, UsageError

# As DSPy 3.4.1 writes it; tests/clients has the real thing.
TRIAGE: dict[str, Any] = {
    "traces": [],
    "train": [],
    "demos": [
        {"mail": "where is my parcel", "queue": "shipping"},
        {"augmented": True, "mail": "Größe?", "queue": ["a", "ö"]},
    ],
    "signature": {
        "instructions": "Name the queue of a mail.\n",
        "fields": [
            {"prefix": "Mail:", "description": "the mail as it came"},
            {"prefix": "Reasoning:", "description": "${reasoning}"},
            {"prefix": "Queue:", "description": "billing, shipping or other"},
        ],
    },
    "lm": None,
}
META = {"dependency_versions": {"python": "3.11", "dspy": "3.4.1", "cloudpickle": "3.1"}}
TOLD = """Name the queue of a mail.

Mail: the mail as it came
Queue: billing, shipping or other

Example:
mail: where is my parcel
queue: shipping

Example:
mail: Größe?
queue: ["a", "ö"]

Answer with the value of Queue alone."""


@pytest.mark.parametrize("saved", [{**TRIAGE, "metadata": META}, {"predict": TRIAGE, "metadata": META}])
def test_program_tells_its_instructions_fields_and_demonstrations(tmp_path: Path, saved: dict[str, Any]) -> None:
    file = tmp_path / "triage.json"
    file.write_text(json.dumps(saved, indent=2))
    assert read_instructions(file) == TOLD


def test_text_is_as_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "a=b.txt"
    file.write_bytes("\ufeffAnswer with\r\none word. {not: json}\n".encode())
    assert model_with_file(f"openai/gpt-4o-mini={file}") == ("openai/gpt-4o-mini", file)
    assert read_instructions(file) == "Answer with\r\none word. {not: json}\n"


@pytest.mark.parametrize("given", ["", "model", "=file", "model=", " = "])
def test_other_forms_are_refused(given: str) -> None:
    with pytest.raises(UsageError, match="MODEL=FILE"):
        model_with_file(given)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("p.txt", b" \n", "is empty"),
        ("p.txt", b"\x80\x05pickle", "no text in UTF-8"),
        ("p.txt", b"x" * ((4 << 20) + 1), "more than 4 MiB"),
        ("p.json", b"{", "p.json: "),
        ("p.json", b'{"messages": []}', "this has 0 predictors"),
        ("p.json", json.dumps({"first": TRIAGE, "second": TRIAGE}).encode(), "this has 2 predictors"),
        ("p.json", b'{"demos": [], "signature": {"instructions": "x", "fields": []}}', "as DSPy saves it"),
        ("p.json", b'{"demos": [], "signature": "question -> answer"}', "as DSPy saves it"),
        ("p.json", b'{"demos": 3, "signature": {"instructions": "x", "fields": [{}]}}', "as DSPy saves it"),
    ],
)
def test_what_has_no_instructions_is_one_line(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(DataError, match=words) as raised:
        read_instructions(file)
    assert "\n" not in str(raised.value)


def test_no_file_and_a_folder_are_one_line(tmp_path: Path) -> None:
    for file in (tmp_path / "none", tmp_path):
        with pytest.raises(FineTuningError, match=str(file)):
            read_instructions(file)
