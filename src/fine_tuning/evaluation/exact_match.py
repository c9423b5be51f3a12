"""Exact match: prediction and reference are equal; surrounding white space is ignored."""

from __future__ import annotations

from fine_tuning.data_io.equal_answers import are_equal_texts


def matches(prediction: str, reference: str) -> bool:
    """Whether the two are equal after stripping, in NFC."""
    return are_equal_texts(prediction, reference)
