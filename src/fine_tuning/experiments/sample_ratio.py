"""The sample ratio check (SRM): whether the models get their planned shares of the units.

If not, the units differ in more than the model, and there is no verdict. Source: Lindon, Malek, "Anytime-valid
inference for multinomial count data", NeurIPS 2022: the Bayes factor of a Dirichlet mixture against the planned shares
is an e-process, valid at every look. Its value at the look counts, not the largest so far: what counts is the share of
the units, not the order in which they were recorded, and a check that failed passes again when the missing ones arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, lgamma, log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

ALPHA = 0.001  # of a false alarm, as other experiment platforms have it
CONCENTRATION = 400.0  # of the mixture around the planned share: about 2.5 points of deviation
Counts = int | NDArray[np.int64]


def log_e_values(count_a: Counts, count_b: Counts, share_b: float) -> NDArray[np.float64]:
    """ln of the evidence against "a unit is model_b's with probability `share_b`", for counts or arrays of counts."""
    return np.asarray(_log_e_values((count_a, count_b), (1 - share_b, share_b), gammaln))


def _log_e_values(counts: Sequence[Any], shares: Sequence[float], log_gamma: Callable[[Any], Any]) -> Any:
    parts = [
        log_gamma(CONCENTRATION * share + count) - log_gamma(CONCENTRATION * share) - count * log(share)
        for count, share in zip(counts, shares, strict=True)
    ]
    return log_gamma(CONCENTRATION) - log_gamma(CONCENTRATION + sum(counts)) + sum(parts)


def p_value(counts: Sequence[int], shares: Sequence[float]) -> float:
    """min(1, 1/e) of the evidence now against these shares of the models; below `ALPHA` the check fails."""
    return exp(-max(0.0, _log_e_values(counts, shares, lgamma)))
