"""Tests and intervals that stay valid however often they are looked at. numpy and scipy only."""

from __future__ import annotations

from math import exp, inf, log, nan, sqrt

from scipy.special import betaln

PRIOR = 10.0  # a of the Beta(a, a) mixture: wide enough for small, narrow enough for large differences
PLANNED_SAMPLES = 1000  # the sample size at which the confidence sequence is tightest


def discordant_pair_log_e_value(wins: int, losses: int) -> float:
    """ln of the e-value against "both models are right equally often", from the pairs that only one got right.

    Given a discordant pair, each model is the right one with probability 1/2 under the null; the alternative is mixed
    over Beta(a, a): ln e = B(a + w, a + l) - B(a, a) + (w + l) ln 2, with B = log-beta. Reject at e >= 1/alpha.
    Source: Ville's inequality with the beta-binomial mixture martingale (Robbins, "Statistical methods related to the
    law of the iterated logarithm", 1970; Howard et al., "Time-uniform, nonparametric, nonasymptotic confidence
    sequences", 2021).
    """
    mixture = float(betaln(PRIOR + wins, PRIOR + losses)) - float(betaln(PRIOR, PRIOR))
    return mixture + (wins + losses) * log(2)


def always_valid_p(log_e_value: float) -> float:
    """The p-value that holds at any stopping time: min(1, 1/e)."""
    return min(1.0, exp(-log_e_value)) if log_e_value > 0 else 1.0


def mean_difference_half_width(variance_a: float, count_a: int, variance_b: float, count_b: int, alpha: float) -> float:
    """Half width of the asymptotic confidence sequence for the difference of two means.

    With n = min(count_a, count_b) and s^2 = variance_a + variance_b:
    s sqrt(2 (n r^2 + 1) / (n^2 r^2) ln(sqrt(n r^2 + 1) / alpha)), r^2 = (-2 ln alpha + ln(-2 ln alpha + 1)) / N*.
    Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and asymptotic confidence
    sequences", Annals of Statistics 52 (2024), theorem 2.2 and appendix B.2.

    Returns:
        In the units of the means; inf with fewer than two samples in an arm.
    """
    n = min(count_a, count_b)
    if n < 2:
        return inf
    rho2 = (-2 * log(alpha) + log(-2 * log(alpha) + 1)) / PLANNED_SAMPLES
    spread = variance_a + variance_b
    return sqrt(spread * 2 * (n * rho2 + 1) / (n * n * rho2) * log(sqrt(n * rho2 + 1) / alpha))


def mean_and_variance(count: int, total: float, squares: float) -> tuple[float, float]:
    """Mean and unbiased variance from running sums; nan where too few samples were seen."""
    if count == 0:
        return nan, nan
    mean = total / count
    if count == 1:
        return mean, nan
    return mean, max(0.0, (squares - count * mean * mean) / (count - 1))
