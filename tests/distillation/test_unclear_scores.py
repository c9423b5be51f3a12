"""Training data with a score of an unknown scale is not rated as good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.distillation.data_collector import DistillationDataCollector
from fine_tuning.distillation.import_report import ImportReport

ROW = {"prompt": "Which port is next?", "completion": "Brest."}


def imported(tmp_path: Path, rating: int | None = None, **beside: Any) -> ImportReport:
    (tmp_path / "rows.jsonl").write_text(json.dumps({**ROW, **beside}))
    return DistillationDataCollector(tmp_path / "data").import_files([tmp_path / "rows.jsonl"], rating=rating)


@pytest.mark.parametrize(
    "given",
    [
        *({"score": 1}, {"score": "0.2"}, {"helpfulness": 0}, {"quality": 1}, {"stars": 0}, {"user_rating": -1}),
        *({"judge_score": 0.0}, {"accuracy": 0.0}, {"pass_rate": 0.2}),
    ],
)
def test_score_that_may_be_bad_is_refused_by_name(tmp_path: Path, given: dict[str, Any]) -> None:
    (rejected,) = imported(tmp_path, **given).rejected
    assert rejected["reason"].startswith(f"{next(iter(given))} is ")


@pytest.mark.parametrize(
    "given", [{"score": 0.93}, {"score": 87}, {"metadata": {"score": 7}}, {"score": 1, "rating": 4}, {"score": "high"}]
)
def test_score_beside_a_rating_or_a_good_one_is_metadata(tmp_path: Path, given: dict[str, Any]) -> None:
    assert imported(tmp_path, **given).captured == 1


def test_score_of_rows_that_are_rated_by_the_importer_is_metadata(tmp_path: Path) -> None:
    assert imported(tmp_path, rating=2, score=1).captured == 1


HELPSTEER = {"helpfulness": 3, "correctness": 4, "coherence": 4, "complexity": 1, "verbosity": 2}


def test_rows_with_several_scores_are_refused_with_what_to_pass(tmp_path: Path) -> None:
    (rejected,) = imported(tmp_path, **HELPSTEER).rejected
    assert rejected["reason"] == (
        "helpfulness is 3, correctness is 4, coherence is 4, whose scale is not known; add a column rating "
        "from 1 to 5 (for scores of 0 to 4, the score plus 1), or pass --rating and a number from 1 to 5 for all rows "
        "without a rating"
    )
    assert imported(tmp_path, **{**HELPSTEER, "helpfulness": None, "coherence": None}).captured == 0


@pytest.mark.parametrize(("passed", "beside", "rating"), [(3, {}, 3), (None, {"Rating": 4}, 4), (2, {"Rating": 4}, 4)])
def test_rows_with_several_scores_are_imported_with_a_rating(
    tmp_path: Path, passed: int | None, beside: dict[str, int], rating: int
) -> None:
    assert imported(tmp_path, passed, **HELPSTEER, **beside).captured == 1
    (example,) = DistillationDataCollector(tmp_path / "data").find_examples()
    assert (example["rating"], example["metadata"]) == (rating, HELPSTEER)
