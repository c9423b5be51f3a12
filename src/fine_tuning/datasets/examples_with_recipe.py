"""Examples that carry the recipe they were found with, so that a saved dataset records the source of its rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import SupportsIndex, TypeVar, overload

from fine_tuning.store.records.datasets import ExamplesRecipe
from fine_tuning.store.records.manifests import DerivationStep

Row = TypeVar("Row")
GIVEN: ExamplesRecipe = {"source": "given"}  # rows whose source only the caller knows


class Examples(list[Row]):
    """A list of examples with the recipe of its rows.

    Copies keep the recipe; slices, valid examples and the sides of a split keep it and add a step to its `derived`.
    Lists that are made in other ways (a comprehension, `a + b`, `sorted`) are plain lists.

    Args:
        rows: the examples.
        recipe: how they were found.
    """

    def __init__(self, rows: Iterable[Row], recipe: ExamplesRecipe) -> None:
        super().__init__(rows)
        self._recipe = recipe
        self._fingerprint = _fingerprint(self)

    @property
    def recipe(self) -> ExamplesRecipe:
        """How the rows were found; `{"source": "given"}` once rows were added, removed or edited in place."""
        return self._recipe if _fingerprint(self) == self._fingerprint else GIVEN

    def copy(self) -> Examples[Row]:
        """The same rows with the same recipe."""
        return Examples(self, self.recipe)

    @overload
    def __getitem__(self, at: SupportsIndex) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Examples[Row]: ...
    def __getitem__(self, at: SupportsIndex | slice) -> Row | Examples[Row]:
        """An example, or a slice with its recipe."""
        if not isinstance(at, slice):
            return super().__getitem__(at)
        step: DerivationStep = {"operation": "slice", "rows": _shown(at, len(self))}
        return derived(self, super().__getitem__(at), step)


def recipe_of(examples: Sequence[object]) -> ExamplesRecipe:
    """The recipe that a sequence carries; `{"source": "given"}` where it carries none."""
    return examples.recipe if isinstance(examples, Examples) else GIVEN


def derived(examples: Sequence[object], rows: Iterable[Row], step: DerivationStep) -> Examples[Row]:
    """Some of the examples, with their recipe and the step that chose them."""
    recipe = recipe_of(examples)
    return Examples(rows, {**recipe, "derived": [*recipe.get("derived", []), step]})


def _shown(rows: slice, count: int) -> str:
    """A slice as Python writes it, with its ends as they are for so many rows."""
    start, stop, step = rows.indices(count)
    end = "" if stop < 0 else stop  # down to the first row
    return f"{start}:{end}" if step == 1 else f"{start}:{end}:{step}"


def _fingerprint(rows: Iterable[object]) -> list[bytes]:
    """The same for the same rows in any order, in any process."""
    texts = (json.dumps(row, sort_keys=True, default=repr) for row in rows)
    return sorted(hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts)
