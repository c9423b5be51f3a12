"""Inspect datasets: list, show, report, diff, leaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace

if TYPE_CHECKING:
    from fine_tuning.dataset_builder import DatasetBuilder
    from fine_tuning.store.records.manifests import DatasetManifest, FindingCount, TokenLengths

Dataset = Annotated[str, typer.Argument(help="Dataset: its name, hash prefix or folder.")]


def add_to(dataset: typer.Typer) -> None:
    """Add these commands to the group `dataset`."""
    dataset.command("list")(list_datasets)
    dataset.command("show")(show)
    dataset.command("report")(report)
    dataset.command("diff")(diff)
    dataset.command("leak")(leak)


def list_datasets(
    limit: Annotated[int, typer.Option(help="Number of datasets to list.")] = 20, as_json: output.Json = False
) -> None:
    """List the newest datasets."""
    found = _builder().list_datasets(limit)
    if as_json:
        output.print_json(found)
        return
    rows = [
        (each["name"], each["format"], each["rows"], _short(each["hash"]), output.utc(each["created_at"]), each["path"])
        for each in found
    ]
    output.print_table("Datasets", ["Name", "Format", "Rows#", "Hash", "Created", "Path"], rows)


def show(name: Dataset, as_json: output.Json = False) -> None:
    """Show a dataset's splits, counts, findings and recipe."""
    manifest = _builder().get_dataset(name)
    if as_json:
        output.print_json(manifest)
    else:
        print_manifest(manifest)


def report(
    name: Dataset,
    epochs: Annotated[int, typer.Option(help="Number of epochs to estimate.")] = 3,
    html: Annotated[Path | None, typer.Option(help="Write the report to this HTML file, too.")] = None,
    as_json: output.Json = False,
) -> None:
    """Report a dataset's token lengths and training estimates."""
    builder = _builder()
    manifest, estimates = builder.get_dataset(name), builder.estimate_training(name, epochs)
    if html is not None:
        builder.write_report(name, html, epochs)
    if as_json:
        output.print_json({**manifest, "estimates": estimates})
        return
    print_manifest(manifest)
    if manifest["lengths"] is None:
        output.print_text("Tokens were not counted; build with --tokens-of MODEL for lengths and estimates.")
    else:
        _print_lengths(manifest["lengths"])
        rows = [
            (e["target"], f"{e['tokens']:,}", _unless_none(output.usd, e["usd"]), _hours(e["hours"])) for e in estimates
        ]
        output.print_table(f"Training estimates for {epochs} epochs", ["Target", "Tokens#", "Cost#", "Time#"], rows)
    if html is not None:
        output.print_text(f"Report written to {html}")


def _print_lengths(lengths: TokenLengths) -> None:
    percentiles = {
        "p50": lengths["p50"],
        "p95": lengths["p95"],
        "p99": lengths["p99"],
        "longest": lengths["longest"],
    }
    over = {f"rows over {int(limit):,}": f"{count:,}" for limit, count in lengths["over"].items()}
    output.print_facts("Token lengths", {name: f"{value:,.0f}" for name, value in percentiles.items()} | over)


def _unless_none(shown: Callable[[float], str], value: float | None) -> str | None:
    return None if value is None else shown(value)


def _hours(value: float | None) -> str | None:
    if value is None:
        return None
    return f"{value:.1f} h" if value >= 1 else f"{value * 60:.1f} min"


def diff(first: Dataset, second: Dataset, as_json: output.Json = False) -> None:
    """Compare two datasets: recipe, counts and rows."""
    found = _builder().compare_datasets(first, second)
    if as_json:
        output.print_json(found)
        return
    rows: list[tuple[object, ...]] = [
        (name, *values) for changed in (found["recipe"], found["counts"]) for name, values in changed.items()
    ]
    counts = {"added": found["added"], "removed": found["removed"], "moved": found["moved"], "kept": found["kept"]}
    rows += [(f"rows {name}", None, count) for name, count in counts.items()]
    output.print_table(f"From {first} to {second}", ["Field", "Before", "After"], rows)


def leak(
    train: Annotated[str, typer.Argument(help="Training data: a dataset, a file, a folder or a glob.")],
    test: Annotated[str, typer.Argument(help="Test data: a dataset, a file, a folder or a glob.")],
    threshold: Annotated[float, typer.Option(help="Similarity of near-duplicate prompts (Jaccard, 0.7 to 1).")] = 0.8,
    as_json: output.Json = False,
) -> None:
    """Find rows of the test data that are in the training data; exit with code 1 if there are any."""
    found = _builder().find_leaks(train, test, threshold)
    if as_json:
        output.print_json(found)
    else:
        facts = {f"rows of {test}": found["rows"], "in both": found["leaking"], **found["counts"]}
        output.print_facts(f"{test} in {train}", facts | {"unusable rows, not compared": found["unusable"] or None})
        rows = [
            (
                each["kind"],
                f"{each['file']}:{each['line']}",
                f"{each['other_file']}:{each['other_line']}",
                each["question"],
            )
            for each in found["first"]
        ]
        if rows:
            output.print_table("Leaks", ["Kind", "Row", "Training row", "Prompt"], rows)
    if found["leaking"]:
        raise typer.Exit(1)


def print_manifest(manifest: DatasetManifest) -> None:
    """Print a dataset's manifest as tables."""
    counts, conflicts = manifest["counts"], manifest["conflicts"]
    facts = {
        "hash": manifest["hash"],
        "sources": ", ".join(manifest["sources"]),
        **{name.replace("_", " "): f"{count:,}" for name, count in dict(counts).items()},
        **{f"  {name}": f"{count:,}" for name, count in manifest["steps"].items()},
        "conflicting responses": f"{conflicts['questions']:,} prompts, {conflicts['rows']:,} rows"
        if conflicts["questions"]
        else None,
    }
    output.print_facts(f"Dataset {manifest['name']}", {name: value for name, value in facts.items() if value})
    splits = [
        (name, split["rows"], split["tokens"], split["file"], _short(split["content_hash"]))
        for name, split in manifest["parts"].items()
    ]
    output.print_table("Splits", ["Split", "Rows#", "Tokens#", "File", "Hash"], splits)
    print_findings(manifest["findings"])


def print_findings(findings: Sequence[FindingCount]) -> None:
    """Print the findings by code, if there are any."""
    rows = [
        (each["code"], each["severity"], each["rows"], _place(each), each["message"], each["advice"])
        for each in findings
    ]
    if rows:
        output.print_table("Findings", ["Code", "Severity", "Rows#", "First row", "Message", "Advice"], rows)


def _place(finding: FindingCount) -> str:
    where = f"{finding['file']}:{finding['line']}" if finding["line"] else str(finding["file"])
    return f"{where} {finding['field']}".rstrip()


def _builder() -> DatasetBuilder:
    from fine_tuning.dataset_builder import DatasetBuilder

    return DatasetBuilder(workspace=command_workspace())


def _short(content_hash: str) -> str:
    return content_hash.removeprefix("sha256:")[:12]
