"""Encoders: a transformer's last layer, pooled to a vector for each text."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fine_tuning._util.files import read_json
from fine_tuning._util.lazy_imports import import_transformers
from fine_tuning._util.library_errors import library_errors
from fine_tuning.base_models.model_folder import check_encoder_files
from fine_tuning.base_models.safetensors_header import read_header
from fine_tuning.base_models.tokenizer_files import check_ids
from fine_tuning.base_models.tokenizer_trial import try_tokenizer
from fine_tuning.errors import DataError, MissingDependencyError
from fine_tuning.serving.embedding.embedder import Embeddings, EmbeddingSizes, Vectors, check_lengths, unit_length
from fine_tuning.serving.embedding.sentence_modules import EncoderLayout, read_layout, shorter_sizes
from fine_tuning.serving.interruption import Check, interruptible, turn, unchecked
from fine_tuning.serving.network_folder import no_progress_bar
from fine_tuning.serving.padded_batches import batches_by_length, padded

if TYPE_CHECKING:
    import torch

Network = Any  # a transformers.PreTrainedModel, which has no types
Tokenizer = Any  # a transformers.PreTrainedTokenizerFast
BATCH_TOKENS = 8192  # of a pass, padding included
_POSITIONS_AFTER_PADDING = {"roberta", "xlm-roberta", "camembert", "mpnet", "longformer"}
_UNUSED = "pooler."  # a layer behind the last one, which many encoders are saved without
_UNLIMITED = 10**9  # tokenizers without a limit have a huge one


class EncoderEmbedder:
    """An `Embedder` over an encoder in Hugging Face's or sentence-transformers' layout; no code in it is run.

    Raises:
        DataError: the folder has a module that is not supported, or a damaged file.
        MissingDependencyError: the `train` extra is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self._layout = read_layout(folder)
        self._network, self._tokenizer = _load(self._layout.network)
        self._dense = [_dense(each, self._network.device) for each in self._layout.dense]
        self._limit = _limit(self._layout, self._network.config, self._tokenizer)
        self._lock = threading.Lock()  # one pass at a time: each uses all cores
        width = self._network.config.hidden_size * len(self._layout.poolings)
        full = self._dense[-1][0].out_features if self._dense else width
        self.sizes = EmbeddingSizes(full, shorter_sizes(read_json(self._layout.network / "config.json")))

    def embed(self, texts: Sequence[str], check: Check = unchecked) -> Embeddings:
        """Embed the texts. See `Embedder`."""
        given = [self._layout.prompt + (text.lower() if self._layout.lower_case else text) for text in texts]
        rows: list[list[int]] = self._tokenizer(given, truncation=False, verbose=False)["input_ids"]
        check_lengths([len(row) for row in rows], self._limit)
        vectors = np.zeros((len(texts), self.sizes.full), dtype=np.float32)
        for batch in batches_by_length(rows, BATCH_TOKENS):
            with turn(self._lock, check), interruptible(self._network, check):
                vectors[batch] = self._pass([rows[index] for index in batch])
        return Embeddings(unit_length(vectors) if self._layout.is_normalized else vectors, sum(map(len, rows)))

    def _pass(self, rows: list[list[int]]) -> Vectors:
        import torch

        ids, mask = padded(rows, self._tokenizer.pad_token_id or 0, self._network.device)
        with torch.inference_mode():
            hidden = self._network(input_ids=ids, attention_mask=mask).last_hidden_state
            pooled = torch.cat([_pool(hidden, mask, mode) for mode in self._layout.poolings], dim=1)
            for linear, activation in self._dense:
                pooled = activation(linear(pooled))
            found: Vectors = pooled.float().cpu().numpy()
            return found

    def size(self) -> int:
        """Bytes of the weights."""
        return sum(each.numel() * each.element_size() for each in self._network.parameters())

    def close(self) -> None:
        """Free the model."""
        self._network = self._tokenizer = None


def _load(folder: Path) -> tuple[Network, Tokenizer]:
    try:
        import_transformers()
        import torch
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise MissingDependencyError("transformers", "train", "embedding with a model folder") from error
    check_encoder_files(folder)
    if (folder / "tokenizer.json").exists():
        try_tokenizer(folder)
    from_files: Mapping[str, object] = {"local_files_only": True, "trust_remote_code": False}
    with library_errors(f"transformers cannot load {folder.name}", "fetch or save the model again"), no_progress_bar():
        network, found = AutoModel.from_pretrained(
            folder, use_safetensors=True, dtype="float32", output_loading_info=True, **from_files
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, **from_files)
    if lacking := sorted(key for key in found["missing_keys"] if not key.startswith(_UNUSED)):
        raise DataError(f"the weights in {folder.name} lack {lacking[0][:100]}; fetch or save the model again")
    check_ids(tokenizer.get_vocab(), network.get_input_embeddings().num_embeddings, folder)
    return network.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer


def _dense(folder: Path, device: torch.device) -> tuple[torch.nn.Linear, torch.nn.Module]:
    """A linear layer and its activation."""
    import torch
    from safetensors.torch import load_file

    config, weights = read_json(folder / "config.json"), folder / "model.safetensors"
    if not weights.is_file():
        raise DataError(f"{folder.name} has no model.safetensors (pickled weights are not read)")
    stored = read_header(weights)
    if max(map(int, (config["in_features"], config["out_features"]))) > max(
        size for each in stored.values() for size in each.shape
    ):
        raise DataError(f"{folder.name} has other weights than its config.json describes")
    linear = torch.nn.Linear(config["in_features"], config["out_features"], bias=config.get("bias", True))
    linear.load_state_dict(
        {name.removeprefix("linear."): tensor.float() for name, tensor in load_file(weights).items()}
    )
    name = str(config.get("activation_function") or "Tanh").rsplit(".", 1)[-1]
    known = {"Identity": torch.nn.Identity, "Tanh": torch.nn.Tanh, "ReLU": torch.nn.ReLU, "GELU": torch.nn.GELU}
    if name not in known:
        raise DataError(f"{folder.name} has the activation {name}, which is not supported")
    return linear.to(device).eval(), known[name]()


def _limit(layout: EncoderLayout, config: Any, tokenizer: Tokenizer) -> int | None:
    """Tokens that the encoder reads: the least of what its settings, its positions and its tokenizer allow."""
    positions = getattr(config, "max_position_embeddings", None)
    if positions is not None and config.model_type in _POSITIONS_AFTER_PADDING:
        positions -= config.pad_token_id + 1
    given = [layout.max_tokens, positions, tokenizer.model_max_length]
    return min((each for each in given if each is not None and each < _UNLIMITED), default=None)


def _pool(hidden: torch.Tensor, mask: torch.Tensor, mode: str) -> torch.Tensor:
    """One vector for each row, of the shape (rows, width), from the tokens that are no padding."""
    import torch

    places = torch.arange(mask.shape[1], device=mask.device)
    rows = torch.arange(mask.shape[0], device=mask.device)
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    if mode == "cls":
        return hidden[rows, mask.argmax(dim=1)]
    if mode == "lasttoken":
        return hidden[rows, (mask * places).argmax(dim=1)]
    if mode == "max":
        return hidden.masked_fill(weights == 0, -torch.inf).amax(dim=1)
    if mode == "weightedmean":
        weights = weights * mask.cumsum(dim=1).unsqueeze(-1)
    total, count = (hidden * weights).sum(dim=1), weights.sum(dim=1)
    return total / (count.sqrt() if mode == "mean_sqrt_len_tokens" else count)
