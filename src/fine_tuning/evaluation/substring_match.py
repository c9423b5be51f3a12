"""Substring match: the prediction occurs in the reference; case is ignored."""

from __future__ import annotations


def matches(prediction: str, reference: str) -> bool:
    """Whether the stripped prediction occurs in the reference; an empty prediction never does."""
    stripped = prediction.strip().lower()
    return bool(stripped) and stripped in reference.strip().lower()
