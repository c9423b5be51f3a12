"""The sample ratio check (SRM): whether the models get their planned shares of the units.

If not, the units differ in more than the model, and there is no verdict. Source: Lindon, Malek, "Anytime-valid
inference for multinomial count data", NeurIPS 2022: the Bayes factor of a Dirichlet mixture against the planned shares
is an e-process, valid at every look. A mean of several is one as well: a wide mixture sees at once that a model got
nothing, a narrow one that a few percent of many units are missing. Its value at the look counts, not the largest so
far: what counts is the share of the units, not the order in which they were recorded, and a check that failed passes
again when the missing ones arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, lgamma, log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import binomtest

ALPHA = 0.001  # of a false alarm, as other experiment platforms have it
# The weights of mixtures around the planned share, by their concentration: 100 is about 5 points of deviation from a
# half, of which most mismatches are; without the widest two 20 units of one model alone would pass.
WEIGHTS = {1.0: 0.05, 10.0: 0.1, 100.0: 0.5, 400.0: 0.35}
Counts = int | NDArray[np.int64]


def log_e_values(count_a: Counts, count_b: Counts, share_b: float) -> NDArray[np.float64]:
    """ln of the evidence against "a unit is model_b's with probability `share_b`", for counts or arrays of counts."""
    return np.asarray(_log_e_values((count_a, count_b), (1 - share_b, share_b), gammaln))


def _log_e_values(counts: Sequence[Any], shares: Sequence[float], log_gamma: Callable[[Any], Any]) -> Any:
    found = [log(weight) + _of_mixture(counts, shares, size, log_gamma) for size, weight in WEIGHTS.items()]
    return np.logaddexp.reduce(found)


def _of_mixture(
    counts: Sequence[Any], shares: Sequence[float], concentration: float, log_gamma: Callable[[Any], Any]
) -> Any:
    parts = [
        log_gamma(concentration * share + count) - log_gamma(concentration * share) - count * log(share)
        for count, share in zip(counts, shares, strict=True)
    ]
    return log_gamma(concentration) - log_gamma(concentration + sum(counts)) + sum(parts)


def p_value(counts: Sequence[int], shares: Sequence[float]) -> float:
    """min(1, 1/e) of the evidence now against these shares of the models; below `ALPHA` the check fails."""
    return exp(-max(0.0, _log_e_values(counts, shares, lgamma)))


def last_p_value(counts: Sequence[int], shares: Sequence[float]) -> float:
    """The p-value of the only look at the end of a test, as other platforms have it at each look: of exact binomial
    tests of each model's share, the smallest times their number. The evidence of any look needs more units.
    """
    total, models = sum(counts), len(counts)
    if not total:
        return 1.0
    tests = 1 if models == 2 else models  # of two, one follows from the other
    found = (binomtest(count, total, share).pvalue for count, share in zip(counts, shares, strict=True))
    return float(min(p_value(counts, shares), 1.0, tests * min(found)))
