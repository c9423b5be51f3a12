"""FineTuningCLI: the command line, also callable from Python. The commands are in `commands/`, one file a group."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from fine_tuning.commands import costs, datasets, evaluation, experiments, jobs, models, ollama, pipeline, registry
from fine_tuning.errors import FineTuningError

app = typer.Typer(
    name="ft-cli",
    help="Own a smaller, cheaper model for your job: capture, curate, fine-tune, evaluate, A/B test, deploy.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (datasets, jobs, ollama, evaluation, experiments, registry, costs, models, pipeline):
    group.add_to(app)


@app.command("help", rich_help_panel="Help")
def show_help(context: typer.Context) -> None:
    """Show this help."""
    assert context.parent is not None  # noqa: S101 - a command always has the app above it
    typer.echo(context.parent.get_help())


class FineTuningCLI:
    """`FineTuningCLI().run(["list-models"])` is `ft-cli list-models`."""

    def run(self, argv: Sequence[str] | None = None) -> int:
        """Run one command and return its exit code: 0, 1 for a failure, 2 for wrong usage.

        A user's mistake prints one line to the standard error stream; a bug raises.
        """
        arguments = list(sys.argv[1:] if argv is None else argv)
        try:
            app(arguments, prog_name="ft-cli")
        except FineTuningError as error:
            print_error(str(error))
            return error.exit_code
        except SystemExit as stop:  # how the parser ends, also after a usage error (2) or Ctrl-C
            return stop.code if isinstance(stop.code, int) else 0
        return 0


def print_error(message: str) -> None:
    """One line on the standard error stream."""
    typer.echo(f"ft-cli: {' '.join(message.split())}", err=True)


def main() -> None:
    """The `ft-cli` command."""
    sys.exit(FineTuningCLI().run())


if __name__ == "__main__":
    main()
