"""Datasets: prepare, check, build."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from fine_tuning.commands import dataset_inspection, output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.commands.options import with_options
from fine_tuning.datasets.prepare_options import PrepareOptions
from fine_tuning.datasets.recipe import Recipe, RecipeChoices

if TYPE_CHECKING:
    from fine_tuning.datasets.file_check import CheckReport


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("prepare-dataset", rich_help_panel="Data")(with_options(prepare_dataset))
    dataset = typer.Typer(help="Check training files; build and inspect datasets.", no_args_is_help=True)
    dataset.command("check")(check)
    dataset.command("build")(with_options(build))
    dataset_inspection.add_to(dataset)
    app.add_typer(dataset, name="dataset", rich_help_panel="Data")


def prepare_dataset(options: PrepareOptions, as_json: output.Json = False) -> None:
    """Build, validate and save a dataset from captured calls."""
    from fine_tuning.datasets import dataset_stats
    from fine_tuning.datasets.prepare_dataset import prepare

    workspace = command_workspace()
    prepared = prepare(workspace.database, workspace.folder("datasets"), options)
    stats = dataset_stats.describe(prepared.examples)
    rows = len(prepared.examples)
    facts = {"path": prepared.path, "format": options.format, "rows": rows, "found": prepared.found, **stats}
    facts["left_out"] = dict(prepared.issues)
    facts["unlearnt"] = prepared.unlearnt
    if as_json:
        output.print_json(facts)
        return
    lengths = f"prompt {stats['avg_prompt_length']:.0f}, response {stats['avg_response_length']:.0f} characters"
    shown = {
        "file": prepared.path,
        "examples": f"{rows} (of {prepared.found} found)",
        "left out": output.counts(prepared.issues) or None,
        "with answers of weight 0": f"{prepared.unlearnt} (cut off or rated low)" if prepared.unlearnt else None,
        "domains": output.counts(stats["domains"]),
        "task types": output.counts(stats["task_types"]),
        "ratings": output.counts(stats["ratings"]),
        "mean length": lengths,
    }
    output.print_facts("Dataset", {name: value for name, value in shown.items() if value is not None})


def check(
    files: Annotated[list[str], typer.Argument(help="Files, folders or globs: JSONL, JSON, CSV, Parquet, Arrow.")],
    model: Annotated[
        str | None,
        typer.Option(help="Count tokens with this model's tokenizer, and reject rows longer than its limit."),
    ] = None,
    rejected: Annotated[Path | None, typer.Option(help="Write rejected rows and their reasons to this file.")] = None,
    as_json: output.Json = False,
) -> None:
    """Check training files for errors; exit with code 1 if a trainer would reject a row."""
    from fine_tuning.dataset_builder import DatasetBuilder

    builder = DatasetBuilder(workspace=command_workspace())
    with output.count_progress("rows checked") as on_progress:
        report = builder.check_files(files, model, rejected_to=rejected, on_progress=on_progress)
    if as_json:
        output.print_json(report.facts())
    else:
        _print_check(", ".join(files), report)
    if not report.is_fit:
        raise typer.Exit(1)


def build(
    name: Annotated[str, typer.Argument(help="Name of the dataset, a folder in the workspace.")],
    files: Annotated[
        list[str] | None, typer.Argument(help="Files, folders or globs; the captured calls by default.")
    ] = None,
    *,
    recipe: Recipe,
    keep_near_duplicates: Annotated[bool, typer.Option(help="Remove exact duplicates only.")] = False,
    ray: Annotated[str | None, typer.Option(help="Address of a Ray cluster to run on.")] = None,
    as_json: output.Json = False,
) -> None:
    """Build a frozen dataset: checked, deduplicated, split into train, validation and test, with a manifest."""
    from fine_tuning.dataset_builder import DatasetBuilder

    choices = cast("RecipeChoices", recipe.as_dict())
    if keep_near_duplicates:
        choices["near_duplicates"] = None
    builder = DatasetBuilder(workspace=command_workspace(ray_address=ray))
    with output.count_progress("rows read") as on_progress:
        manifest = builder.build(name, files or None, on_progress=on_progress, **choices)
    if as_json:
        output.print_json(manifest)
    else:
        dataset_inspection.print_manifest(manifest)


def _print_check(names: str, report: CheckReport) -> None:
    facts = {
        "read": report.read,
        "kept": report.kept,
        "rejected": report.rejected,
        "duplicates": report.duplicates,
        "formats": output.counts(report.formats) or None,
        "tokens per epoch": report.tokens,
        "longest row": None if report.longest is None else f"{report.longest} tokens",
    }
    output.print_facts(f"Checked {names}", {name: value for name, value in facts.items() if value is not None})
    dataset_inspection.print_findings(report.facts()["findings"])
