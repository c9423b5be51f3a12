"""A linear layer from the features of a text to the labels of a field, with calibrated probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from fine_tuning.serving.heads.text_features import Features, Weights

Probabilities = NDArray[np.float64]
_SHARPEST = 50.0  # of a temperature's inverse


@dataclass(frozen=True)
class LabelLayer:
    """Scores each label.

    Attributes:
        labels: the values, as JSON texts.
        weights: of the shape (features, labels); bias: of the shape (labels,).
        sharpness: the inverse of the temperature by which scores become probabilities.
    """

    labels: tuple[str, ...]
    weights: Weights
    bias: Weights
    sharpness: float = 1.0

    def scores(self, rows: Features) -> Probabilities:
        """The score of each label, of the shape (texts, labels)."""
        return np.asarray(rows @ self.weights + self.bias, dtype=np.float64)

    def probabilities(self, rows: Features) -> Probabilities:
        """The probability of each label, of the shape (texts, labels)."""
        return np.asarray(softmax(self.scores(rows) * self.sharpness, axis=1), dtype=np.float64)


def sharpness_of(scores: Probabilities, labels: Sequence[int]) -> float:
    """The inverse temperature under which the right labels are the most likely.

    As if one more text had been seen, of which nothing is known: texts without a mistake do not make it certain.

    Source: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.

    Args:
        scores: of held-out texts, of the shape (texts, labels).
        labels: the position of the right label of each.
    """
    rows = np.arange(len(labels))

    def loss(logarithm: float) -> float:
        found = log_softmax(scores * np.exp(logarithm), axis=1)
        return -float(found[rows, labels].sum() + found.mean())

    if not len(labels):
        return 1.0
    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, float(np.log(_SHARPEST))), method="bounded").x))
