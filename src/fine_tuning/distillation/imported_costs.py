"""What imported calls have cost, for the ledger: by the tokens that their log reports, and the prices of their day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from fine_tuning._util.model_names import is_fine_tuned
from fine_tuning.costs.prices import PriceList
from fine_tuning.costs.published_prices import CallPrice
from fine_tuning.data_io.usage import Usage
from fine_tuning.distillation.row_reader import ReadCall
from fine_tuning.store import costs
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.costs import NewCostEvent


class ImportedCosts:
    """Adds the calls of an import to the cost ledger; the parameter `record` of `importer`.

    Args:
        host: address that answered; None where the log does not say, and the model's name has to.
    """

    def __init__(self, prices: PriceList, host: str | None = None) -> None:
        self._prices, self._host = prices, host

    def __call__(self, tx: Transaction, calls: Sequence[ReadCall]) -> None:
        """Add new calls, on the day they were made; those without tokens are left out."""
        for call in calls:
            if call.usage is not None:
                costs.add(tx, self._event(call))

    def _event(self, call: ReadCall) -> NewCostEvent:
        facts = call.better
        usage = call.usage or {"prompt_tokens": None, "completion_tokens": None}
        made = PricedCall(facts["model_used"], usage, self._host, facts["captured_at"])
        price = self._prices.price_of(made.model, usage, made.host, made.made_at)
        return cost_event(made, price, {"example": facts["id"]})


class PricedCall(NamedTuple):
    """What the price of a call follows from.

    Attributes:
        host: address that answered; None where nobody says.
    """

    model: str
    usage: Usage
    host: str | None
    made_at: datetime


def cost_event(call: PricedCall, price: CallPrice, source: Mapping[str, str]) -> NewCostEvent:
    """A recorded call for the ledger, on the day it was made.

    Args:
        source: what it is the cost of, noted with it.
    """
    model, usage = call.model, call.usage
    prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
    return {
        "kind": "inference",
        "model_name": model,
        "tokens": None if prompt is None or completion is None else prompt + completion,
        "cost": price.usd,
        "is_fine_tuned": is_fine_tuned(model),
        "metadata": {
            **source,
            "provider": call.host,
            "usage": {key: value for key, value in usage.items() if key != "service_tier"},
            "service_tier": usage.get("service_tier"),
            "cost_note": price.note,
        },
        "recorded_at": call.made_at,
    }
