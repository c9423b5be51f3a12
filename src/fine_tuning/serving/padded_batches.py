"""Batches of rows of tokens for one pass of a network, padded on the right."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def batches_by_length(rows: Sequence[Sized], tokens: int) -> list[list[int]]:
    """Indices of rows, similar lengths together, so that little is padded.

    Args:
        tokens: of a batch at most, padding included; a longer row is a batch by itself.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(rows)), key=lambda each: -len(rows[each])):
        longest = len(rows[batches[-1][0]]) if batches else 0
        if not batches or longest * (len(batches[-1]) + 1) > tokens:
            batches.append([])
        batches[-1].append(index)
    return batches


def padded(rows: Sequence[Sequence[int]], padding: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and attention mask, both of the shape (rows, places)."""
    import torch

    ids = torch.full((len(rows), max(map(len, rows))), padding)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)], mask[place, : len(row)] = torch.tensor(row), 1
    return ids.to(device), mask.to(device)
