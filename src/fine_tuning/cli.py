"""FineTuningCLI: the command line, also callable from Python. The commands are in `commands/`, one file a group."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated, Any

import typer

from fine_tuning._util.files import explain_os_error
from fine_tuning._util.printable import printable
from fine_tuning.commands import (
    bakeoff,
    base_models,
    calls,
    capture,
    costs,
    datasets,
    evaluation,
    experiments,
    export,
    flywheel,
    jobs,
    labelling,
    maintenance,
    mlflow,
    ollama,
    overview,
    pipeline,
    registry,
    relocation,
    review,
    routes,
    server,
    synthesis,
    vendor_keys,
)
from fine_tuning.errors import FineTuningError

app = typer.Typer(
    name="ft-cli",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (
    overview,
    datasets,
    capture,
    calls,
    review,
    labelling,
    synthesis,
    jobs,
    ollama,
    evaluation,
    experiments,
    registry,
    mlflow,
    export,
    costs,
    base_models,
    server,
    routes,
    vendor_keys,
    pipeline,
    bakeoff,
    flywheel,
    relocation,
    maintenance,
):
    group.add_to(app)

INTERRUPTED = 130  # the exit code after Ctrl-C, as shells have it
_UsageError: Any = typer.BadParameter.__base__  # the parser's error for any invalid command line


def _show_version(is_requested: bool) -> None:
    if is_requested:
        from importlib.metadata import version

        typer.echo(f"ft-cli {version('fine-tuning-pipeline')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Fine-tune small models on captured LLM calls: build datasets, train, evaluate, A/B test, deploy and serve."""


@app.command("help", rich_help_panel="Help")
def show_help(context: typer.Context) -> None:
    """Show this help."""
    assert context.parent is not None  # noqa: S101 - a command always has the app above it
    typer.echo(context.parent.get_help())


class FineTuningCLI:
    """`FineTuningCLI().run(["list-models"])` is `ft-cli list-models`."""

    def run(self, argv: Sequence[str] | None = None) -> int:
        """Run one command and return its exit code: 0, 1 for a failure, 2 for invalid usage.

        An expected error prints one line to the standard error stream; a bug raises.
        """
        arguments = list(sys.argv[1:] if argv is None else argv)
        try:
            stopped = app(arguments, prog_name="ft-cli", standalone_mode=False)
            sys.stdout.flush()
        except FineTuningError as error:
            print_error(str(error))
            return error.exit_code
        except _UsageError as error:
            return _explain(error)
        except OSError as error:
            if error.filename is not None:
                print_error(str(explain_os_error(error, error.filename, "use")))
                return 1
            if error.errno != errno.ENOSPC:
                raise
            print_error("cannot write the output: no space left")
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # flushing at exit must not fail
            return 1
        except SystemExit as stop:  # the reader of the pipe has exited
            return stop.code if isinstance(stop.code, int) else 0
        return stopped if isinstance(stopped, int) else 0


def _explain(error: Any) -> int:
    """Print the usage error with a hint to the help, or the help itself for a group without a command."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
    else:
        command = error.ctx.command_path if error.ctx is not None else "ft-cli"
        message = _plain(error.format_message()).rstrip(".")
        if re.match(r"No such option: -\.?\d", message):
            message += " (write -- before an argument that is a negative number)"
        print_error(f"{message}; {command} --help shows the usage")
    return int(error.exit_code)


def _plain(message: str) -> str:
    """A message of the parser without the words of the library that checks values."""
    message = re.sub(r"Input should be (a valid [a-z]+).*", r"not \1", message)
    return message.replace("Value error, ", "")


def print_error(message: str) -> None:
    """Print one line to the standard error stream."""
    typer.echo(f"ft-cli: {printable(' '.join(message.split()))}", err=True)


def main() -> None:
    """The `ft-cli` command."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Unicode gets a ? instead of a traceback
    code = FineTuningCLI().run()
    if code == INTERRUPTED:
        print_error("interrupted")
        # Threads of libraries may abort the process if the interpreter shuts down while they run.
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
