"""The tokens of a training file, counted row by row while the file is read."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from fine_tuning.datasets import token_counts
from fine_tuning.errors import FineTuningError

_log = logging.getLogger(__name__)


class TokenCount:
    """Sum of the tokens of rows, by the tokenizer of a model; see `datasets.token_counts.counter`."""

    def __init__(self, model: str, models_folder: Path) -> None:
        self._total: int | None = 0
        try:
            self._count = token_counts.counter(model, models_folder)
        except FineTuningError as error:
            self._give_no_estimate(error)

    @property
    def total(self) -> int | None:
        """Tokens of the rows so far; None if the model has no known tokenizer, or a row cannot be counted."""
        return self._total

    def add(self, row: Mapping[str, object]) -> None:
        """Count a row."""
        if self._total is None:
            return
        try:
            self._total += self._count(row)
        except FineTuningError as error:
            self._give_no_estimate(error)
        except (KeyError, TypeError, AttributeError):  # no chat row: whoever checks rows says where and why
            self._total = None

    def _give_no_estimate(self, reason: FineTuningError) -> None:
        _log.info("no estimate of the tokens: %s", reason)
        self._total = None
