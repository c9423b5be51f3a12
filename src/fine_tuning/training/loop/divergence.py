"""Detect a diverged training: a NaN or infinite loss, or one that stays no better than guessing."""

from __future__ import annotations

from math import isfinite, log

PATIENCE = 20  # steps in a row: a single bad batch is not divergence
GUESSING_MARGIN = 0.99


class Divergence:
    """Watches the loss of every step.

    Args:
        choices: number of classes, whose logarithm is the loss of guessing in nats: the model's tokens, or the two
            answers of a pair.
        parts: micro-batches of a step, each of which has a loss.
    """

    def __init__(self, choices: int, parts: int = 1) -> None:
        self._guessing = GUESSING_MARGIN * log(
            choices
        )  # a network that has collapsed guesses, and is a little better by luck
        self._parts = parts
        self._limit: float | None = None
        self._above = 0

    def reason(self, loss: float) -> str | None:
        """The reason to stop at this loss (nats per token); None to continue."""
        if not isfinite(loss):
            return f"the loss became {loss}"
        if self._limit is None:
            self._limit = max(self._guessing, 2 * loss)
        self._above = self._above + 1 if loss > self._limit else 0
        if self._above < PATIENCE * self._parts:
            return None
        return f"the loss has been above {self._limit:.2f}, no better than guessing, for {PATIENCE} steps"
