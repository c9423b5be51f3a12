"""Examples that carry the recipe they were found with, so that a saved dataset records the source of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import SupportsIndex, TypeVar, overload

from fine_tuning.store.records.datasets import DerivationStep, ExamplesRecipe

Row = TypeVar("Row")
GIVEN: ExamplesRecipe = {"source": "given"}  # rows whose source only the caller knows


class Examples(list[Row]):
    """A list of examples with the recipe of its rows.

    Slices, valid examples and the sides of a split keep the recipe and add a step to its `derived`. Lists that are
    made in other ways (a comprehension, `a + b`, `sorted`) are plain lists.

    Args:
        rows: the examples.
        recipe: how they were found.
    """

    def __init__(self, rows: Iterable[Row], recipe: ExamplesRecipe) -> None:
        super().__init__(rows)
        self._recipe = recipe
        self._found = tuple(self)

    @property
    def recipe(self) -> ExamplesRecipe:
        """How the rows were found; `{"source": "given"}` once rows were added, removed or replaced in place."""
        same = len(self) == len(self._found) and sorted(map(id, self)) == sorted(map(id, self._found))
        return self._recipe if same else GIVEN

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
    return f"{start}:{stop}" if step == 1 else f"{start}:{stop}:{step}"
