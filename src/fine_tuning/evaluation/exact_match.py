"""Exact match: prediction and reference are equal; surrounding white space is ignored."""

from __future__ import annotations

from fine_tuning.datasets.words import normal_form


def matches(prediction: str, reference: str) -> bool:
    """Whether the two are equal after stripping, in NFC: an accented letter is the same however it was typed."""
    return normal_form(prediction.strip()) == normal_form(reference.strip())
