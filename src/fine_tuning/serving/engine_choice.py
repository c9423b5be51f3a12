"""Choose and open the engine that answers with a model: a host, vLLM, llama.cpp, transformers, or one of parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from importlib.util import find_spec
from pathlib import Path

from fine_tuning._util.hosts import Host, find_host, is_known, settings_for
from fine_tuning.base_models import catalogue
from fine_tuning.errors import ConfigurationError, DataError, MissingDependencyError, NotFoundError
from fine_tuning.export.kept_gguf import kept_gguf
from fine_tuning.export.quantized_model import quantized_weights
from fine_tuning.serving import vllm_engine
from fine_tuning.serving.cascade_engine import HEAD, CascadeSettings, is_cascade, open_cascade
from fine_tuning.serving.engine import Engine
from fine_tuning.serving.heads.classifier_head import is_head, load_head
from fine_tuning.serving.heads.head_engine import HeadEngine
from fine_tuning.serving.instructions import Instructions, is_instructed
from fine_tuning.serving.llama_cpp_engine import open_llama_cpp
from fine_tuning.serving.model_resolution import LOCAL, Target
from fine_tuning.serving.openai_engine import MAX_RETRIES, OpenAIEngine
from fine_tuning.serving.part_model import PartModel
from fine_tuning.serving.prompt_engine import open_few_shot, open_instructed
from fine_tuning.serving.prompted_tools import with_tools_and_checks
from fine_tuning.serving.retrieved_examples import is_few_shot, load_few_shot
from fine_tuning.serving.transformers_engine import TransformersEngine
from fine_tuning.settings import Settings


class EngineKind(Enum):
    """The engines."""

    HOST = "host"
    VLLM = "vllm"
    LLAMA_CPP = "llama.cpp"
    TRANSFORMERS = "transformers"
    HEAD = "classifier head"
    CASCADE = "cascade"
    FEW_SHOT = "few-shot"
    PROMPT = "prompt"


@dataclass(frozen=True)
class EngineChoice:
    """The engine for a model.

    Attributes:
        folder: of a local model's files; None for a host's model.
        gguf: the model as GGUF, for llama.cpp.
    """

    kind: EngineKind
    folder: Path | None = None
    gguf: Path | None = None


_COMPOSED = {
    EngineKind.HEAD: is_head,
    EngineKind.CASCADE: is_cascade,
    EngineKind.FEW_SHOT: is_few_shot,
    EngineKind.PROMPT: is_instructed,
}
_OF_PARTS: dict[EngineKind, Callable[[Path, str, Callable[[PartModel], Engine]], Engine]] = {
    EngineKind.CASCADE: open_cascade,
    EngineKind.FEW_SHOT: open_few_shot,
    EngineKind.PROMPT: open_instructed,
}


def composed_kind(folder: Path) -> EngineKind | None:
    """The kind of a model that is no network by itself: a head, a cascade, a prompt; None of others."""
    return next((kind for kind, is_of_kind in _COMPOSED.items() if is_of_kind(folder)), None)


def choose_engine(provider: str, model: str, settings: Settings, *, allow_vllm: bool = True) -> EngineChoice:
    """The engine for a model: its host; that of a head, a cascade or a prompt; else vLLM where it is
    enabled, llama.cpp where it can compute the model, else transformers.

    Args:
        provider: "local" or a host's address.
        model: a base model's catalogue name, a model folder, or the host's name of it.
        allow_vllm: False for callers that do not keep a vLLM process.

    Raises:
        NotFoundError: the model's folder does not exist, or its name is unknown.
        ConfigurationError: the settings name vLLM, and it is not installed.
        MissingDependencyError: the model is quantized, and the `serve` extra is not installed.
        DataError: the model's files are damaged.
    """
    if provider != LOCAL:
        return EngineChoice(EngineKind.HOST)
    folder = model_folder(model, settings)
    if (kind := composed_kind(folder)) is not None:
        return EngineChoice(kind, folder)
    if (weights := quantized_weights(folder)) is not None:
        if not can_use_llama_cpp():
            raise MissingDependencyError("xllamacpp", "serve", "a quantized model")
        return EngineChoice(EngineKind.LLAMA_CPP, folder, weights)
    if allow_vllm and vllm_engine.is_enabled(settings):
        return EngineChoice(EngineKind.VLLM, folder)
    gguf = kept_gguf(folder) if can_use_llama_cpp() else None
    return EngineChoice(EngineKind.TRANSFORMERS if gguf is None else EngineKind.LLAMA_CPP, folder, gguf)


def model_folder(model: str, settings: Settings) -> Path:
    """The folder of a local model's files.

    Raises:
        NotFoundError: the folder does not exist, or the name is unknown.
    """
    folder = Path(model)
    if not folder.is_absolute():
        return catalogue.resolve(model, settings.folder("models")).path
    if not folder.is_dir():
        raise NotFoundError("the files of the model are gone; train it again")
    return folder


def open_target(target: Target, name: str, settings: Settings, *, max_retries: int = MAX_RETRIES) -> Engine:
    """Open an engine that answers with a target's own weights.

    Args:
        name: the model's name in messages and answers.
        max_retries: of a call of a host; 0 where a call that is repeated may be paid twice.

    Raises:
        NotFoundError: the files of the model are gone.
        ConfigurationError: there is no key for OpenAI.
        ProviderError: the model cannot be loaded.
        MissingDependencyError: neither the `serve` nor the `train` extra is installed.
        DataError: a model of parts is damaged.
    """
    return _open(target, _Opening(name, settings, max_retries))


@dataclass(frozen=True)
class _Opening:
    """What is opened; `wholes` are the folders of models of parts that are being opened around it."""

    name: str
    settings: Settings
    max_retries: int
    wholes: tuple[Path, ...] = ()


def _open(target: Target, opening: _Opening) -> Engine:
    name, settings = opening.name, opening.settings
    if target.provider != LOCAL:
        host = find_host(settings_for(settings, target.provider), target.provider)
        return _open_host(target, opening, host)
    folder = Path(target.model)
    if not folder.is_dir() and (folder.is_absolute() or not catalogue.is_known(target.model)):
        raise NotFoundError(f"the files of {name} are gone: {folder}; train it again or deploy another")
    choice = choose_engine(target.provider, target.model, settings, allow_vllm=False)
    assert choice.folder is not None  # noqa: S101 - the model is local
    if choice.kind not in _COMPOSED:
        return with_tools_and_checks(open_local(choice.folder, name, choice.gguf), choice.folder)
    whole = choice.folder.resolve()
    if whole in opening.wholes:
        raise DataError(f"{name} cannot be opened: {whole.name} is a part of itself")
    return _open_composed(choice.kind, choice.folder, replace(opening, wholes=(*opening.wholes, whole)))


def _open_composed(kind: EngineKind, folder: Path, opening: _Opening) -> Engine:
    """A model of parts, of which one may be another model."""
    if kind is EngineKind.HEAD:
        return HeadEngine(folder, opening.name)

    def open_part(part: PartModel) -> Engine:
        _check_part(part, opening.settings)
        return _open(Target(part.provider, part.model), opening)

    return _OF_PARTS[kind](folder, opening.name, open_part)


def check_composed(kind: EngineKind, folder: Path, settings: Settings) -> None:
    """Check a model of parts from somewhere else, before it is registered; no host is asked.

    Raises:
        DataError: its files are damaged, or name others that are not beside it.
        ConfigurationError: a part is at a host that the settings do not name.
        MissingDependencyError: an extra is not installed.
    """
    if kind is EngineKind.HEAD:
        load_head(folder)
    elif kind is EngineKind.CASCADE:
        load_head(folder / HEAD)
        _check_part(second := CascadeSettings.load(folder).second, settings)
        if second.provider == LOCAL and is_head(Path(second.model)):
            load_head(Path(second.model))
    elif kind is EngineKind.FEW_SHOT:
        _check_part(load_few_shot(folder)[0].part, settings)
    else:
        _check_part(Instructions.load(folder).part, settings)


def _check_part(part: PartModel, settings: Settings) -> None:
    """Refuse a host that the user has not named: a folder of somebody else's would send it every question."""
    if part.provider != LOCAL and not is_known(settings, part.provider):
        raise ConfigurationError(
            f"a part of this model is asked at {part.provider}; to have it asked there, set OPENAI_BASE_URL to that"
        )


def _open_host(target: Target, opening: _Opening, host: Host) -> OpenAIEngine:
    try:
        return OpenAIEngine(host, target.model, max_retries=opening.max_retries)
    except ConfigurationError as error:
        if target.name is not None:
            raise
        raise ConfigurationError(f"no model {opening.name} in this workspace, and no host to call: {error}") from None


def can_use_llama_cpp() -> bool:
    """Whether llama.cpp is installed."""
    return find_spec("xllamacpp") is not None


def open_local(folder: Path, name: str, gguf: Path | None = None) -> Engine:
    """Open the model in a folder: through llama.cpp if it is installed and `gguf` is given, else transformers.

    Args:
        folder: in Hugging Face's layout.
        name: the model's name in answers.
        gguf: the same model as a GGUF file.

    Raises:
        NotFoundError: `gguf` does not exist.
        ProviderError: the model cannot be loaded.
        MissingDependencyError: neither the `serve` nor the `train` extra is installed.
    """
    if gguf is not None and can_use_llama_cpp():
        return open_llama_cpp(gguf, name)
    return TransformersEngine(folder, name)
