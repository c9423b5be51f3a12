"""Whether a fine-tuned model answers here as it did where it was trained; looked at once, when it is first loaded.

The trainer leaves a few greedy answers beside the model. The engine gives its own, in the background.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from fine_tuning.errors import FineTuningError
from fine_tuning.serving.engine import Engine
from fine_tuning.store import jobs
from fine_tuning.store.database import Database

PROBES = "probes.json"
TOKENS = 24
_log = logging.getLogger(__name__)


class Result(NamedTuple):
    """How many of a model's probes the engine answered as the trainer did."""

    same: int
    asked: int


class Parity:
    """Checks one model after the other. Safe to call from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: set[Path] = set()
        self._pool = ThreadPoolExecutor(1, "parity")
        self.results: dict[str, Result] = {}

    def check_soon(self, adapter: Path, use: Callable[[], AbstractContextManager[Engine]]) -> None:
        """Check the model whose adapter this is, unless that was done before or there is nothing to compare with.

        Args:
            use: opens the engine that answers with the model.
        """
        job_id = adapter.parent.name
        if adapter in self._seen:
            return
        self._seen.add(adapter)
        try:
            probes = json.loads((adapter.parent / PROBES).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        if probes and adapter.name == "adapter":
            self._pool.submit(self._check, job_id, probes, use)

    def _check(
        self, job_id: str, probes: list[Mapping[str, Any]], use: Callable[[], AbstractContextManager[Engine]]
    ) -> None:
        try:
            with use() as engine:
                same = sum(_is_same(engine, probe) for probe in probes)
            result = self.results[job_id] = Result(same, len(probes))
            with self._database.write() as tx:
                jobs.record_parity(tx, job_id, result.same, result.asked)
        except FineTuningError as error:  # unloaded meanwhile, or the request that loaded it fails as well
            _log.warning("%s was not compared with its trainer: %s", job_id, error)
            return
        if result.same < result.asked:
            _log.warning("%s answers %d of %d probes as its trainer did", job_id, *result)

    def close(self) -> None:
        """Finish the check under way, and drop the others."""
        self._pool.shutdown(cancel_futures=True)


def _is_same(engine: Engine, probe: Mapping[str, Any]) -> bool:
    text = engine.complete(probe["messages"], temperature=0, max_tokens=TOKENS).text
    return text == probe["answer"] if probe["whole"] else text.startswith(probe["answer"])
