"""Direct preference optimization: make the preferred answer more likely, relative to the base model.

The loss of a pair is -log sigmoid(beta * (m(preferred) - m(other))), where m(y) = log p(y) - log p_base(y) sums over
the answer's tokens. Rafailov et al. 2023, https://arxiv.org/abs/2305.18290, equation 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy, logsigmoid
from torch.nn.utils.rnn import pad_sequence

from fine_tuning.training.loop.chat_tokens import IGNORED
from fine_tuning.training.loop.library_types import Batch, Network
from fine_tuning.training.loop.sft_trainer import Count, LabelledTrainer


class PreferenceTrainer(LabelledTrainer):
    """Trains on pairs. Its accuracy is the share of pairs in which the preferred answer gained more than the other."""

    def __init__(self, *args: object, beta: float, base: Network | None = None, **kwargs: Any) -> None:
        self._beta, self._base = beta, base
        super().__init__(*args, data_collator=Pairs(kwargs["processing_class"].pad_token_id), **kwargs)

    @property
    def choices(self) -> int:
        """Of each pair one of the two answers."""
        return 2

    @property
    def pads(self) -> bool:
        """Always."""
        return True

    def count(self, model: torch.nn.Module, inputs: Batch) -> Count:
        """The summed loss of a batch's pairs."""
        learned = log_likelihoods(model, inputs)
        with torch.no_grad():
            base = self._base_log_likelihoods(model, inputs)
        preferred, other = (learned - base).chunk(2)
        pairs = _pairs(inputs)
        losses = -logsigmoid(self._beta * (preferred - other))
        return Count(losses[pairs].sum(), int(pairs.sum()), int((preferred > other)[pairs].sum()))

    def _base_log_likelihoods(self, model: torch.nn.Module, inputs: Batch) -> torch.Tensor:
        """Of the base model: the same network without its adapters, or a frozen copy where all weights are trained."""
        if self._base is not None:
            return log_likelihoods(self._base, inputs)
        with self.network.disable_adapter():
            return log_likelihoods(model, inputs)

    def _get_num_items_in_batch(self, batch_samples: list[Batch], device: torch.device) -> torch.Tensor | None:
        """Pairs of a step, on all machines."""
        if not batch_samples:
            return None
        pairs = sum(_pairs(batch).sum() for batch in batch_samples)
        total: torch.Tensor = self.accelerator.reduce(torch.as_tensor(pairs).to(device))
        return total

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["input_ids", "labels", "rejected_ids", "rejected_labels"]


def log_likelihoods(model: torch.nn.Module, inputs: Batch) -> torch.Tensor:
    """Sum of the labelled tokens' log-probabilities for each row, in nats."""
    labels = inputs["labels"]
    logits, targets = model(input_ids=inputs["input_ids"], labels=labels)
    losses = cross_entropy(logits, targets, reduction="none")
    rows = (labels[:, 1:] != IGNORED).nonzero()[:, 0]
    return -torch.zeros(len(labels), dtype=losses.dtype, device=losses.device).index_add(0, rows, losses)


def _pairs(inputs: Batch) -> torch.Tensor:
    """A mask of the pairs of a batch that are not fillers."""
    labelled: torch.Tensor = (inputs["labels"] != IGNORED).any(dim=1)
    return labelled.chunk(2)[0]


class Pairs:
    """A batch of pairs as one batch of rows: the preferred ones first, then the others, padded on the right."""

    def __init__(self, pad_token_id: int) -> None:
        self._pad = pad_token_id

    def __call__(self, rows: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        """`input_ids`, `labels` and `attention_mask`, each (2 x pairs, longest row)."""

        def stacked(preferred: str, other: str, padding: int) -> torch.Tensor:
            parts = [torch.tensor(row[name]) for name in (preferred, other) for row in rows]
            return pad_sequence(parts, batch_first=True, padding_value=padding)

        ids = stacked("input_ids", "rejected_ids", self._pad)
        labels = stacked("labels", "rejected_labels", IGNORED)
        lengths = torch.tensor([len(row[name]) for name in ("input_ids", "rejected_ids") for row in rows])
        mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
        return {"input_ids": ids, "labels": labels, "attention_mask": mask}
