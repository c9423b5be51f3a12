"""Why a difference that changed over time is no verdict."""

from __future__ import annotations

from fine_tuning.experiments.changing_effect import Variation
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.effect import Effect


def contradicted(design: Design, before: tuple[int, float], now: Effect, *, is_part: bool = False) -> str:
    """What contradicts a verdict.

    Args:
        before: the number of samples of the verdict, and the difference then.
        is_part: whether the samples since are a part of those of the verdict.
    """
    scale, unit = _scale(design)
    whole = "in all" if is_part else "until then"
    then, since = (f"{each * scale:+.3g}{unit}" for each in (before[1], now.estimate))
    return (
        f"effect changed at about {before[0]:,} samples: {then} {whole}, {since} since; start a new test to compare "
        "the models as they are now"
    )


def varying(design: Design, mean: float, found: Variation) -> str:
    """Of a difference that varies around its mean by more than it is."""
    scale, unit = _scale(design)
    return (
        f"effect changed at about every {found.units:,} samples: {mean * scale:+.3g}{unit} in all, and by "
        f"{found.deviation * scale:.3g}{unit} more or less from time to time; compare the models within times of one "
        "effect"
    )


def _scale(design: Design) -> tuple[int, str]:
    """By which a difference is told, and its unit."""
    return (100, " points") if design.score == "binary" else (1, "")
