"""Commands for captured calls of a large model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import import_preview_tables, output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.commands.options import with_options
from fine_tuning.errors import DataError, UsageError

if TYPE_CHECKING:
    from fine_tuning.distillation.import_report import ImportReport

MAX_REJECTED_SHOWN = 10


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    capture = typer.Typer(help="Import and inspect captured calls.", no_args_is_help=True)
    capture.command("import")(with_options(capture_import))
    capture.command("fetch")(capture_fetch)
    capture.command("stats")(capture_stats)
    app.add_typer(capture, name="capture", rich_help_panel="Data")


@dataclass(frozen=True)
class PullOptions:
    """Which calls are fetched from a tool."""

    tool: Annotated[
        str | None, typer.Option("--from", help="Tool to fetch from instead of files: langfuse, phoenix, langsmith.")
    ] = None
    since: Annotated[str | None, typer.Option(help="With --from: only calls at or after this time (ISO 8601).")] = None
    until: Annotated[str | None, typer.Option(help="With --from: only calls before this time (ISO 8601).")] = None
    project: Annotated[str | None, typer.Option(help="With --from: project in Phoenix or LangSmith.")] = None


@dataclass(frozen=True)
class RowOptions:
    """How rows are read, and what those that lack a fact are given."""

    format: Annotated[
        str | None,
        typer.Option(
            help="Format of the rows, such as openai or open-webui; the guide lists all. Default: detected per row."
        ),
    ] = None
    domain: Annotated[str, typer.Option(help="Domain of rows that have none.")] = "general"
    task_type: Annotated[str, typer.Option(help="Task type of rows that have none.")] = "chat"
    rating: Annotated[
        int | None, typer.Option(help="Rating of rows that have none. Default: 5 for training data, 3 for logs.")
    ] = None
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of text files, such as cp1250. Default: UTF-8, UTF-16, or detected.")
    ] = None


def capture_import(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders or globs: JSONL, JSON, CSV, Parquet or Arrow, compressed or not."),
    ] = None,
    *,
    pull: PullOptions,
    options: RowOptions,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show how the files are read and what is left out; store nothing.")
    ] = False,
    record_costs: Annotated[
        bool, typer.Option("--record-costs", help="Add the new calls to the cost ledger, by the tokens in the log.")
    ] = False,
    as_json: output.Json = False,
) -> None:
    """Import recorded calls from files or a tracing tool; calls that were captured before are counted as duplicates."""
    if pull.tool is None and (pull.since or pull.until or pull.project):
        raise UsageError("--since, --until and --project need --from")
    if pull.tool is None and not files:
        raise UsageError("no files given; name some, or a tool with --from")
    if pull.tool is not None and (files or options.format or options.encoding):
        raise UsageError("name either files (and their --format and --encoding) or --from")
    if pull.tool is not None and dry_run:
        raise UsageError("--dry-run is for files; --from fetches and stores")
    if pull.tool is not None:
        _import_from(pull.tool, pull, options, record_costs=record_costs, as_json=as_json)
    elif dry_run:
        _preview(files or [], options, as_json=as_json)
    else:
        _import_files(files or [], options, record_costs=record_costs, as_json=as_json)


def _import_from(tool: str, pull: PullOptions, options: RowOptions, *, record_costs: bool, as_json: bool) -> None:
    from fine_tuning.distillation import DistillationDataCollector

    with output.count_progress("calls fetched") as on_progress:
        report = DistillationDataCollector(workspace=command_workspace()).import_from(
            tool,
            pull.since,
            pull.until,
            project=pull.project,
            domain=options.domain,
            task_type=options.task_type,
            rating=options.rating,
            record_costs=record_costs,
            on_progress=on_progress,
        )
    if as_json:
        output.print_json(vars(report))
    elif report.read:
        _print_import(tool, report)
    else:
        output.echo(f"{tool} has no calls of models in this time.")


def _preview(files: list[str], options: RowOptions, *, as_json: bool) -> None:
    from fine_tuning.distillation import DistillationDataCollector

    collector = DistillationDataCollector(workspace=command_workspace())
    preview = collector.preview_files(files, **vars(options))
    if as_json:
        output.print_json({**vars(preview), "report": vars(preview.report)})
    else:
        import_preview_tables.print_preview(", ".join(files), preview)


def _import_files(files: list[str], options: RowOptions, *, record_costs: bool, as_json: bool) -> None:
    from fine_tuning.distillation import DistillationDataCollector

    collector = DistillationDataCollector(workspace=command_workspace())
    report = collector.import_files(files, **vars(options), record_costs=record_costs)
    if as_json:
        output.print_json(vars(report))
    elif report.read:
        _print_import(", ".join(files), report)
    if len(report.rejected) == report.read:
        empty = "the file is empty" if len(files) == 1 else "the files are empty"
        raise DataError(f"{', '.join(files)}: {'no usable row' if report.read else empty}")


def capture_fetch(
    model: Annotated[str | None, typer.Option(help="Only calls of this model.")] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(help="Only calls with this KEY=VALUE in their metadata; repeatable.")
    ] = None,
    domain: Annotated[str, typer.Option(help="Domain of calls whose metadata has none.")] = "general",
    task_type: Annotated[str, typer.Option(help="Task type of calls whose metadata has none.")] = "chat",
    rating: Annotated[int | None, typer.Option(help="Rating of calls whose metadata has none. Default: 3.")] = None,
    as_json: output.Json = False,
) -> None:
    """Fetch the chat completions stored (store=True) by OpenAI or the host of OPENAI_BASE_URL."""
    from fine_tuning.distillation import DistillationDataCollector

    pairs = output.key_values("--metadata", metadata or [])
    with output.count_progress("calls fetched") as on_progress:
        report = DistillationDataCollector(workspace=command_workspace()).import_stored_completions(
            model, pairs, domain=domain, task_type=task_type, rating=rating, on_progress=on_progress
        )
    if as_json:
        output.print_json(vars(report))
    elif report.read:
        _print_import("stored completions", report)
    else:
        output.echo("The host has no stored completions that match; it stores calls sent with store=True.")


def _print_import(names: str, report: ImportReport) -> None:
    counts = {
        "formats detected": output.counts(report.formats),
        "files read as": output.counts(report.assumed),
        "read": report.read,
        "captured": report.captured,
        "duplicates": report.duplicates,
        "imported before": report.already_imported or None,
        **report.unread,
        "left out by field": output.counts(report.left_out_by),
        "columns kept as metadata": output.counts(report.unread_columns),
        "keys of messages not read": output.counts(report.unread_keys),
        "cut off": report.cut_off or None,
        "not fit for training": output.counts(report.untrainable),
        "rejected": len(report.rejected),
        "preference pairs": report.preferences or None,
        "default ratings": ", ".join(f"{count} rated {rating}" for rating, count in sorted(report.unrated.items())),
    }
    shown = {name: value for name, value in counts.items() if value not in (None, "")}
    output.print_facts(f"Captured from {names}", shown)
    if report.known_since is not None:
        output.echo(f"These rows were already imported on {output.utc(report.known_since)}; nothing was added.")
    for row in report.rejected[:MAX_REJECTED_SHOWN]:
        output.echo(f"  {row['file']}, line {row['line']}: {row['reason']}")
    if len(report.rejected) > MAX_REJECTED_SHOWN:
        output.echo(f"  ... and {len(report.rejected) - MAX_REJECTED_SHOWN} more; --json lists them all")


def capture_stats(as_json: output.Json = False) -> None:
    """Show the number of captured calls, by domain."""
    from fine_tuning.distillation import DistillationDataCollector

    status = DistillationDataCollector(workspace=command_workspace()).get_dataset_stats()
    if as_json:
        output.print_json(status)
        return
    shown = {name.replace("_", " "): value for name, value in status.items() if name != "domain_distribution"}
    output.print_facts(
        "Captured calls", {**shown, "curated by domain": output.counts(status["domain_distribution"]) or "-"}
    )
