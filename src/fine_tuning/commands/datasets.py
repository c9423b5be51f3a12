"""Data sets."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import dataset_inspection, output
from fine_tuning.datasets import example_validation as validation

if TYPE_CHECKING:
    from fine_tuning.datasets.file_check import CheckReport


class Format(StrEnum):
    """Formats of a data set file."""

    openai = "openai"
    alpaca = "alpaca"
    sharegpt = "sharegpt"
    jsonl = "jsonl"


class BuiltFormat(StrEnum):
    """Formats of the parts of a frozen data set."""

    openai = "openai"
    preference = "preference"
    parquet = "parquet"
    alpaca = "alpaca"
    sharegpt = "sharegpt"
    jsonl = "jsonl"


class Policy(StrEnum):
    """What is done about secrets and personal data."""

    ignore = "ignore"
    report = "report"
    mask = "mask"
    reject = "reject"


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("prepare-dataset", rich_help_panel="Data")(prepare_dataset)
    dataset = typer.Typer(help="Check training files; build and inspect datasets.", no_args_is_help=True)
    dataset.command("check")(check)
    dataset.command("build")(build)
    dataset_inspection.add_to(dataset)
    app.add_typer(dataset, name="dataset", rich_help_panel="Data")


def prepare_dataset(
    format: Annotated[Format, typer.Option(help="Format of the file.")] = Format.openai,
    min_rating: Annotated[int, typer.Option(help="Leave out examples rated lower (1 to 5).")] = 4,
    domain: Annotated[str | None, typer.Option(help="Only this domain.")] = None,
    task_type: Annotated[str | None, typer.Option(help="Only this task type.")] = None,
    name: Annotated[str | None, typer.Option("--output", help="File name; the extension is added.")] = None,
    min_prompt_length: Annotated[int, typer.Option(help="Leave out shorter prompts (characters).")] = (
        validation.MIN_PROMPT_CHARACTERS
    ),
    min_response_length: Annotated[int, typer.Option(help="Leave out shorter answers, such as labels.")] = (
        validation.MIN_RESPONSE_CHARACTERS
    ),
    as_json: output.Json = False,
) -> None:
    """Build, validate and save a data set from captured calls."""
    from fine_tuning.dataset_builder import DatasetBuilder, prepare

    prepared = prepare(
        DatasetBuilder(), format.value, min_rating, domain, task_type, name, min_prompt_length=min_prompt_length,
        min_response_length=min_response_length,
    )  # fmt: skip
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
    from fine_tuning.dataset_builder import DatasetBuilder

    with output.count_progress("rows checked") as told:
        report = DatasetBuilder().check_files(files, model, rejected_to=rejected, progress=told)
    if as_json:
        output.print_json(report.facts())
    else:
        _print_check(", ".join(files), report)
    if not report.is_fit:
        raise typer.Exit(1)


def build(
    name: Annotated[str, typer.Argument(help="Of the data set: a folder of this name in the workspace.")],
    files: Annotated[
        list[str] | None, typer.Argument(help="Files, folders, globs; without any, the captured calls.")
    ] = None,
    format: Annotated[BuiltFormat, typer.Option(help="Format of the parts.")] = BuiltFormat.openai,
    tokens_of: Annotated[str | None, typer.Option(help="Count tokens as this model, and hold to its limit.")] = None,
    min_rating: Annotated[int | None, typer.Option(help="Leave out rows rated lower (1 to 5).")] = None,
    domain: Annotated[list[str] | None, typer.Option(help="Only these; may be given often.")] = None,
    task_type: Annotated[list[str] | None, typer.Option(help="Only these.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Only answers of these models.")] = None,
    metadata: Annotated[list[str] | None, typer.Option(help="KEY=VALUE that a row's metadata must say.")] = None,
    since: Annotated[str | None, typer.Option(help="Only rows captured from this time on (ISO 8601).")] = None,
    until: Annotated[str | None, typer.Option(help="Only rows captured before this time.")] = None,
    min_prompt: Annotated[int, typer.Option(help="Least characters of a question.")] = 0,
    min_response: Annotated[int, typer.Option(help="Least characters of an answer.")] = 0,
    max_characters: Annotated[int | None, typer.Option(help="Most characters of both.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only questions in these (ISO 639, such as en).")] = None,
    secrets: Annotated[Policy, typer.Option(help="What to do about keys, tokens and passwords.")] = Policy.ignore,
    personal_data: Annotated[
        Policy, typer.Option(help="What to do about e-mail addresses, phone, card and account numbers.")
    ] = Policy.ignore,
    near_duplicates: Annotated[
        float, typer.Option(help="Questions at least so alike count as one (Jaccard, 0.7 to 1).")
    ] = 0.8,
    keep_near_duplicates: Annotated[bool, typer.Option(help="Remove exact duplicates only.")] = False,
    balance: Annotated[str | None, typer.Option(help="As many rows of each value of this field.")] = None,
    limit: Annotated[int | None, typer.Option(help="Most rows, drawn by the seed.")] = None,
    validation: Annotated[float, typer.Option(help="Share of the rows.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share of the rows.")] = 0.1,
    stratify: Annotated[str, typer.Option(help="Field whose values are spread evenly over the parts.")] = "domain",
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 42,
    ray: Annotated[str | None, typer.Option(help="Address of a Ray cluster to run on.")] = None,
    as_json: output.Json = False,
) -> None:
    """Build a frozen data set: checked, without duplicates, in train, validation and test, with its manifest."""
    from fine_tuning.dataset_builder import DatasetBuilder

    on_cluster(ray)
    choices = {
        "format": format.value, "tokens_of": tokens_of, "min_rating": min_rating, "domains": domain or [],
        "task_types": task_type or [], "models": model or [],
        "metadata": output.key_values("--metadata", metadata or []), "since": since, "until": until,
        "min_prompt": min_prompt, "min_response": min_response, "max_characters": max_characters,
        "languages": language or [], "secrets": secrets.value, "personal_data": personal_data.value,
        "near_duplicates": None if keep_near_duplicates else near_duplicates, "balance": balance, "limit": limit,
        "validation": validation, "test": test, "stratify": stratify, "seed": seed,
    }  # fmt: skip
    with output.count_progress("rows read") as told:
        manifest = DatasetBuilder().build(name, files or None, progress=told, **choices)
    if as_json:
        output.print_json(manifest)
        return
    dataset_inspection.print_manifest(manifest)


def on_cluster(address: str | None) -> None:
    """Let this command's plans run on a Ray cluster, as FINE_TUNING_RAY_ADDRESS does for all."""
    if address is not None:
        os.environ["FINE_TUNING_RAY_ADDRESS"] = address


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
    dataset_inspection.print_findings(report.tally.rows())
