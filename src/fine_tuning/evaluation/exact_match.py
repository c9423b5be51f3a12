"""Exact match: prediction and reference are the same text, white space at the ends aside."""

from __future__ import annotations


def matches(prediction: str, reference: str) -> bool:
    """Whether the two are equal after stripping."""
    return prediction.strip() == reference.strip()
