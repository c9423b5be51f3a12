"""Answers that somebody rated 1 or 2 are not learnt as good ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import DatasetBuilder
from fine_tuning.datasets.file_check import examine
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError
from tests.datasets.test_building import build, question, rows_of, write


def labelled(number: int, *, label: bool) -> dict[str, Any]:
    return {"prompt": question(number), "completion": f"Answer {number}, {label}.", "label": label}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "kto.jsonl", [labelled(n, label=n >= 3) for n in range(15)])


def test_build_labels_of_bad_answers_are_left_out_and_said(file: Path) -> None:
    made = build("k", file, validation=0, test=0)
    assert made["steps"] == {"filter min_rating": 3}
    assert not [row for row in rows_of(made) if "False" in row["messages"][-1]["content"]]
    (found,) = [each for each in made["findings"] if each["code"] == "low-rating"]
    assert found["rows"] == 3
    assert "--min-rating 1" in found["advice"]


@pytest.mark.parametrize("choices", [{"min_rating": 1}, {"format": "jsonl"}])
def test_build_low_ratings_are_kept_where_they_are_wanted(file: Path, choices: dict[str, Any]) -> None:
    made = build("k", file, validation=0, test=0, **choices)
    assert (made["counts"]["kept"], made["steps"]) == (15, {})
    assert "low-rating" not in {each["code"] for each in made["findings"]}


def test_check_says_that_answers_are_rated_low(file: Path) -> None:
    report = DatasetBuilder().check_files([file])
    assert (report.tally.counts["low-rating"], report.kept, report.is_fit) == (3, 15, True)


def test_build_imported_labels_of_bad_answers_are_left_out(file: Path) -> None:
    assert DistillationDataCollector().import_files([file]).captured == 15
    assert build("k", validation=0, test=0)["steps"] == {"filter min_rating": 3}


def test_build_bad_answers_alone_names_the_filter(tmp_path: Path) -> None:
    rows = [labelled(n, label=False) for n in range(3)]
    with pytest.raises(DataError, match="filter min_rating 3.*loosen the filters"):
        build("k", write(tmp_path / "rows.jsonl", rows))


def test_build_scores_that_may_be_bad_are_left_out_and_said(tmp_path: Path) -> None:
    rows = [
        {"prompt": question(n), "completion": f"Answer {n}.", **({"score": 0.2} if n < 3 else {})} for n in range(15)
    ]
    file = write(tmp_path / "scores.jsonl", rows)
    made = build("k", file, validation=0, test=0)
    assert (made["steps"], made["counts"]["kept"]) == ({"filter unclear_score": 3}, 12)
    assert {each["code"]: each["rows"] for each in made["findings"]}["unclear-score"] == 3
    assert build("k", file, validation=0, test=0, min_rating=1)["counts"]["kept"] == 15


def test_check_pair_with_different_system_prompts_says_so() -> None:
    sides = [
        [
            {"role": "system", "content": system},
            {"role": "user", "content": "Where?"},
            {"role": "assistant", "content": a},
        ]
        for system, a in (("Be kind.", "There."), ("Be brief.", "Here."))
    ]
    (found,) = examine(json.dumps({"chosen": sides[0], "rejected": sides[1]}).encode()).findings
    assert (found.code, found.message.split(";")[0]) == ("malformed", "the system prompts of the two answers differ")
