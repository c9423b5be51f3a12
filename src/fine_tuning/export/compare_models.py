"""Compare the trained model with the merged model and the exported file, loading one at a time."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fine_tuning._util.library_errors import library_errors
from fine_tuning.base_models.adapter_folder import check_adapter
from fine_tuning.base_models.pretrained import load_network, load_tokenizer
from fine_tuning.base_models.quiet_libraries import quiet
from fine_tuning.errors import DataError, MissingDependencyError
from fine_tuning.export import quantization, token_parity
from fine_tuning.export.turn_end import turn_end

if TYPE_CHECKING:
    from fine_tuning.export.token_parity import Answered, Messages, Parity

MERGED, EXPORTED = "merged", "exported"


class Gguf(NamedTuple):
    """The input of llama.cpp: a file, its quantization, and an adapter to apply."""

    file: Path
    kind: str
    adapter: Path | None = None


def compare(
    merged: Path,
    trainer: tuple[Path, Path | None] | None,
    gguf: Gguf | None,
    prompts: Sequence[Messages],
    on_message: Callable[[str], None] = lambda _: None,
) -> dict[str, Parity]:
    """The parity of the merged model and of the GGUF file with the trained model.

    All run in fp32 on the CPU, one after the other, so that only one is in memory.

    Args:
        merged: the folder of the merged model, or of an adapter in PEFT's layout.
        trainer: the folders of the base model, with the chat template and tokenizer of the training, and of its
            adapter (None: all weights were trained). None if only the merged model is known; the file is then compared
            with that.
        gguf: the exported file, if it is for llama.cpp.
        on_message: called with each step.

    Raises:
        DataError: llama.cpp cannot load or run the file, or no prompt fits the chat template.
        MissingDependencyError: the `train` or the `serve` extra is not installed.
    """
    found = {}
    with quiet():
        end = turn_end(trainer[0] if trainer is not None else merged)
        on_message("generating reference answers with the trained model")
        tokenizer, reference = _reference(merged, trainer, prompts, end)
        if not reference:
            raise DataError(f"no prompt fits the chat template of {merged}; export with prompts of your own data")
        gc.collect()
        if trainer is not None:
            on_message("comparing the merged model")
            is_adapter = (merged / "adapter_config.json").is_file()
            model = _load_adapted(trainer[0], merged) if is_adapter else _load(merged)
            bound = quantization.find(_stored_as(merged))
            own_end = end if gguf is None and not is_adapter else None  # its settings are what is exported
            found[MERGED] = token_parity.with_model(
                reference, model, _tokenizer(merged), bound, tokenizer.decode, own_end
            )
            del model
            gc.collect()
    if gguf is not None:
        on_message("comparing the GGUF file in llama.cpp")
        kind = quantization.find(gguf.kind)
        found[EXPORTED] = token_parity.with_gguf(reference, gguf.file, kind, tokenizer.decode, gguf.adapter, end)
    return found


def _reference(
    merged: Path, trainer: tuple[Path, Path | None] | None, prompts: Sequence[Messages], end: int | None
) -> tuple[Any, list[Answered]]:
    base, adapter = trainer or (merged, None)
    try:
        model = _load(merged) if adapter is None else _load_adapted(base, adapter)
        tokenizer = _tokenizer(base)
    except ImportError as error:
        raise MissingDependencyError(error.name or "peft", "train", "comparing models") from error
    return tokenizer, list(token_parity.answers(model, tokenizer, prompts, turn_end=end))


def _tokenizer(folder: Path) -> Any:
    return load_tokenizer(folder)


def _stored_as(folder: Path) -> str:
    """The 16-bit type of a model folder's weights; bf16 is coarser."""
    from safetensors import safe_open

    with safe_open(next(folder.glob("*.safetensors")), "pt") as weights:
        return "bf16" if weights.get_slice(next(iter(weights.keys()))).get_dtype() == "BF16" else "f16"


def _load_adapted(base: Path, adapter: Path) -> Any:
    from peft import PeftModel

    check_adapter(adapter, base)
    with library_errors(f"peft cannot load {adapter}", "train the adapter again"):
        return PeftModel.from_pretrained(_load(base), str(adapter), local_files_only=True)


def _load(folder: Path) -> Any:
    import torch

    return load_network(folder, dtype=torch.float32)
