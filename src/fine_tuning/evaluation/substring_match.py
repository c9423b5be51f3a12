"""Substring match: the prediction occurs in the reference; case is ignored."""

from __future__ import annotations

from fine_tuning.evaluation.text_forms import caseless


def matches(prediction: str, reference: str) -> bool:
    """Whether the stripped prediction occurs in the reference; an empty prediction never does."""
    searched, text = (each.strip() for each in caseless(prediction, reference))
    return bool(searched) and searched in text
