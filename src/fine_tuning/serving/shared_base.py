"""Fine-tuned models of one base in one loaded copy of it: each is an adapter that its requests name.

llama.cpp takes its adapters when it loads a model. So a new adapter means a new generation: the base is opened again
with all adapters (its weights are mapped from the same file, so they are in memory once), requests go there from then
on, and the generation before is freed when its last request has ended.

llama.cpp computes a batch with one set of adapters: requests of different models wait for each other. A small model
with an adapter gains nothing from a second thread on a CPU, so that a generation with adapters has several lanes, each
with its share of the threads, and different models are computed side by side.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fine_tuning.serving.llama_cpp_engine import SLOTS, LlamaCppEngine, has_gpu, open_llama_cpp

MOST_LANES = 4
SMALL = 1 << 30  # bytes of weights that one thread reads as fast as several, as far as answers go


class SharedBase:
    """One base model and the adapters that were asked for so far.

    Args:
        gguf: the base model.
        name: what answers call it.
        context_length: see `open_llama_cpp`.
    """

    def __init__(self, gguf: Path, name: str, context_length: int = 2048) -> None:
        self._gguf, self._name, self._context_length = gguf, name, context_length
        self._adapters: list[Path] = []
        self._newest: list[_Lane] = []
        self._lock = threading.Lock()
        self._loading = threading.Lock()

    @contextmanager
    def use(self, adapter: Path | None, name: str) -> Iterator[LlamaCppEngine]:
        """The base with an adapter in GGUF on it, or as it is; requests for known adapters never wait for a new one.

        Raises:
            NotFoundError, ProviderError, MissingDependencyError: see `open_llama_cpp`.
        """
        entered = self._enter(adapter, name)
        if entered is None:
            with self._loading:
                entered = self._enter(adapter, name) or self._next_generation(adapter, name)
        lane, engine = entered
        try:
            yield engine
        finally:
            engine.close()
            with self._lock:
                lane.running[adapter] -= 1

    def _enter(self, adapter: Path | None, name: str) -> tuple[_Lane, LlamaCppEngine] | None:
        """The lane with the fewest requests, of several one that has this adapter at work; None where it is unknown."""
        with self._lock:
            if not self._newest or (adapter is not None and adapter not in self._adapters):
                return None
            lane = min(self._newest, key=lambda each: (each.running.total(), -each.running[adapter]))
            lane.running[adapter] += 1
            return lane, lane.engine.adapted(None if adapter is None else self._adapters.index(adapter), name)

    def _next_generation(self, adapter: Path | None, name: str) -> tuple[_Lane, LlamaCppEngine]:
        kept = [path for path in self._adapters if path.is_file()]  # models may have been deleted
        adapters = [*kept, *([] if adapter is None else [adapter])]
        newest = self._open(adapters)
        with self._lock:
            before, self._newest, self._adapters = self._newest, newest, adapters
        for each in before:
            each.engine.close()
        entered = self._enter(adapter, name)
        assert entered is not None  # noqa: S101 - it was opened with this adapter
        return entered

    def _open(self, adapters: Sequence[Path]) -> list[_Lane]:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        is_small = self._gguf.is_file() and self._gguf.stat().st_size <= SMALL
        count = min(MOST_LANES, cores) if adapters and is_small and not has_gpu() else 1
        lanes: list[_Lane] = []
        try:
            for place in range(count):
                engine = open_llama_cpp(
                    self._gguf,
                    self._name,
                    slots=max(1, SLOTS // count),
                    context_length=self._context_length,
                    threads=None if count == 1 else max(1, cores // count),
                    adapters=adapters,
                    copy=place,
                )
                lanes.append(_Lane(engine))
        except BaseException:
            for lane in lanes:
                lane.engine.close()
            raise
        return lanes

    def size(self) -> int:
        """Bytes of the files in use."""
        with self._lock:
            return sum(path.stat().st_size for path in (self._gguf, *self._adapters) if path.is_file())

    def close(self) -> None:
        """Free the base; requests under way end first."""
        with self._lock:
            before, self._newest, self._adapters = self._newest, [], []
        for lane in before:
            lane.engine.close()


@dataclass
class _Lane:
    """A context of the base that computes by itself, and how many requests each adapter has there."""

    engine: LlamaCppEngine
    running: Counter[Path | None] = field(default_factory=Counter)
