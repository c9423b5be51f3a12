"""Direct preference optimization: make the preferred answer likelier, measured against the base model.

The loss of a pair is -log sigmoid(beta * (m(preferred) - m(other))), where m(y) = log p(y) - log p_base(y) sums over
the answer's tokens. Rafailov et al. 2023, https://arxiv.org/abs/2305.18290, equation 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy, logsigmoid
from torch.nn.utils.rnn import pad_sequence

from fine_tuning.training.chat_tokens import IGNORED
from fine_tuning.training.trainer import LabelledTrainer


class PreferenceTrainer(LabelledTrainer):
    """Trains on pairs. Its accuracy is the share of pairs in which the preferred answer gained more than the other."""

    def __init__(self, *args: Any, beta: float, **kwargs: Any) -> None:
        self._beta = beta
        super().__init__(*args, data_collator=Pairs(kwargs["processing_class"].pad_token_id), **kwargs)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean loss of the pairs; the base model's part is the same network without its adapters."""
        network = self.accelerator.unwrap_model(model)
        learned = log_likelihoods(network, inputs)
        with torch.no_grad(), network.disable_adapter():
            base = log_likelihoods(network, inputs)
        preferred, other = (learned - base).chunk(2)
        self.labelled += preferred.numel()
        self.hits += int((preferred > other).sum())
        loss = -logsigmoid(self._beta * (preferred - other)).mean()
        if num_items_in_batch is not None:  # the library adds up the parts of a batch as they are
            loss = loss / self.current_gradient_accumulation_steps
        return (loss, None) if return_outputs else loss

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["input_ids", "labels", "rejected_ids", "rejected_labels"]


def log_likelihoods(network: Any, inputs: dict[str, Any]) -> torch.Tensor:
    """Sum of the labelled tokens' log-probabilities for each row, in nats; the logits are computed in fp32."""
    causal = network.get_base_model()
    hidden = causal.get_decoder()(input_ids=inputs["input_ids"], use_cache=False).last_hidden_state
    labels = inputs["labels"][:, 1:]
    chosen = labels != IGNORED
    logits = causal.lm_head(hidden[:, :-1][chosen]).float()
    losses = cross_entropy(logits, labels[chosen], reduction="none")
    rows = chosen.nonzero()[:, 0]
    return -torch.zeros(len(labels), dtype=losses.dtype, device=losses.device).index_add(0, rows, losses)


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
