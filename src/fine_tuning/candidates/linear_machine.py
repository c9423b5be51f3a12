"""A linear support vector machine, fitted by scikit-learn."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fine_tuning.errors import MissingDependencyError
from fine_tuning.serving.heads.text_features import Features, Weights

if TYPE_CHECKING:
    from sklearn.svm import LinearSVC

MAX_ITERATIONS = 5000


def linear(rows: Features, places: NDArray[np.int64], count: int, strength: float) -> tuple[Weights, Weights]:
    """Weights and bias of a linear support vector machine, one column for each of `count` classes."""
    weights, bias = np.zeros((rows.shape[1], count), np.float32), np.full(count, -1.0, np.float32)
    present = np.unique(places)
    if len(present) < 2:
        bias[present] = 1.0
        return weights, bias
    fitted = _machine(strength)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of iterations that do not converge: what is chosen is measured
        fitted.fit(rows, places)
    columns, offsets = fitted.coef_.T, fitted.intercept_
    if columns.shape[1] == 1:  # of two classes
        columns, offsets = np.hstack([-columns, columns]), np.concatenate([-offsets, offsets])
    weights[:, present], bias[present] = columns, offsets
    return weights, bias


def _machine(strength: float) -> LinearSVC:
    try:
        from sklearn.svm import LinearSVC
    except ImportError as error:
        raise MissingDependencyError("scikit-learn", "candidates", "a classifier head") from error
    options: dict[str, Any] = {"C": strength, "max_iter": MAX_ITERATIONS, "random_state": 0}
    return LinearSVC(**options)
