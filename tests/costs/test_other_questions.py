"""A gain is measured by evaluations of both models over the same questions, against an incumbent that has a name."""

from __future__ import annotations

from math import nan
from typing import Any

import pytest

from fine_tuning import CostTracker, ModelEvaluator, ModelRegistry
from fine_tuning.store.database import Database

QUESTIONS = [f"Where is order {number}?" for number in range(100)]


@pytest.mark.parametrize(("common", "gain"), [(10, None), (50, None), (51, 1.0)])
def test_quality_over_other_questions_than_the_incumbents_does_not_count(
    database: Database, common: int, gain: float | None
) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    others = [f"Who is customer {number}?" for number in range(100 - common)]
    ModelEvaluator().evaluate(["y"] * 100, ["x"] * 100, "gpt-4o", questions=QUESTIONS)
    answers = ["x"] * common + ["y"] * (100 - common)
    ModelEvaluator().evaluate(answers, ["x"] * 100, "m", questions=[*QUESTIONS[:common], *others])
    analysis = CostTracker().calculate_roi("m", 0.1, 1000, 10.0, "gpt-4o")
    assert analysis.accuracy_improvement == pytest.approx(nan if gain is None else gain, nan_ok=True)
    assert ("questions are in both evaluations 1 and 2" in str(analysis.unknown)) is (gain is None)


def test_incumbent_that_is_an_empty_text_is_refused(database: Database, cli: Any) -> None:
    code, _, err = cli("roi", "m", "0.1", "1000", "--incumbent", "")
    assert (code, err.count("\n"), "incumbent" in err) == (2, 1, True)


@pytest.mark.parametrize(
    ("references", "with_questions", "is_known"),
    [
        (["yes"] * 50, False, False),
        (["spam"] * 40 + ["ham"] * 10, False, False),
        (["yes", "no"] * 4, False, False),
        (["yes"] * 50, True, True),
        ([f"Order {number} was sent." for number in range(50)], False, True),
    ],
)
def test_equal_labels_without_questions_do_not_show_the_same_questions(
    database: Database, references: list[str], with_questions: bool, is_known: bool
) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    questions = QUESTIONS[: len(references)] if with_questions else None
    for name, wrong in (("gpt-4o", 4), ("m", 1)):
        answers = ["?"] * wrong + references[wrong:]
        ModelEvaluator().evaluate_exact_match(answers, references, name, "base", questions=questions)
    analysis = CostTracker().calculate_roi("m", 0.1, 1000, 10.0, "gpt-4o")
    assert (analysis.accuracy_improvement > 0) is is_known
    assert ("few labels without questions" in str(analysis.unknown)) is not is_known
