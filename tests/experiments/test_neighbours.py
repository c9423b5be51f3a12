"""The difference among neighbours, by hand."""

from __future__ import annotations

import pytest

from fine_tuning.experiments.neighbours import Neighbours, together

VARIANCE = 0.75 / 40  # of all samples, where neighbours keep three quarters of the information


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


def test_excess_over_neighbours_without_a_difference_is_what_chance_does_not_explain() -> None:
    found = of_groups("AAbb" * 20, "aaBB" * 20)
    assert found.excess(0.4, VARIANCE, 30.0) == pytest.approx(0.4)  # of 2.2 standard errors, each sqrt(1 / 40 / 4)
    assert found.excess(0.18, VARIANCE, 30.0) > 0
    assert found.excess(0.17, VARIANCE, 30.0) == 0
    assert found.excess(-0.4, VARIANCE, 30.0) == pytest.approx(-0.4)
    assert of_groups("AAbb", "aaBB").excess(9.0, 0.0, 1.0) == 0  # too few


def test_neighbours_of_earlier_versions_begin_with_nothing() -> None:
    assert Neighbours.of([]) == Neighbours()


def test_neighbours_of_a_question_are_its_answers() -> None:
    found = Neighbours()
    found.add_pair(1, 1.0, 0.25)  # model_b's answer came second
    found.add_pair(0, 0.5, 0.25)
    assert found.difference == pytest.approx((0.75 - 0.25) / 2)
