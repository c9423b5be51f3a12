"""Find and open embedding models by name: the built-in one, or the folder of an encoder."""

from __future__ import annotations

from pathlib import Path

from fine_tuning._util.library_errors import library_errors
from fine_tuning.serving.embedding.embedder import Embedder
from fine_tuning.serving.embedding.encoder_embedder import EncoderEmbedder
from fine_tuning.serving.embedding.sentence_modules import is_embedding_folder, modules_of
from fine_tuning.serving.embedding.static_embedder import WORDLLAMA, open_static_folder, open_wordllama

BUILT_IN = (WORDLLAMA,)
_TRIAL = ("", "a")  # of different lengths, and short enough for every model


def is_embedding_model(model: str) -> bool:
    """Whether a name is the built-in model's, or the path of an encoder's folder."""
    return model in BUILT_IN or is_embedding_folder(Path(model).expanduser())


def open_embedder(model: str) -> Embedder:
    """Open an embedding model.

    Args:
        model: what `is_embedding_model` accepts.

    Raises:
        DataError: the folder is incomplete or damaged, or a part of it is not supported.
        MissingDependencyError: the built-in model needs the `serve` extra, a folder the `train` extra.
    """
    if model in BUILT_IN:
        return open_wordllama()
    folder = Path(model).expanduser()
    with library_errors(f"{folder.name} is no embedding model that can be loaded", "fetch or save it again"):
        opened = _open(folder)
        opened.embed(_TRIAL)
    return opened


def _open(folder: Path) -> Embedder:
    modules = dict(modules_of(folder))
    if (static := modules.get("StaticEmbedding")) is not None:
        return open_static_folder(static, is_normalized="Normalize" in modules)
    return EncoderEmbedder(folder)
