"""What training cost, job by job: from the ledger, else from what the registry was told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import nan
from typing import Any

Prices = dict[str, float | None]
"""US dollars by job id; None where unknown."""


def by_model(recorded: Iterable[Mapping[str, Any]], versions: Iterable[Mapping[str, Any]]) -> dict[str, Prices]:
    """Each model's training jobs and their prices.

    A job counts once, for the model that was registered from it, else for the name it was recorded under. Its price is
    the ledger's; where that has none, the registry's, in which 0 is what nobody said otherwise.

    Args:
        recorded: training jobs of the ledger (job_id, model_name, total_cost).
        versions: of the registry (job_id, model_name, cost).
    """
    found: dict[str, Prices] = {}
    owner: dict[str, str] = {}
    for version in versions:
        name = owner.setdefault(version["job_id"], version["model_name"])
        known = found.setdefault(name, {}).get(version["job_id"])
        found[name][version["job_id"]] = known if known is not None else version["cost"] or None
    for job in recorded:
        prices = found.setdefault(owner.get(job["job_id"], job["model_name"]), {})
        cost = job["total_cost"]
        prices[job["job_id"]] = prices.get(job["job_id"]) if cost is None else cost
    return found


def total(prices: Prices) -> float:
    """The sum; nan where there is nothing, or a part is unknown."""
    known = [price for price in prices.values() if price is not None]
    return sum(known) if known and len(known) == len(prices) else nan


def known_part(prices: Prices) -> float:
    """The sum of what is known; nan where nothing is."""
    known = [price for price in prices.values() if price is not None]
    return sum(known) if known else nan
