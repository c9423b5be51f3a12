"""How many of a model's calls have a known price: the mean of a few is not the price of all.

Calls without a price may be the dear ones, such as those of another host or tier.
"""

from __future__ import annotations

SHARE = 0.5  # of the calls, from which the mean of those with a price is taken for all


def is_enough(priced: int, calls: int) -> bool:
    """Whether enough of the calls have a price to take their mean for all."""
    return priced > 0 and priced >= SHARE * calls


def text(model: str, priced: int, calls: int) -> str:
    """How many calls of a model have a price; empty where all do."""
    if priced >= calls:
        return ""
    return f"{priced:,} of {calls:,} calls of {model} have a known price; the others may cost more or less"


def missing(priced: int, calls: int) -> str:
    """Why the price is unknown where too few calls have one, and what would tell it."""
    return (
        f"only {priced:,} of {calls:,} calls have a known price, too few for a mean of all; record calls with their "
        "cost (FINE_TUNING_PRICES prices those of LLMService)"
    )
