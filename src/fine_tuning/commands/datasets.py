"""Captured calls and data sets."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import output
from fine_tuning.errors import DataError

if TYPE_CHECKING:
    from fine_tuning.distillation.importer import ImportReport

REJECTED_SHOWN = 10


class Format(StrEnum):
    """Formats of a data set file."""

    openai = "openai"
    alpaca = "alpaca"
    jsonl = "jsonl"


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("prepare-dataset", rich_help_panel="Data")(prepare_dataset)
    capture = typer.Typer(help="Captured calls of a big model.", no_args_is_help=True)
    capture.command("import")(capture_import)
    capture.command("stats")(capture_stats)
    app.add_typer(capture, name="capture", rich_help_panel="Data")


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
        "domains": _counts(stats["domains"]),
        "task types": _counts(stats["task_types"]),
        "ratings": _counts(stats["ratings"]),
        "mean length": lengths,
    }
    output.print_facts("Data set", shown)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in counts.items())


def capture_import(
    file: Annotated[Path, typer.Argument(help="JSONL: prompt and response, or messages; rating, domain, ...")],
    domain: Annotated[str, typer.Option(help="For rows that do not say theirs.")] = "general",
    task_type: Annotated[str, typer.Option(help="For rows that do not say theirs.")] = "chat",
    as_json: output.Json = False,
) -> None:
    """Capture the calls in a file; a call that is known already is counted, not doubled."""
    from fine_tuning.distillation import DistillationDataCollector

    report = DistillationDataCollector().capture_file(file, domain, task_type)
    if as_json:
        output.print_json(vars(report))
    else:
        _print_import(file, report)
    if len(report.rejected) == report.read:
        raise DataError(f"{file}: " + ("no row could be used" if report.read else "the file is empty"))


def _print_import(file: Path, report: ImportReport) -> None:
    counts = {
        "read": report.read,
        "captured": report.captured,
        "seen before": report.duplicates,
        "rejected": len(report.rejected),
    }
    output.print_facts(f"Captured from {file}", counts)
    for row in report.rejected[:REJECTED_SHOWN]:
        typer.echo(f"  line {row['line']}: {row['reason']}")
    if len(report.rejected) > REJECTED_SHOWN:
        typer.echo(f"  ... and {len(report.rejected) - REJECTED_SHOWN} more; --json lists them all")


def capture_stats(as_json: output.Json = False) -> None:
    """How many calls are captured, by domain."""
    from fine_tuning.distillation import get_distillation_status

    status = get_distillation_status()
    if as_json:
        output.print_json(status)
        return
    shown = {name.replace("_", " "): value for name, value in status.items() if name != "domain_distribution"}
    output.print_facts("Captured calls", {**shown, "curated by domain": _counts(status["domain_distribution"]) or "-"})
