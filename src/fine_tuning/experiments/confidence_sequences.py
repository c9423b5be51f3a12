"""Anytime-valid tests and confidence sequences: valid at every look."""

from __future__ import annotations

from math import exp, inf, log, sqrt

PLANNED_SAMPLES = 2000  # in all, at which the confidence sequence is tightest, unless a test is planned for other


def always_valid_p(log_e_value: float) -> float:
    """The p-value that holds at any stopping time: min(1, 1/e)."""
    return min(1.0, exp(-log_e_value)) if log_e_value > 0 else 1.0


def half_width(variance: float, n: float, alpha: float, planned: float = PLANNED_SAMPLES) -> float:
    """Half width of the asymptotic confidence sequence around an estimate whose sampling variance is `variance`.

    With s^2 = n variance: s sqrt(2 (n r^2 + 1) / (n^2 r^2) ln(sqrt(n r^2 + 1) / alpha)).
    Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and asymptotic confidence
    sequences", Annals of Statistics 52 (2024), theorem 2.2 and appendix B.2.

    Args:
        variance: of the estimate, such as s_a^2 / n_a + s_b^2 / n_b for a difference of means.
        n: how many samples it is made of (of both models, n_a + n_b; pairs where answers are paired).
        planned: n at which the sequence is tightest.

    Returns:
        In the units of the estimate; inf without samples.
    """
    return sqrt(variance) * limit(n, alpha, planned) if n >= 1 and variance >= 0 else inf


def limit(n: float, alpha: float, planned: float = PLANNED_SAMPLES, tuned: float | None = None) -> float:
    """The same in standard errors; inf without samples.

    Args:
        tuned: the alpha for which it is tightest at `planned`, where that is another.
    """
    if n < 1:
        return inf
    scaled = n * _rho_squared(tuned or alpha, planned)
    return sqrt(2 * (scaled + 1) / scaled * log(sqrt(scaled + 1) / alpha))


def mixture_log_e_value(estimate: float, variance: float, n: float, alpha: float, planned: float) -> float:
    """ln of the e-value against "the estimate's mean is 0" that the confidence sequence inverts: it excludes 0 exactly
    where e >= 1/alpha. ln e = n r^2 z^2 / (2 (n r^2 + 1)) - ln(n r^2 + 1) / 2 with z = estimate / sqrt(variance); see
    `half_width`. 0, no evidence, where the variance is 0 or unknown.
    """
    if n < 1 or not variance > 0:
        return 0.0
    scaled = n * _rho_squared(alpha, planned)
    return scaled * estimate**2 / variance / (2 * (scaled + 1)) - log(scaled + 1) / 2


def _rho_squared(alpha: float, planned: float) -> float:
    """r^2 = (-2 ln alpha + ln(-2 ln alpha + 1)) / N*."""
    return (-2 * log(alpha) + log(-2 * log(alpha) + 1)) / planned
