"""Notices a training that has gone astray: a loss that is no number, or one that stays no better than guessing."""

from __future__ import annotations

from math import isfinite, log

PATIENCE = 20  # steps in a row: a single bad batch is no divergence
NEARLY = 0.99


class Divergence:
    """Told of the loss of every step.

    Args:
        choices: among which guessing costs the logarithm of their number in nats: tokens of the model, or both answers
            of a pair.
        parts: of a step, of each of which the loss is told.
    """

    def __init__(self, choices: int, parts: int = 1) -> None:
        self._guessing = NEARLY * log(choices)  # a network that has collapsed guesses, and is a little better by luck
        self._parts = parts
        self._limit: float | None = None
        self._above = 0

    def reason(self, loss: float) -> str | None:
        """Why training should stop at this loss (nats a token); None where it goes on."""
        if not isfinite(loss):
            return f"the loss became {loss}"
        if self._limit is None:
            self._limit = max(self._guessing, 2 * loss)
        self._above = self._above + 1 if loss > self._limit else 0
        if self._above < PATIENCE * self._parts:
            return None
        return f"the loss has been above {self._limit:.2f}, no better than guessing, for {PATIENCE} steps"
