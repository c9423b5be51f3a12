"""Evidence of drift: seldom where there is none, however often one looks; soon where there is some."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="the extra `flywheel` is not installed")
from fine_tuning.experiments import two_sample_drift
from fine_tuning.experiments.betting import BETS, log_evidence

ALPHA = 0.05


def test_fair_payoffs_seldom_ever_look_like_more() -> None:
    rng, runs = np.random.default_rng(0), 500
    ever = sum(max(log_evidence(rng.choice([-1.0, 1.0], 200))) >= log(1 / ALPHA) for _ in range(runs))
    assert ever / runs <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / runs) ** 0.5
    assert ever > 0  # and not because nothing is ever said


def test_late_change_is_found_soon_after_it() -> None:
    rng = np.random.default_rng(1)
    payoffs = np.concatenate([rng.choice([-0.2, 0.2], 2000), rng.choice([-0.2, 0.4], 300)])
    found = np.flatnonzero(np.asarray(log_evidence(payoffs)) >= log(1 / ALPHA))
    assert 2000 < found[0] < 2200


@given(st.lists(st.floats(-1, 1), max_size=30))
def test_evidence_is_the_sum_over_starts_and_bets(payoffs: list[float]) -> None:
    """As defined, term by term."""
    total = 0.0
    for bet in BETS:
        for start in range(1, len(payoffs) + 1):
            grown = np.prod([1 + bet * each for each in payoffs[start - 1 :]])
            begins = log(2) / log(start + 1) - log(2) / log(start + 2)
            total += grown * begins / len(BETS)
    expected = total + log(2) / log(len(payoffs) + 2)
    if payoffs:
        assert log_evidence(payoffs)[-1] == pytest.approx(log(expected), abs=1e-9)


@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_classifier_finds_shifted_vectors_and_no_others(shift: float) -> None:
    rng, found = np.random.default_rng(2), 0
    for _ in range(60):
        old, new = rng.normal(size=(150, 8)), rng.normal(size=(150, 8))
        new[:, 0] += shift
        payoffs = two_sample_drift.payoffs(old.astype(np.float32), new.astype(np.float32))
        found += max(log_evidence(payoffs)) >= log(1 / ALPHA)
    assert found >= 57 if shift else found <= 6


def test_too_few_pairs_are_no_evidence() -> None:
    some = np.ones((10, 4), np.float32)
    assert list(two_sample_drift.payoffs(some, -some)) == [0.0] * 10
    assert list(two_sample_drift.payoffs(some[:0], some)) == []
