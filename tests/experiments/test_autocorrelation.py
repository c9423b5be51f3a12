"""Whether figures of units that begin one after the other are alike."""

from __future__ import annotations

import numpy as np
import pytest

from fine_tuning.experiments.autocorrelation import Autocorrelation, are_alike


def of(values: list[float]) -> Autocorrelation:
    found = Autocorrelation()
    for value in values:
        found.add(value)
    return found


def test_products_are_of_every_two_residuals_of_a_group() -> None:
    found = of([1, 1, 0, 1, 0, 0, 0, 1, 1])  # the last one is of a group that is not complete
    residuals = np.array([[1, 1, 0, 1], [0, 0, 0, 1]]) - 0.5
    by_hand = sum(row.sum() ** 2 - (row**2).sum() for row in residuals)
    assert found.products.total == pytest.approx(by_hand)
    assert found.products.variance == pytest.approx(24 * 2 * 0.25**2)
    assert Autocorrelation.of(found.as_list()) == found
    assert Autocorrelation.of([]) == Autocorrelation()


def test_figures_in_turns_are_alike_and_shuffled_ones_are_not() -> None:
    turns = ([1.0] * 20 + [0.0] * 20) * 5
    shuffled = np.random.default_rng(1).permutation(turns).tolist()
    assert are_alike([of(turns).products])
    assert not are_alike([of(shuffled).products])


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1e9])
def test_figures_that_are_all_equal_are_not_alike_by_chance_or_rounding(value: float) -> None:
    assert not are_alike([of([value] * 1000).products])
