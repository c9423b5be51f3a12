"""Options of a command as one dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from fine_tuning.commands.options import with_options


@dataclass(frozen=True)
class Choices:
    """Of the command below."""

    size: Annotated[int, typer.Option(help="How large.")] = 3
    colours: Annotated[list[str] | None, typer.Option("--colour", help="May be given often.")] = None


def paint(
    name: Annotated[str, typer.Argument(help="What.")],
    choices: Choices,
    quiet: Annotated[bool, typer.Option("--quiet")] = False,
) -> None:
    """Paint something."""
    typer.echo(f"{name} {choices.size} {choices.colours} {quiet}")


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["wall"], "wall 3 None False"),
        (["wall", "--size", "5", "--colour", "red", "--colour", "blue", "--quiet"], "wall 5 ['red', 'blue'] True"),
    ],
)
def test_with_options_any_order_fills_the_dataclass(arguments: list[str], printed: str) -> None:
    app = typer.Typer()
    app.command()(with_options(paint))
    assert CliRunner().invoke(app, arguments).output.strip() == printed


def test_with_options_help_lists_every_field() -> None:
    app = typer.Typer()
    app.command()(with_options(paint))
    shown = CliRunner().invoke(app, ["--help"]).output
    assert "--size" in shown
    assert "How large." in shown
    assert "Paint something." in shown
