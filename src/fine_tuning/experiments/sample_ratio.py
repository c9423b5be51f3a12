"""Whether the models get the shares of units that were planned; if not, the units differ in more than the model.

Source: Lindon, Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022: the Bayes factor of a
Dirichlet mixture against the planned shares is an e-process, so that looking at it often does no harm.
"""

from __future__ import annotations

from math import exp, log
from typing import Any

from scipy.special import betaln

ALPHA = 0.05
CONCENTRATION = 400.0  # of the mixture around the planned share: about 2.5 points of deviation


def log_e_values(count_a: Any, count_b: Any, share_b: float) -> Any:
    """ln of the evidence against "a unit is model_b's with probability `share_b`", for counts or arrays of counts."""
    a, b = CONCENTRATION * (1 - share_b), CONCENTRATION * share_b
    mixture = betaln(a + count_a, b + count_b) - betaln(a, b)
    return mixture - count_a * log(1 - share_b) - count_b * log(share_b)


def p_value(most_log_e: float) -> float:
    """Valid at any look: min(1, 1/e) of the most evidence there was; units that are missing once stay missing."""
    return exp(-max(0.0, most_log_e))
