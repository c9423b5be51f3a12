"""Notices a training that has gone astray: a loss that is no number, or one that stays worse than guessing."""

from __future__ import annotations

from math import isfinite, log

PATIENCE = 20  # steps in a row: a single bad batch is no divergence


class Divergence:
    """Told of the loss of every step.

    Args:
        vocabulary: tokens of the model; guessing among them costs the logarithm of their number in nats.
    """

    def __init__(self, vocabulary: int) -> None:
        self._guessing = log(vocabulary)
        self._limit: float | None = None
        self._above = 0

    def reason(self, loss: float) -> str | None:
        """Why training should stop at this loss (nats a token); None where it goes on."""
        if not isfinite(loss):
            return f"the loss became {loss}"
        if self._limit is None:
            self._limit = max(self._guessing, 2 * loss)
        self._above = self._above + 1 if loss > self._limit else 0
        if self._above < PATIENCE:
            return None
        return f"the loss has been above {self._limit:.1f}, worse than guessing, for {PATIENCE} steps"
