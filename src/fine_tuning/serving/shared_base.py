"""Serve the fine-tuned models of one base from one loaded copy of it: each is an adapter that its requests name.

llama.cpp loads adapters together with the model. So a new adapter needs a new generation: the base is opened again with
all adapters (its weights are mapped from the same file, so they are in memory once), new requests use it, and the
previous generation is freed when its last request has ended.

llama.cpp computes a batch with one set of adapters: requests of different models wait for each other (see
`adapter_turns`). A small model with an adapter gains nothing from a second thread on a CPU, so a generation with
adapters has several lanes, each with its share of the threads, and different models are computed in parallel. Each
adapter has a lane of its own to go to, where the beginning of its prompt is computed already, unless others are free.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fine_tuning._util.cpu_threads import available_threads
from fine_tuning.serving.llama_cpp_engine import SLOTS, LlamaCppEngine, LlamaCppOptions, has_gpu, open_llama_cpp

MAX_LANES, MAX_SLOTS = 4, 8
MAX_BYTES_OF_LANES = 1 << 30  # of weights; up to here one thread answers as fast as several


class SharedBase:
    """One base model and the adapters that were requested so far.

    Args:
        gguf: the base model.
        name: its name in answers.
        context_length: see `LlamaCppOptions`.
    """

    def __init__(self, gguf: Path, name: str, context_length: int = 2048) -> None:
        self._gguf, self._name, self._context_length = gguf, name, context_length
        self._adapters: list[Path] = []
        self._newest: list[_Lane] = []
        self._lock = threading.Lock()
        self._loading = threading.Lock()

    @contextmanager
    def use(self, adapter: Path | None, name: str) -> Iterator[LlamaCppEngine]:
        """The base with an adapter in GGUF applied, or alone; requests for loaded adapters never wait for a new one.

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
                lane.running -= 1

    def _enter(self, adapter: Path | None, name: str) -> tuple[_Lane, LlamaCppEngine] | None:
        """The adapter's lane, unless another has two requests less; None where the adapter is not loaded."""
        with self._lock:
            if not self._newest or (adapter is not None and adapter not in self._adapters):
                return None
            index = None if adapter is None else self._adapters.index(adapter)
            own = self._newest[(index or 0) % len(self._newest)]
            lane = min((own, *self._newest), key=lambda each: each.running - (each is own))
            lane.running += 1
            return lane, lane.engine.adapted(index, name)

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
        threads = available_threads()
        is_small = self._gguf.is_file() and self._gguf.stat().st_size <= MAX_BYTES_OF_LANES
        count = min(MAX_LANES, threads) if adapters and is_small and not has_gpu() else 1
        needed = -(-len(adapters) // count)  # so that each adapter can have a slot of its own
        lanes: list[_Lane] = []
        try:
            for copy in range(count):
                options = LlamaCppOptions(
                    slots=min(MAX_SLOTS, max(SLOTS // count, needed)),
                    context_length=self._context_length,
                    threads=None if count == 1 else max(1, threads // count),
                    adapters=tuple(adapters),
                    copy=copy,
                )
                lanes.append(_Lane(open_llama_cpp(self._gguf, self._name, options)))
        except BaseException:
            for lane in lanes:
                lane.engine.close()
            raise
        return lanes

    def size(self) -> int:
        """Bytes of the loaded files."""
        with self._lock:
            return sum(path.stat().st_size for path in (self._gguf, *self._adapters) if path.is_file())

    def close(self) -> None:
        """Free the base after the requests that are running."""
        with self._lock:
            before, self._newest, self._adapters = self._newest, [], []
        for lane in before:
            lane.engine.close()


@dataclass
class _Lane:
    """A context of the base that computes by itself, and how many requests it has."""

    engine: LlamaCppEngine
    running: int = 0
