"""Whether new texts come from where old ones came from: a classifier bets on which of two is the new one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fine_tuning.errors import MissingDependencyError

Vectors = NDArray[np.float32]
FIRST_PAIRS = 16  # to learn from before the first bet
GROWTH = 1.2  # of the pairs, until the classifier learns anew


def payoffs(old: Vectors, new: Vectors, seed: int = 0) -> Iterator[float]:
    """The payoffs of a classifier on pairs of an old and a new vector: its belief in the new one less that in the old.

    Each is from -1 to 1 and has the mean 0 where both are drawn from the same distribution, whatever the classifier has
    learnt from the pairs before. See `betting.log_evidence`.

    Source: Podkopaev and Ramdas, "Sequential predictive two-sample and independence testing", NeurIPS 2023, section 2.

    Args:
        old: of the shape (texts, dimensions); they are drawn in a random order.
        new: in the order in which they came; those beyond the number of old ones are not looked at.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingDependencyError("scikit-learn", "flywheel", "looking for drift") from error
    drawn = old[np.random.default_rng(seed).permutation(len(old))]
    count, learnt, classifier = min(len(drawn), len(new)), 0, LogisticRegression(C=10.0, max_iter=200)
    for at in range(count):
        if at >= max(FIRST_PAIRS, learnt * GROWTH):
            classifier.fit(np.concatenate([drawn[:at], new[:at]]), np.repeat([0, 1], at))
            learnt = at
        if not learnt:
            yield 0.0
            continue
        before, now = classifier.predict_proba(np.stack([drawn[at], new[at]]))[:, 1]
        yield float(now - before)
