"""Fine-tuned models of one base in one loaded copy of it: each is an adapter that its requests name.

llama.cpp takes its adapters when it loads a model. So a new adapter means a new generation: the base is opened again
with all adapters (its weights are mapped from the same file, so they are in memory once), requests go there from then
on, and the generation before is freed when its last request has ended.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fine_tuning.serving.llama_cpp import LlamaCppEngine, open_llama_cpp


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
        self._newest: LlamaCppEngine | None = None
        self._lock = threading.Lock()
        self._loading = threading.Lock()

    @contextmanager
    def use(self, adapter: Path | None, name: str) -> Iterator[LlamaCppEngine]:
        """The base with an adapter in GGUF on it, or as it is; requests for known adapters never wait for a new one.

        Raises:
            NotFoundError, ProviderError, MissingDependencyError: see `open_llama_cpp`.
        """
        engine = self._known(adapter, name)
        if engine is None:
            with self._loading:
                engine = self._known(adapter, name) or self._next_generation(adapter, name)
        try:
            yield engine
        finally:
            engine.close()

    def _known(self, adapter: Path | None, name: str) -> LlamaCppEngine | None:
        with self._lock:
            if self._newest is None or (adapter is not None and adapter not in self._adapters):
                return None
            return self._newest.adapted(None if adapter is None else self._adapters.index(adapter), name)

    def _next_generation(self, adapter: Path | None, name: str) -> LlamaCppEngine:
        kept = [path for path in self._adapters if path.is_file()]  # models may have been deleted
        adapters = [*kept, *([] if adapter is None else [adapter])]
        newest = open_llama_cpp(self._gguf, self._name, context_length=self._context_length, adapters=adapters)
        with self._lock:
            before, self._newest, self._adapters = self._newest, newest, adapters
        if before is not None:
            before.close()
        return newest.adapted(None if adapter is None else len(adapters) - 1, name)

    def size(self) -> int:
        """Bytes of the files in use."""
        with self._lock:
            return sum(path.stat().st_size for path in (self._gguf, *self._adapters) if path.is_file())

    def close(self) -> None:
        """Free the base; requests under way end first."""
        with self._lock:
            before, self._newest, self._adapters = self._newest, None, []
        if before is not None:
            before.close()
