"""The strata that samples name, each of which is compared by itself."""

from __future__ import annotations

from fine_tuning.experiments.propensity_strata import PropensityStrata
from fine_tuning.experiments.unit_sums import UnitSums

MAX_STRATA = 100  # further ones are not compared
MIN_UNITS = 2  # of each model in one of several strata: of one alone no variance is known
OTHER = "(others)"
Strata = dict[str, PropensityStrata]  # by stratum of the samples; "" where they have none


def of_name(strata: Strata, name: str) -> PropensityStrata:
    """The sums of a stratum, which may be a new one."""
    known = name if name in strata or len(strata) < MAX_STRATA else OTHER
    return strata.get(known) or strata.setdefault(known, PropensityStrata())


def cells(strata: Strata, measure: str | None = None, *, at_once: bool = False) -> list[UnitSums]:
    """The sums of a measure (None: of the scores) within which the models are compared; see `Comparison.cells`.

    Args:
        at_once: whether all samples of a stratum count as of one time.
    """
    if len(strata) == 1:
        only = next(iter(strata.values()))
        return [only.everything(measure)] if at_once else only.cells(measure)
    known = [each for name, each in strata.items() if name != OTHER]
    of_one_time = [each for each in known if not each.are_apart] or known
    found = [cell for each in of_one_time for cell in ([each.everything(measure)] if at_once else each.cells(measure))]
    return [cell for cell in found if min(cell.effective_units) >= MIN_UNITS]
