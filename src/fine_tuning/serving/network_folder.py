"""A network and its tokenizer from a model folder, by transformers; no code in the folder is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fine_tuning._util.lazy_imports import import_transformers
from fine_tuning.base_models import pretrained
from fine_tuning.errors import MissingDependencyError
from fine_tuning.export.turn_end import with_turn_end
from fine_tuning.store.records.rows import JsonColumn

if TYPE_CHECKING:
    import torch

Network = Any  # a transformers.PreTrainedModel, whose `generate` has no types
Tokenizer = Any  # a transformers.PreTrainedTokenizerFast


def load_network(model_dir: Path, dtype: str | None = None, on_cpu: str | None = None) -> tuple[Network, Tokenizer]:
    """The network in evaluation mode, and its tokenizer.

    Args:
        model_dir: folder in Hugging Face's layout; no code in it is run.
        dtype: what torch computes in; by default the fastest that the hardware has.
        on_cpu: what a CPU computes in by default.

    Raises:
        NotFoundError, DataError: the folder is no model, or cannot be loaded.
        MissingDependencyError: the `train` extra is not installed.
    """
    try:
        import_transformers()
        from transformers import GenerationConfig
    except ImportError as error:
        raise MissingDependencyError("transformers", "train", "answering with a local model folder") from error
    device, fastest = _placement()
    dtype = dtype or (on_cpu if device == "cpu" else None)
    with no_progress_bar():
        network = pretrained.load_network(model_dir, dtype=dtype or fastest)
        tokenizer = pretrained.load_tokenizer(model_dir, padding_side="left")
    given = network.generation_config
    known = tokenizer.eos_token_id if given.eos_token_id is None else given.eos_token_id
    ends = with_turn_end(known, model_dir)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    # Only the end tokens are kept: the caller, not the model's author, chooses how to sample.
    network.generation_config = GenerationConfig(eos_token_id=ends, pad_token_id=tokenizer.pad_token_id)
    return network.to(device).eval(), tokenizer


def _placement() -> tuple[str, torch.dtype]:
    """The fastest device here, and bfloat16 if it computes in it."""
    import torch

    if torch.cuda.is_available():
        return "cuda", torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if torch.backends.mps.is_available():
        return "mps", torch.float32
    # Newer than the oldest supported torch.
    capabilities: JsonColumn = getattr(torch.cpu, "get_capabilities", dict)()
    has_bf16 = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    return "cpu", torch.bfloat16 if has_bf16 else torch.float32


@contextmanager
def no_progress_bar() -> Iterator[None]:
    """Keep transformers from drawing a progress bar while it loads, as its caller may draw one."""
    from transformers.utils import logging

    def undrawn(make: Callable[..., object], args: Sequence[object], options: JsonColumn) -> object:
        return make(*args, **{**options, "disable": True})

    before = logging.set_tqdm_hook(undrawn)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)
