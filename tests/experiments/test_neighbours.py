"""The difference among neighbours, by hand."""

from __future__ import annotations

from math import sqrt

import pytest

from fine_tuning.experiments.neighbours import Neighbours, together
from fine_tuning.experiments.stratified_difference import Difference


def of_groups(*groups: str) -> Neighbours:
    """Groups of samples: a and b of a model, capitals with the score 1."""
    found = Neighbours()
    for each in "".join(groups):
        found.add(int(each in "bB"), float(each.isupper()))
    return found


def test_neighbours_difference_is_weighted_as_by_mantel_and_haenszel() -> None:
    found = of_groups("aBbA", "AaaB", "aaaa", "Aa")  # 0, 2/3, of one model alone, and not complete
    assert found.difference == pytest.approx((1 * 0 + 0.75 * 2 / 3) / 1.75)
    assert Neighbours.of(found.as_list()) == found
    assert together([found, found]).difference == pytest.approx(found.difference)


def of_all(estimate: float, *, is_known: bool = True) -> Difference:
    """A difference over 120 samples of models that are right in half of them."""
    variances = (0.25 / 60, 0.25 / 60, 0.0) if is_known else (0.0, 0.0, 0.0)
    return Difference(estimate, (0.5, 0.5 + estimate), variances, (60, 60), 0.0, (60, 60), 1)


def test_excess_over_neighbours_without_a_difference_is_what_chance_does_not_explain() -> None:
    found = of_groups("AAbb" * 15, "aaBB" * 15)  # without the variance of all, 1 / 120, that of groups is 1 / 120, too
    least = 2.7 * sqrt(0.25 * 0.5 / 120)  # half of the information is lost
    assert found.excess(of_all(0.4), 60.0) == pytest.approx(0.4)
    assert found.excess(of_all(least + 0.01), 60.0) > 0
    assert found.excess(of_all(least - 0.01), 60.0) == 0
    assert found.excess(of_all(-0.4), 60.0) == pytest.approx(-0.4)
    assert of_groups("AAbb", "aaBB").excess(of_all(9.0), 1.0) == 0  # too few


def test_rare_answers_that_neighbours_lack_by_chance_are_no_excess() -> None:
    found = of_groups("AAAB" * 8)  # of a model with one wrong answer in ten, all of neighbours are right
    rare = Difference(0.1, (0.9, 1.0), (0.09 / 400, 0.01 / 60, 0.0), (400, 60), 0.0, (400, 60), 1)
    assert (found.error, found.excess(rare, 50.0)) == (0.0, 0.0)


def test_neighbours_of_earlier_versions_begin_with_nothing() -> None:
    assert Neighbours.of([]) == Neighbours()


def test_neighbours_of_a_question_are_its_answers() -> None:
    found = Neighbours()
    found.add_pair(0.25, 1.0)
    found.add_pair(0.5, 0.25)
    assert found.difference == pytest.approx((0.75 - 0.25) / 2)
