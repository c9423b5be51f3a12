"""Cheaper, and not worse: two one-sided statements that must both hold."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.experiments import comparability, measures, verdict
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.effect import Effect
from fine_tuning.experiments.neighbour_evidence import Claim
from fine_tuning.experiments.sufficient_statistics import B, Statistics
from fine_tuning.store import experiments
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.experiments import Experiment


class Statement(TypedDict):
    """A one-sided statement: whether it holds, the estimated improvement and its bound."""

    holds: bool
    estimate: float
    bound: float


class CheaperAndNotWorse(TypedDict):
    """Both statements; withheld: why neither counts, else empty."""

    holds: bool
    cheaper: Statement
    not_worse: Statement
    withheld: NotRequired[str]


def cheaper_and_not_worse(
    design: Design, statistics: Statistics, alpha: float, margin: float | None = None
) -> CheaperAndNotWorse:
    """Whether model_b costs less and scores no more than `margin` less, each at alpha and valid at every look.

    Both must hold, so that alpha is not divided between them: Berger, "Multiparameter hypothesis testing and acceptance
    sampling", Technometrics 24 (1982).

    Args:
        alpha: of these two models; that of the design where the test has no others.
    """
    cost = measures.difference(statistics, "cost", alpha)
    effect, allowed = statistics.effect(design), design.margin if margin is None else checks.amount("margin", margin)
    if allowed is None or (design.score != "real" and allowed > design.spread):
        raise UsageError(f"margin must be between 0 and {design.spread:g}, not {margin or design.margin}")
    added_cost = _bounds(cost, alpha)[1]
    cheaper: Statement = {"holds": added_cost < 0, "estimate": -cost.estimate, "bound": -added_cost}
    worst = _bounds(effect, alpha)[0]
    not_worse: Statement = {"holds": worst > -allowed, "estimate": effect.estimate, "bound": worst}
    return {"holds": cheaper["holds"] and not_worse["holds"], "cheaper": cheaper, "not_worse": not_worse}


def of_test(test: Experiment, arm: Arm, margin: float | None) -> CheaperAndNotWorse:
    """Both statements for an arm of a stored test; neither counts where the samples cannot be compared.

    Of several models each has its part of alpha, as in `verdict.judge`, so that alpha bounds the chance that any of
    them is declared cheaper and not worse although it is not.
    """
    design, models = Design.of(**test["design"]), [*experiments.models(test)]
    if arm not in models[1:]:
        raise UsageError(f"{arm} is not compared with model_a; use {' or '.join(models[1:])}")
    statistics = Statistics.of(test["statistics"], models)
    two, part = statistics.against(arm), design.alpha / (len(models) - 1)
    found = cheaper_and_not_worse(design, two, part, margin)
    reason = comparability.mismatch_reason(design, statistics, is_last=test["status"] != "running")
    found["withheld"] = _withheld(design, two, part, margin, reason, is_claimed=found["holds"])
    found["holds"] = found["holds"] and not found["withheld"]
    return found


def not_worse(test: Experiment) -> Statement:
    """Whether model_b is shown to be no more than the margin worse; not where the samples cannot be compared."""
    design, models = Design.of(**test["design"]), [*experiments.models(test)]
    statistics = Statistics.of(test["statistics"], models)
    found = cheaper_and_not_worse(design, statistics.against(B), design.alpha)["not_worse"]
    reason = comparability.mismatch_reason(design, statistics, is_last=test["status"] != "running")
    two, holds = statistics.against(B), found["holds"]
    return {**found, "holds": holds and not _withheld(design, two, design.alpha, None, reason, is_claimed=holds)}


def _withheld(
    design: Design, two: Statistics, alpha: float, margin: float | None, mismatch: str, *, is_claimed: bool
) -> str:
    """Why a statement about two models does not count; empty where it does."""
    effect = two.effect(design)
    claim = Claim(1, effect.limit(min(2 * alpha, 0.999)), -(design.margin if margin is None else margin))
    decided = verdict.decide(design, two, effect, alpha, mismatch)
    not_comparable = comparability.incomparable_reason(design, two, claim) if is_claimed else ""
    return decided.withheld or not_comparable or decided.changed


def _bounds(effect: Effect, alpha: float) -> tuple[float, float]:
    """One-sided at alpha on either side: together an interval at 2 alpha."""
    return effect.sequence(min(2 * alpha, 0.999))
