"""Estimates of what training on a dataset costs, for each target whose price or speed is known."""

from __future__ import annotations

from typing import TypedDict

from fine_tuning._util import checks
from fine_tuning._util.encodings import encoding_of
from fine_tuning.costs.prices import PriceList
from fine_tuning.store.records.manifests import DatasetManifest
from fine_tuning.training.loop.time_estimate import training_time

LOCAL_TARGETS = ((0.135e9, "cpu"), (1.5e9, "rtx4090"), (8e9, "a100"), (8e9, "h100"))  # parameters and machine


class TrainingEstimate(TypedDict):
    """Tokens of training on a target over all epochs, its price (usd) and its time (hours); None is unknown."""

    epochs: int
    tokens: int
    target: str
    usd: float | None
    hours: float | None


def estimates(manifest: DatasetManifest, epochs: int, prices: PriceList) -> list[TrainingEstimate]:
    """What training on a dataset's train split costs; empty where its tokens were not counted.

    Prices are OpenAI's list prices, of models with the encoding that counted the tokens; hours are of a machine's
    peak rate, see `training.loop.time_estimate`.

    Raises:
        UsageError: epochs is less than 1.
    """
    checks.count("epochs", epochs, 1)
    split = manifest["parts"].get("train") or next(iter(manifest["parts"].values()))
    if split["tokens"] is None:
        return []
    counted = encoding_of(str(manifest["recipe"].get("tokens_of") or ""))
    tokens = split["tokens"] * epochs
    found: list[TrainingEstimate] = [
        {"epochs": epochs, "tokens": tokens, "target": model, "usd": tokens / 1e6 * price, "hours": None}
        for model, price in prices.training_prices().items()
        if counted is not None and encoding_of(model) is counted
    ]
    for parameters, machine in LOCAL_TARGETS:
        target = f"{parameters / 1e9:g}B parameters, {machine}"
        time = training_time(split["rows"], epochs, machine, parameters, split["tokens"] / split["rows"])
        found.append(
            {"epochs": epochs, "tokens": tokens, "target": target, "usd": None, "hours": time["estimated_hours"]}
        )
    return found
