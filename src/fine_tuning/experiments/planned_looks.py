"""The planned looks of a fixed or group sequential design: what they compare with, and how."""

from __future__ import annotations

from scipy.special import ndtri

from fine_tuning.experiments import group_sequential
from fine_tuning.experiments.design import Design


def planned_limits(design: Design, looks: int, alpha: float) -> tuple[float, ...]:
    """The |z| at which each of the first planned looks finds a difference."""
    if design.kind == "fixed":
        return (float(ndtri(1 - alpha / 2)),)
    return group_sequential.boundaries(design.fractions[:looks], alpha, design.spending)


def continuity(pairs: float) -> float:
    """By how many answers less the difference of right ones counts at a planned look: half of the steps it changes in.

    Right answers come in whole numbers, and without this the error would be a little above alpha for some rates. Of
    pairs, those that one model alone got right change the difference by two (Edwards, "Note on the correction for
    continuity in testing the significance of the difference between correlated proportions", Psychometrika 13, 1948;
    Haber, "A comparison of some continuity corrections for the chi-squared test on 2 x 2 tables", JASA 75, 1980).

    Args:
        pairs: the share of the samples that both models answered.
    """
    return 0.5 + 0.5 * pairs
