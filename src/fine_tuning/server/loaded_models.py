"""Models in memory: opened at first use, shared by all requests, the least recently used unloaded under a limit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

from fine_tuning.base_models import catalogue
from fine_tuning.data_io.formats import tool_prompt
from fine_tuning.errors import NotFoundError, UsageError
from fine_tuning.export.gguf import kept_gguf
from fine_tuning.export.gguf_adapter import kept_gguf_adapter
from fine_tuning.export.modelfile import chat_template
from fine_tuning.server.server_config import DEFAULT_CONTEXT, MIB
from fine_tuning.server.serving_parity import Parity
from fine_tuning.serving import vllm_engine
from fine_tuning.serving.engine import Engine
from fine_tuning.serving.engine_choice import can_use_llama_cpp
from fine_tuning.serving.model_resolution import LOCAL
from fine_tuning.serving.openai_engine import OpenAIEngine
from fine_tuning.serving.prompted_tools import ToolsInWords
from fine_tuning.serving.shared_base import SharedBase
from fine_tuning.serving.transformers_engine import TransformersEngine
from fine_tuning.settings import get_settings


class Served(NamedTuple):
    """What answers for a name.

    Attributes:
        provider: "local" or a host's address.
        model: a base model's catalogue name, a model folder, or the host's name of it.
        adapter: a folder with a LoRA adapter over it.
        merged: a folder with both in one, for an engine that knows no adapters; None where there is none.
    """

    provider: str
    model: str
    adapter: Path | None = None
    merged: Path | None = None


class _Model(Protocol):
    """A model in memory."""

    def use(self, served: Served) -> AbstractContextManager[Engine]: ...

    def size(self) -> int: ...

    def close(self) -> None: ...


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

    def __init__(self, folder: Path) -> None:
        self._base = vllm_engine.VllmServer(folder)
        self.size, self.close = self._base.size, self._base.close

    def use(self, served: Served) -> AbstractContextManager[Engine]:
        return self._base.use(served.adapter, served.model)


class _Plain:
    """An engine for one model."""

    def __init__(self, engine: Engine, size: int) -> None:
        self._engine, self._size = engine, size
        self.close = engine.close

    def use(self, served: Served) -> AbstractContextManager[Engine]:  # noqa: ARG002 - it has only one
        return nullcontext(self._engine)

    def size(self) -> int:
        return self._size


@dataclass
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    model: _Model | None = None
    users: int = 0


class Engines:
    """The models of one server.

    Args:
        memory_limit_mib: of the weights loaded at once; a model in use is never unloaded. None for no limit.
        parity: compares a fine-tuned model's answers with its trainer's when it is first loaded.
        context_length: of llama.cpp's models, in tokens.
    """

    def __init__(
        self,
        memory_limit_mib: int | None = None,
        parity: Parity | None = None,
        context_length: int = DEFAULT_CONTEXT,
    ) -> None:
        self._context_length = context_length
        self._parity = parity
        self._limit = None if memory_limit_mib is None else memory_limit_mib * MIB
        self._lock = threading.Lock()
        self._slots: OrderedDict[tuple[str, str], _Slot] = OrderedDict()

    @contextmanager
    def use(self, served: Served) -> Iterator[Engine]:
        """The engine that answers; it stays loaded while the block runs.

        Raises:
            NotFoundError, DataError, ProviderError: the model's files are gone, damaged or cannot be loaded.
        """
        found = _without_adapter(served) if _needs_merged(served) else served
        key = (found.provider, found.model)
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            slot.users += 1
        try:
            with slot.lock:  # one thread opens it, the others wait
                if slot.model is None:
                    slot.model = _open(found, self._context_length)
            with slot.model.use(found) as plain:
                engine = plain if _knows_tools(found) else ToolsInWords(plain)
                self._make_room()
                if self._parity is not None and served.adapter is not None:
                    self._parity.check_soon(served.adapter, lambda: self.use(served))
                yield engine
        finally:
            with self._lock:
                slot.users -= 1

    def _make_room(self) -> None:
        if self._limit is None:
            return
        unloaded: list[_Model] = []
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
        """Unload everything."""
        if self._parity is not None:
            self._parity.close()
        with self._lock:
            models = [slot.model for slot in self._slots.values() if slot.model is not None]
            self._slots.clear()
        for model in models:
            model.close()

    def loaded(self) -> list[tuple[str, int]]:
        """Name and bytes of each loaded model."""
        with self._lock:
            return [
                (_shown(name), slot.model.size()) for (_, name), slot in self._slots.items() if slot.model is not None
            ]


def _shown(name: str) -> str:
    """A model's name without where it lies: the job's id for a merged model's folder."""
    return Path(name).parent.name if Path(name).is_absolute() else name


def _knows_tools(served: Served) -> bool:
    """Whether a model writes tools itself; a host's model is the host's matter."""
    return served.provider != LOCAL or _template_knows_tools(_folder(served.model))


@lru_cache(maxsize=64)
def _template_knows_tools(folder: Path) -> bool:
    return tool_prompt.template_supports_tools(chat_template(folder))


def _needs_merged(served: Served) -> bool:
    return served.adapter is not None and not vllm_engine.is_wanted() and kept_gguf_of(served.model) is None


def _without_adapter(served: Served) -> Served:
    if served.merged is None:
        raise UsageError(
            f"{served.model} cannot be answered by llama.cpp, and only that or vLLM can call its checkpoints"
        )
    return Served(LOCAL, str(served.merged))


def kept_gguf_of(model: str) -> Path | None:
    """A local model as GGUF, if llama.cpp is here and the model can be one."""
    return kept_gguf(_folder(model)) if can_use_llama_cpp() else None


def _folder(model: str) -> Path:
    folder = Path(model)
    if folder.is_absolute():
        if not folder.is_dir():
            raise NotFoundError("the files of the model are gone; train it again")
        return folder
    return catalogue.resolve(model, get_settings().folder("models")).path


def _open(served: Served, context_length: int) -> _Model:
    if served.provider != LOCAL:
        return _Plain(OpenAIEngine(base_url=served.provider, api_key=None, model=served.model), 0)
    folder = _folder(served.model)
    if vllm_engine.is_wanted():
        return _Vllm(folder)
    gguf = kept_gguf_of(served.model)
    if gguf is not None:
        return _Llama(folder, gguf, served.model, context_length)
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return _Plain(TransformersEngine(folder, served.model), size)
