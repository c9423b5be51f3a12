"""Choose the engine for a model on this disk."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fine_tuning.serving.engine import Engine
from fine_tuning.serving.llama_cpp_engine import open_llama_cpp
from fine_tuning.serving.transformers_engine import TransformersEngine


def can_use_llama_cpp() -> bool:
    """Whether llama.cpp is installed, so that making a GGUF file of a model is worth while."""
    return find_spec("xllamacpp") is not None


def open_local(model_dir: Path, model_name: str, gguf: Path | None = None) -> Engine:
    """Open the model in `model_dir`: through llama.cpp if it is installed and `gguf` is given, else transformers.

    Args:
        model_dir: folder in Hugging Face's layout.
        model_name: what answers call the model.
        gguf: the same model as a GGUF file, which the caller makes (`fine_tuning.export` does); None if there is none.

    Raises:
        NotFoundError: `gguf` does not exist.
        ProviderError: the model cannot be loaded.
        MissingDependencyError: neither the `serve` nor the `train` extra is installed.
    """
    if gguf and can_use_llama_cpp():
        return open_llama_cpp(gguf, model_name)
    return TransformersEngine(model_dir, model_name)
