"""Exact match: prediction and reference are equal; surrounding white space is ignored."""

from __future__ import annotations


def matches(prediction: str, reference: str) -> bool:
    """Whether the two are equal after stripping."""
    return prediction.strip() == reference.strip()
