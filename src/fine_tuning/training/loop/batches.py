"""The rows of each step: the same in the same order, regardless of the number of machines and the micro batch size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices

from fine_tuning.training.loop.chat_tokens import IGNORED
from fine_tuning.training.loop.library_types import Batch

Row = dict[str, list[int]]  # input_ids and labels; of a pair of answers also rejected_ids and rejected_labels


class RowOrder(Sampler[int]):
    """The rows in an order that depends on seed and epoch alone.

    The library's own samplers draw from the global generator, so that their order would not survive a resume.

    Args:
        lengths: tokens of each row.
        batch_size: rows of a step.
        fill_to: rows that every step is filled up to with `filler`, so that each machine gets as many.
        grouped: whether rows of similar length are next to each other, as where they are padded; else the order is
            random, so that a step is a fair sample.
    """

    def __init__(self, lengths: list[int], batch_size: int, fill_to: int, seed: int, *, grouped: bool) -> None:
        self._lengths, self._batch_size, self._fill_to, self._seed = lengths, batch_size, fill_to, seed
        self._grouped = grouped
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each pass, also after a resume."""
        self._epoch = epoch

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed + self._epoch)
        if self._grouped:
            rows = get_length_grouped_indices(self._lengths, self._batch_size, generator=generator)
        else:
            rows = torch.randperm(len(self._lengths), generator=generator).tolist()
        filler = len(self._lengths)  # it follows the rows
        for start in range(0, len(rows), self._batch_size):
            step = rows[start : start + self._batch_size]
            yield from step
            yield from [filler] * (self._fill_to - len(step))


def filler(like: Row, padding: int) -> Row:
    """A row that adds nothing to a step: one token, without a label."""
    return {name: [IGNORED if name.endswith("labels") else padding] for name in like}


class WithoutFillers:
    """Makes a batch with `collate`, and excludes the tokens of its fillers from counts."""

    def __init__(self, collate: Callable[[Sequence[Row]], Batch]) -> None:
        self._collate = collate

    def __call__(self, rows: Sequence[Row]) -> Batch:
        """The batch, with an attention mask of zeros for rows without a label."""
        batch = self._collate(rows)
        batch["attention_mask"][(batch["labels"] == IGNORED).all(dim=1)] = 0
        return batch
