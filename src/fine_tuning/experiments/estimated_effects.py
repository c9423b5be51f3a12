"""The difference of two models from the sums over units, with what its approximation needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, inf, log, nan, sqrt

from fine_tuning.experiments import confidence_sequences, small_sample_corrections
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.effect import Effect
from fine_tuning.experiments.pair_sums import PairSums
from fine_tuning.experiments.rate_likelihood import Rates
from fine_tuning.experiments.running_sums import Moments
from fine_tuning.experiments.stratified_difference import Difference, difference
from fine_tuning.experiments.unit_sums import UnitSums

MIN_OBSERVATIONS = 10  # answers right or wrong, or units, of each model before an asymptotic statement is made
MIN_OBSERVATIONS_OF_MEANS = 30  # of figures of any size, whose spread and skewness must be guessed too
MAX_SKEWNESS = 0.2  # skewness of an estimate: beyond it, normal approximations fail
CLEAR = 8.0  # standard errors of a difference of rates that no skewness explains: of answers that nearly all differ
RARE = 0.01  # share of the calls in which a measure that never differed may differ
ROUNDING = 1e-9  # relative error of the running sums
Scores = tuple[Moments, Moments]  # of both models


def effect_of_scores(cells: Sequence[UnitSums], design: Design, scores: Scores, pairs: PairSums) -> Effect:
    """The difference in score within cells.

    Args:
        scores, pairs: all of both models, which tell how skewed they are; pairs count from the origin of the cells.
    """
    found = difference(cells)
    planned = 2 * design.planned if design.planned else confidence_sequences.PLANNED_SAMPLES
    n = round(sum(found.scores)) if found else 0
    if found is None:
        return Effect(nan, nan, n=n, planned=planned, is_ready=False)
    if design.score != "real":
        found = _smoothed(found, design.ends)
        scores = _with_ends(scores[0], design.ends), _with_ends(scores[1], design.ends)
    variance = found.variance
    skewness = _skewness(found, scores, pairs)
    is_binary = design.score == "binary"
    rates = None
    if design.kind == "anytime" and design.score != "real" and variance > 0:
        rates = _rates(found, design.ends)
        skewness = 0.0 if is_binary else skewness - rates.skewness
    least = MIN_OBSERVATIONS if is_binary else MIN_OBSERVATIONS_OF_MEANS
    is_clear = design.score != "real" and abs(found.estimate) >= CLEAR * sqrt(variance)
    return Effect(
        found.estimate,
        variance,
        n=n,
        planned=planned,
        is_ready=variance > 0 and min(found.units) >= least and (is_clear or abs(skewness) <= MAX_SKEWNESS),
        degrees=_degrees(found, is_binary=is_binary),
        skewness=0.0 if is_binary else skewness,
        rates=rates,
    )


def _rates(found: Difference, ends: tuple[float, float]) -> Rates:
    """Both means as rates, of as many right or wrong answers as have the variance of the difference."""
    low, high = ends
    first, second, _ = found.variances
    scale = (high - low) ** 2 * (first + second) / found.variance  # larger where answers to one question are alike
    # The ends of the scale are those of the running sums, too, in spite of their rounding.
    means = [min(max(round((mean - low) / (high - low), 12), 0.0), 1.0) for mean in found.means]
    sizes = []
    for mean, units, variance in zip(means, found.units, (first, second), strict=True):
        smoothed = (units * mean + 1) / (units + 2)
        sizes.append(scale * smoothed * (1 - smoothed) / variance)
    return Rates(means[0], means[1], (sizes[0], sizes[1]), high - low)


def effect_of_measure(
    cells: Sequence[UnitSums],
    figures: Scores,
    pairs: PairSums,
    alpha: float,
    *,
    is_rate: bool,
    factor: float,
    origin: float,
) -> Effect:
    """The mean of model_b less `factor` times that of model_a within cells.

    Args:
        figures, pairs: all of both models.
        alpha: see `measures.difference`.
        is_rate: whether the figures are 0 or 1.
        origin: from which they are counted within cells.
    """
    found, planned = difference(cells), confidence_sequences.PLANNED_SAMPLES
    if found is None:
        return Effect(nan, nan, n=0, planned=planned, is_ready=False)
    if is_rate:
        found = _smoothed(found, (0.0, 1.0))
    first, second, common = found.variances
    found = found._replace(variances=(factor**2 * first, second, factor * common))
    skewness = _skewness(found, figures, pairs, factor)
    enough = all(
        units >= _least_units(each, scores, units, alpha, is_rate=is_rate)
        for each, scores, units in zip(figures, found.scores, found.units, strict=True)
    )
    return Effect(
        found.means[1] - factor * found.means[0] + origin * (1 - factor),
        found.variance,
        n=round(sum(found.scores)),
        planned=planned,
        is_ready=enough and found.variance >= 0 and (is_rate or abs(skewness) <= MAX_SKEWNESS),
        degrees=_degrees(found, is_binary=is_rate),
        skewness=0.0 if is_rate else skewness,
    )


def _skewness(found: Difference, figures: Scores, pairs: PairSums, factor: float = 1.0) -> float:
    """Of the estimate; of pairs by their differences.

    Users of both models have figures that may be alike, which makes the difference less varied, and leaves what is
    known of its skewness: it is that of as many users of one model alone.
    """
    first, second, common = found.variances
    if common and found.shared * max(found.scores) > 0.5 and 2 * pairs.count >= min(found.units):
        return pairs.skewness(factor) / sqrt(min(found.units))
    variance = max(found.variance, first + second) if found.variance > 0 else found.variance
    return float(small_sample_corrections.skewness(figures, (first, second), found.units, variance))


def _least_units(figures: Moments, scores: float, units: float, alpha: float, *, is_rate: bool) -> int:
    """The units of a model before an asymptotic statement is made."""
    if is_rate or units < scores - 0.5:  # users with several calls, whose spread is compared with Student's t
        return MIN_OBSERVATIONS
    differ = figures.squares > figures.count * (ROUNDING * figures.mean) ** 2
    return MIN_OBSERVATIONS_OF_MEANS if differ else ceil(log(alpha) / log(1 - RARE))


def _smoothed(found: Difference, ends: tuple[float, float]) -> Difference:
    """With one more unit of each model at each end of the scale: a few that are all alike are no proof of certainty.

    Of right and wrong answers, each a unit, the variance of a rate is then p (1 - p) / n with p = (k + 1) / (n + 2).
    """
    factors, added = [], []
    for n, mean in zip(found.units, found.means, strict=True):
        middle = (n * mean + sum(ends)) / (n + 2)
        factors.append((n - 1) / (n + 2))
        added.append((n * (mean - middle) ** 2 + sum((end - middle) ** 2 for end in ends)) / (n * (n + 2)))
    first, second, common = found.variances
    first, second = factors[0] * first + added[0], factors[1] * second + added[1]
    return found._replace(variances=(first, second, sqrt(factors[0] * factors[1]) * common))


def _with_ends(scores: Moments, ends: tuple[float, float]) -> Moments:
    found = replace(scores)
    for end in ends:
        found.add(end)
    return found


def _degrees(found: Difference, *, is_binary: bool) -> float:
    """Degrees of freedom of the variance: Satterthwaite, Biometrics Bulletin 2 (1946).

    The variance of a rate of independent answers follows from the rate; what units add to it must be estimated.
    """
    first, second, _ = found.variances
    of_units = [max(0.0, units - found.cells) for units in found.units]
    if not min(of_units) > 0:
        return 0.0
    variance = found.variance
    shared = found.shared / max(1e-12, 1 - found.shared * found.cells)
    spread = first**2 / of_units[0] + second**2 / of_units[1] + shared * (variance**2 - first**2 - second**2)
    degrees = variance**2 / max(spread, variance**2 / sum(of_units)) if variance > 0 else min(of_units)
    if not is_binary:
        return degrees
    estimated = 1 - sum(found.units) / sum(found.scores)
    return degrees / estimated if estimated > 1e-12 else inf
