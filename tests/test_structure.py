"""The structure of the package, by the figures of scripts/structure_figures.py that have a limit."""

from __future__ import annotations

import runpy

import pytest

from tests.conftest import PROJECT

FIGURES = runpy.run_path(str(PROJECT / "scripts" / "structure_figures.py"))["FIGURES"]


@pytest.mark.parametrize("name", ["root", "parameters", "opened", "facades"])
def test_structure_figure_is_zero(name: str) -> None:
    label, find = FIGURES[name]
    assert find() == [], label
