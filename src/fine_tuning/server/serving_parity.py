"""Serving parity: whether a fine-tuned model answers as it did at the end of its training.

The trainer stores a few greedy answers (probes) with the model. When the model is first loaded, the serving engine
answers the same prompts in the background.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, TypedDict

from fine_tuning.errors import FineTuningError
from fine_tuning.serving.engine import Engine
from fine_tuning.store import jobs
from fine_tuning.store.database import Database
from fine_tuning.store.records.rows import JsonColumn

PROBES = "probes.json"
TOKENS = 24
_log = logging.getLogger(__name__)


class Probe(TypedDict):
    """A prompt, the trainer's answer, and whether that answer is complete."""

    messages: list[JsonColumn]
    answer: str
    whole: bool


class Result(NamedTuple):
    """Identical answers, of how many probes."""

    same: int
    probes: int


class Parity:
    """Checks one model at a time. Safe to call from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._checked: set[Path] = set()
        self._pool = ThreadPoolExecutor(1, "parity")
        self.results: dict[str, Result] = {}

    def check_soon(self, adapter: Path, use: Callable[[], AbstractContextManager[Engine]]) -> None:
        """Check the model with this adapter in the background, unless it was checked before or has no probes.

        Args:
            use: opens the engine that answers with the model.
        """
        job_id = adapter.parent.name
        if adapter in self._checked:
            return
        self._checked.add(adapter)
        try:
            probes = json.loads((adapter.parent / PROBES).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        if probes and adapter.name == "adapter":
            self._pool.submit(self._check, job_id, probes, use)

    def _check(self, job_id: str, probes: list[Probe], use: Callable[[], AbstractContextManager[Engine]]) -> None:
        try:
            with use() as engine:
                same = sum(_is_same(engine, probe) for probe in probes)
            result = self.results[job_id] = Result(same, len(probes))
            with self._database.write() as tx:
                jobs.record_parity(tx, job_id, result.same, result.probes)
        except FineTuningError as error:  # unloaded in the meantime, or the request that loaded it fails as well
            _log.warning("serving parity of %s was not checked: %s", job_id, error)
            return
        if result.same < result.probes:
            _log.warning("%s: %d of %d probe answers are identical to the trainer's", job_id, *result)

    def close(self) -> None:
        """Finish the check that is running, and cancel the others."""
        self._pool.shutdown(cancel_futures=True)


def _is_same(engine: Engine, probe: Probe) -> bool:
    text = engine.complete(probe["messages"], temperature=0, max_tokens=TOKENS).text
    return text == probe["answer"] if probe["whole"] else text.startswith(probe["answer"])
