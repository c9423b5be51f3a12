"""Models in memory: loaded at first use, shared by all requests, the least recently used unloaded above a limit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar, cast

from fine_tuning.errors import UsageError
from fine_tuning.export.gguf_adapter import kept_gguf_adapter
from fine_tuning.server.model_files import ModelFiles
from fine_tuning.server.server_config import DEFAULT_CONTEXT, MIB
from fine_tuning.server.serving_parity import Parity
from fine_tuning.server.shared_loads import SharedLoads
from fine_tuning.serving import vllm_engine
from fine_tuning.serving.embedding.embedder import Embedder
from fine_tuning.serving.embedding.embedding_models import open_embedder
from fine_tuning.serving.engine import Engine
from fine_tuning.serving.engine_choice import EngineChoice, EngineKind, open_target
from fine_tuning.serving.interruption import Check, unchecked
from fine_tuning.serving.model_resolution import LOCAL, Target
from fine_tuning.serving.prompt_scorer import PromptScorer
from fine_tuning.serving.prompted_tools import with_tools_and_checks
from fine_tuning.serving.shared_base import SharedBase
from fine_tuning.settings import Settings

EMBEDDING, SCORING = "embedding", "scoring"  # in place of a provider


class Served(NamedTuple):
    """What answers for a model's name.

    Attributes:
        provider: "local" or a host's address.
        model: a base model's catalogue name, a model folder, or the host's name of it.
        adapter: a folder with a LoRA adapter over it.
        merged: a folder with the merged weights, for an engine without adapters; None where there is none.
    """

    provider: str
    model: str
    adapter: Path | None = None
    merged: Path | None = None


class _Weights(Protocol):
    """Weights in memory."""

    def size(self) -> int: ...

    def close(self) -> None: ...


class _Model(_Weights, Protocol):
    """A model that answers."""

    def use(self, served: Served) -> AbstractContextManager[Engine]: ...


Loaded = TypeVar("Loaded", bound=_Weights)


class _Llama:
    """A base in llama.cpp with the adapters of its fine-tuned models."""

    def __init__(self, folder: Path, gguf: Path, name: str, context_length: int) -> None:
        self._folder = folder
        self._base = SharedBase(gguf, name, context_length)
        self.size, self.close = self._base.size, self._base.close

    def use(self, served: Served) -> AbstractContextManager[Engine]:
        adapter = None if served.adapter is None else kept_gguf_adapter(served.adapter, self._folder)
        return self._base.use(adapter, served.model)


class _Vllm:
    """A base in vLLM with the adapters of its fine-tuned models."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._base = vllm_engine.VllmServer(folder, settings)
        self.size, self.close = self._base.size, self._base.close

    def use(self, served: Served) -> AbstractContextManager[Engine]:
        return self._base.use(served.adapter, served.model)


class _Plain:
    """An engine for one model."""

    def __init__(self, engine: Engine, size: int) -> None:
        self._engine, self._size = engine, size
        self.close = engine.close

    def use(self, served: Served) -> AbstractContextManager[Engine]:  # noqa: ARG002 - there is only one
        return nullcontext(self._engine)

    def size(self) -> int:
        return self._size


@dataclass
class _Slot:
    model: _Weights | None = None
    users: int = 0

    def fill(self, load: Callable[[], _Weights]) -> None:
        """Load the model, unless that was done since the caller looked."""
        self.model = self.model or load()


class Engines:
    """The models of one server.

    Args:
        settings: name the engines and the folder of base models.
        memory_limit_mib: of the weights loaded at once; a model in use is never unloaded. None for no limit.
        parity: compares a fine-tuned model's answers with its trainer's when it is first loaded.
        context_length: of llama.cpp's models, in tokens.
    """

    def __init__(
        self,
        settings: Settings,
        memory_limit_mib: int | None = None,
        parity: Parity | None = None,
        context_length: int = DEFAULT_CONTEXT,
    ) -> None:
        self._settings = settings
        self._context_length = context_length
        self._parity = parity
        self._limit = None if memory_limit_mib is None else memory_limit_mib * MIB
        self._lock = threading.Lock()
        self._slots: OrderedDict[tuple[str, str], _Slot] = OrderedDict()
        self._loads = SharedLoads()
        self._files = ModelFiles(settings, self._loads)

    @contextmanager
    def use(self, served: Served, check: Check = unchecked) -> Iterator[Engine]:
        """The engine that answers; it stays loaded while the block runs.

        Args:
            check: called while the model is loaded; what it raises ends the waiting, and the load goes on.

        Raises:
            NotFoundError, DataError, ProviderError: the model's files are gone, damaged or cannot be loaded.
        """
        found, choice = served, self._files.choice(served.provider, served.model, check)
        if served.adapter is not None and choice.kind is EngineKind.TRANSFORMERS:  # which has no adapters here
            found = _merged(served)
            choice = self._files.choice(found.provider, found.model, check)
        key = (found.provider, found.model)
        with (
            self._loaded(key, lambda: _open(found, choice, self._settings, self._context_length), check) as model,
            model.use(found) as plain,
        ):
            engine = with_tools_and_checks(plain, choice.folder)
            self._make_room()  # an adapter may have been added
            if self._parity is not None and served.adapter is not None:
                self._parity.check_soon(served.adapter, lambda: self.use(served))
            yield engine

    @contextmanager
    def use_embedder(self, model: str, check: Check = unchecked) -> Iterator[Embedder]:
        """The embedding model of a name that `is_embedding_model` accepts; it stays loaded while the block runs.

        Raises:
            DataError, ProviderError, MissingDependencyError: see `open_embedder`.
        """
        with self._loaded((EMBEDDING, model), lambda: open_embedder(model), check) as embedder:
            self._make_room()
            yield embedder

    @contextmanager
    def use_scorer(self, served: Served, check: Check = unchecked) -> Iterator[PromptScorer]:
        """What scores prompts with the model; it stays loaded while the block runs.

        Raises:
            UsageError: the model's weights are not in a folder here.
            NotFoundError, ProviderError, MissingDependencyError: see `model_folder` and `PromptScorer`.
        """
        folder = self.folder_of(served, check)
        with self._loaded((SCORING, str(folder)), lambda: PromptScorer(folder), check) as scorer:
            self._make_room()
            yield scorer

    def folder_of(self, served: Served, check: Check = unchecked) -> Path:
        """The folder of a model's weights and tokenizer, an adapter merged.

        Raises:
            UsageError: a host has the model, or it is a checkpoint that is an adapter.
            NotFoundError: the folder is gone.
        """
        if served.provider != LOCAL:
            raise UsageError(f"{served.model} is at {served.provider}, and its files are needed here")
        if served.adapter is not None and served.merged is None:
            raise UsageError("the model is a checkpoint, whose weights are not merged")
        return self._files.folder(served.model if served.merged is None else str(served.merged), check)

    def make_files_soon(self, models: Iterable[str]) -> None:
        """See `ModelFiles.make_soon`."""
        self._files.make_soon(models)

    @contextmanager
    def _loaded(self, key: tuple[str, str], load: Callable[[], Loaded], check: Check) -> Iterator[Loaded]:
        """What the key stands for, loaded at its first use and kept while the block runs."""
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            slot.users += 1
        try:
            if slot.model is None:
                self._loads.wait(key, lambda: slot.fill(load), check)
            yield cast("Loaded", slot.model)
        finally:
            with self._lock:
                slot.users -= 1

    def _make_room(self) -> None:
        if self._limit is None:
            return
        unloaded: list[_Weights] = []
        with self._lock:
            loaded = {key: slot.model.size() for key, slot in self._slots.items() if slot.model is not None}
            for key, slot in list(self._slots.items()):
                if sum(loaded.values()) <= self._limit:
                    break
                if slot.users == 0 and slot.model is not None:
                    unloaded.append(slot.model)
                    del self._slots[key], loaded[key]
        for model in unloaded:
            model.close()

    def close(self) -> None:
        """Unload all models."""
        self._files.stop()
        if self._parity is not None:
            self._parity.close()
        self._loads.close()
        with self._lock:
            models = [slot.model for slot in self._slots.values() if slot.model is not None]
            self._slots.clear()
        for model in models:
            model.close()

    def loaded(self) -> list[tuple[str, int]]:
        """Name and bytes of each loaded model."""
        with self._lock:
            return [
                (_shown(provider, name), slot.model.size())
                for (provider, name), slot in self._slots.items()
                if slot.model is not None
            ]


def _shown(provider: str, name: str) -> str:
    """A model's name without its path: the job's id for the folder of a merged model."""
    if provider == EMBEDDING:
        return Path(name).name
    return Path(name).parent.name if Path(name).is_absolute() else name


def _merged(served: Served) -> Served:
    if served.merged is None:
        raise UsageError(f"llama.cpp cannot load {served.model}, and only llama.cpp and vLLM can serve its checkpoints")
    return Served(LOCAL, str(served.merged))


def _open(served: Served, choice: EngineChoice, settings: Settings, context_length: int) -> _Model:
    folder = Path(served.model)
    name = folder.name if folder.is_absolute() else served.model  # clients read it in messages
    if choice.folder is not None and choice.kind is EngineKind.VLLM:
        return _Vllm(choice.folder, settings)
    if choice.folder is not None and choice.gguf is not None:
        return _Llama(choice.folder, choice.gguf, name, context_length)
    engine = open_target(Target(served.provider, served.model), name, settings)
    files = [] if choice.folder is None else choice.folder.glob("*.safetensors")
    return _Plain(engine, sum(file.stat().st_size for file in files))
