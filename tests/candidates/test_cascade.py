"""The threshold of a cascade keeps the expected loss."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fine_tuning.candidates.cascade import controlled_threshold


@pytest.mark.parametrize("risk", [0.02, 0.05])
def test_expected_loss_on_the_next_call_is_at_most_the_risk(risk: float) -> None:
    rng, runs, losses = np.random.default_rng(1), 4_000, []
    for _ in range(runs):
        sure = rng.uniform(size=101)
        lost = (rng.uniform(size=101) > sure).astype(float)  # of calibrated confidences
        threshold = controlled_threshold(sure[:100], lost[:100], risk)
        losses.append(lost[100] if sure[100] >= threshold else 0.0)
    assert np.mean(losses) <= risk + 3 * np.std(losses) / runs**0.5
    assert np.mean(losses) > 0.3 * risk  # and the guarantee is not bought with answering nothing


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9]), st.sampled_from([0.0, 1.0])), min_size=1, max_size=60))
def test_threshold_is_the_lowest_that_keeps_the_bound(rows: list[tuple[float, float]]) -> None:
    sure, lost = zip(*rows, strict=True)
    found = controlled_threshold(sure, lost, 0.1)

    def bound(threshold: float) -> float:
        kept = sum(loss for confidence, loss in rows if confidence >= threshold)
        return (kept + 1) / (len(rows) + 1)

    allowed = [each for each in sorted({*sure}) if bound(each) <= 0.1 + 1e-12]
    assert found == (allowed[0] if allowed else inf)


def test_too_few_calls_keep_no_risk() -> None:
    assert controlled_threshold([0.9] * 5, [0.0] * 5, 0.05) == inf
    assert controlled_threshold([], [], 0.05) == inf
