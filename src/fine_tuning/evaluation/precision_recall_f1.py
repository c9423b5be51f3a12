"""Macro-averaged precision, recall and F1 over the labels of the references.

Definitions as in Sokolova and Lapalme, "A systematic analysis of performance measures for classification tasks" (2009):
each label counts the same, however rare. A label that is never predicted has precision 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple


class MacroAverages(NamedTuple):
    """Unweighted means over labels, each 0 to 1; nan for no examples."""

    precision: float
    recall: float
    f1: float


def macro_averages(labels: Sequence[str], references: Sequence[str]) -> MacroAverages:
    """Averages for predicted `labels` against `references` of the same length."""
    if not references:
        return MacroAverages(float("nan"), float("nan"), float("nan"))
    hits = Counter(label for label, reference in zip(labels, references, strict=True) if label == reference)
    predicted, actual = Counter(labels), Counter(references)
    precisions, recalls, f1s = [], [], []
    for label in actual:
        precision = hits[label] / predicted[label] if predicted[label] else 0.0
        recall = hits[label] / actual[label]
        precisions.append(precision)
        recalls.append(recall)
        f1s.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    count = len(actual)
    return MacroAverages(sum(precisions) / count, sum(recalls) / count, sum(f1s) / count)
