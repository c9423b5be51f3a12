"""Data sets."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import output

if TYPE_CHECKING:
    from fine_tuning.datasets.checking import CheckReport


class Format(StrEnum):
    """Formats of a data set file."""

    openai = "openai"
    alpaca = "alpaca"
    sharegpt = "sharegpt"
    jsonl = "jsonl"


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("prepare-dataset", rich_help_panel="Data")(prepare_dataset)
    dataset = typer.Typer(help="Files of training data.", no_args_is_help=True)
    dataset.command("check")(check)
    app.add_typer(dataset, name="dataset", rich_help_panel="Data")


def prepare_dataset(
    format: Annotated[Format, typer.Option(help="Format of the file.")] = Format.openai,
    min_rating: Annotated[int, typer.Option(help="Leave out examples rated lower (1 to 5).")] = 4,
    domain: Annotated[str | None, typer.Option(help="Only this domain.")] = None,
    task_type: Annotated[str | None, typer.Option(help="Only this task type.")] = None,
    name: Annotated[str | None, typer.Option("--output", help="File name; the extension is added.")] = None,
    as_json: output.Json = False,
) -> None:
    """Build, validate and save a data set from captured calls."""
    from fine_tuning.dataset_builder import DatasetBuilder, prepare

    prepared = prepare(DatasetBuilder(), format.value, min_rating, domain, task_type, name)
    stats = DatasetBuilder().get_dataset_stats(prepared.examples)
    rows = len(prepared.examples)
    facts = {"path": prepared.path, "format": format.value, "rows": rows, "found": prepared.found, **stats}
    if as_json:
        output.print_json(facts)
        return
    lengths = f"prompt {stats['avg_prompt_length']:.0f}, response {stats['avg_response_length']:.0f} characters"
    shown = {
        "file": prepared.path,
        "examples": f"{rows} (of {prepared.found} found; the rest is invalid)",
        "domains": output.counts(stats["domains"]),
        "task types": output.counts(stats["task_types"]),
        "ratings": output.counts(stats["ratings"]),
        "mean length": lengths,
    }
    output.print_facts("Data set", shown)


def check(
    files: Annotated[list[str], typer.Argument(help="Files, folders, globs: JSONL, JSON, CSV, Parquet.")],
    model: Annotated[str | None, typer.Option(help="Count tokens as this OpenAI model, and hold to its limit.")] = None,
    rejected: Annotated[Path | None, typer.Option(help="Write rejected rows and their reasons here.")] = None,
    as_json: output.Json = False,
) -> None:
    """Say what is wrong with files of training data, by kind; exit code 1 if a trainer would refuse a row."""
    from rich.progress import Progress

    from fine_tuning.dataset_builder import DatasetBuilder

    with Progress(console=output.console(stderr=True), transient=True) as progress:
        task = progress.add_task("rows checked: 0", total=None)

        def told(rows: int) -> None:
            progress.update(task, description=f"rows checked: {rows:,}")

        report = DatasetBuilder().check_files(files, model, rejected_to=rejected, progress=told)
    if as_json:
        output.print_json(report.facts())
    else:
        _print_check(", ".join(files), report)
    if not report.is_fit:
        raise typer.Exit(1)


def _print_check(names: str, report: CheckReport) -> None:
    facts = {
        "read": report.read,
        "kept": report.kept,
        "rejected": report.rejected,
        "duplicates": report.duplicates,
        "formats": output.counts(report.formats) or None,
        "tokens of one epoch": report.tokens,
        "longest row": None if report.longest is None else f"{report.longest} tokens",
    }
    output.print_facts(f"Checked {names}", {name: value for name, value in facts.items() if value is not None})
    columns = ["Code", "Severity", "Rows#", "First", "What", "To do"]
    rows = [
        (each["code"], each["severity"], each["rows"], _place(each), each["message"], each["advice"])
        for each in report.tally.rows()
    ]
    if rows:
        output.print_table("Findings", columns, rows)


def _place(finding: dict[str, object]) -> str:
    where = f"{finding['file']}:{finding['line']}" if finding["line"] else str(finding["file"])
    return f"{where} {finding['field']}".rstrip()
