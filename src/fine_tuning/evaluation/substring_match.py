"""Substring match: the prediction occurs in the reference, case aside."""

from __future__ import annotations


def matches(prediction: str, reference: str) -> bool:
    """Whether the stripped prediction occurs in the reference; an empty prediction never does."""
    needle = prediction.strip().lower()
    return bool(needle) and needle in reference.strip().lower()
