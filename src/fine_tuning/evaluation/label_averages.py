"""Macro-averaged precision, recall and F1 with their intervals, and as functions of the examples that are drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from math import nan

import numpy as np
from numpy.typing import NDArray

from fine_tuning.data_io.equal_answers import normal_form
from fine_tuning.evaluation import intervals, paired_tests
from fine_tuning.evaluation.paired_tests import Positions
from fine_tuning.evaluation.score_summary import Figure

Averages = Callable[[Positions], NDArray[np.float64]]
NAMES = ("macro_precision", "macro_recall", "macro_f1")


def label_pair(prediction: str, reference: str, *, is_right: bool) -> tuple[str, str]:
    """The labels of a prediction and its reference; a right prediction, however worded, has its reference's label."""
    expected = normal_form(reference.strip())
    return expected if is_right else normal_form(prediction.strip()), expected


def resampled_averages(pairs: Sequence[tuple[str, str]]) -> Averages:
    """A function of the positions of examples that gives the averages in the order of `NAMES`, and reads no text again.

    Args:
        pairs: the label of the prediction and of the reference of each example.
    """
    numbers = {label: number for number, label in enumerate(dict.fromkeys(reference for _, reference in pairs))}
    predicted = np.array([numbers.get(label, len(numbers)) for label, _ in pairs], dtype=np.int64)
    actual = np.array([numbers[reference] for _, reference in pairs], dtype=np.int64)

    def count(labels: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(labels, minlength=len(numbers) + 1)[:-1]

    def averages_at(positions: Positions) -> NDArray[np.float64]:
        answers, references = predicted[np.asarray(positions)], actual[np.asarray(positions)]
        hits, given, expected = count(references[answers == references]), count(answers), count(references)
        known = expected > 0
        of_labels = (
            hits / np.maximum(given, 1),
            hits / np.maximum(expected, 1),
            2 * hits / np.maximum(given + expected, 1),
        )
        return np.array([each[known].mean() for each in of_labels])

    return averages_at


def figures(pairs: Sequence[tuple[str, str]], clusters: Sequence[Hashable] | None = None) -> dict[str, Figure]:
    """Each average with its 95 % interval, which is unknown of fewer than `paired_tests.MIN_RESAMPLED` examples.

    Wilson's, at the number of answers of which a rate would have the bootstrap's standard error: it lies between 0 and
    1, and does not shrink to nothing where all are right. The number is at most that of the mean of the rates of each
    label: K^2 / sum of 1 / n_k of K labels with n_k references, so that a rare label counts as what it is.

    Args:
        pairs: see `resampled_averages`.
        clusters: of examples that may be correlated.
    """
    references = Counter(reference for _, reference in pairs)
    most = len(references) ** 2 / sum(1 / count for count in references.values()) if references else nan
    units = len(pairs) if clusters is None else len(set(clusters))
    if not pairs:
        return {name: Figure(nan, nan, nan, 0) for name in NAMES}
    averages = resampled_averages(pairs)
    drawn, values = paired_tests.resampled(averages, len(pairs), clusters), averages(range(len(pairs))).tolist()
    limits = [(nan, nan)] * len(NAMES)
    if len(drawn):
        sizes = most, most * units / len(pairs)
        errors = drawn.std(axis=0).tolist()
        limits = [intervals.rate_with_error(*each, sizes, units) for each in zip(values, errors, strict=True)]
    return {
        name: Figure(value, low, high, len(pairs))
        for name, value, (low, high) in zip(NAMES, values, limits, strict=True)
    }
