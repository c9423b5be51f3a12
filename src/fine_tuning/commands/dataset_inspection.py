"""Data sets that were frozen: what is in them, what changed between two, what one has of another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from fine_tuning.commands import output

DataSet = Annotated[str, typer.Argument(help="Name of a data set, the beginning of its hash, or its folder.")]
_STEPS_LEFT = ("read", "kept", "rejected", "duplicates", "left_out")


def add_to(dataset: typer.Typer) -> None:
    """Add these commands to the group `dataset`."""
    dataset.command("list")(list_datasets)
    dataset.command("show")(show)
    dataset.command("report")(report)
    dataset.command("diff")(diff)
    dataset.command("leak")(leak)


def list_datasets(
    limit: Annotated[int, typer.Option(help="At most so many, the newest.")] = 20, as_json: output.Json = False
) -> None:
    """The newest data sets."""
    from fine_tuning.dataset_builder import DatasetBuilder

    found = DatasetBuilder().list_datasets(limit)
    if as_json:
        output.print_json(found)
        return
    rows = [
        (each["name"], each["format"], each["rows"], _short(each["hash"]), output.utc(each["created_at"]), each["path"])
        for each in found
    ]
    output.print_table("Data sets", ["Name", "Format", "Rows#", "Hash", "Created", "Path"], rows)


def show(name: DataSet, as_json: output.Json = False) -> None:
    """What is in a data set, and how it was made."""
    from fine_tuning.dataset_builder import DatasetBuilder

    manifest = DatasetBuilder().get_dataset(name)
    if as_json:
        output.print_json(manifest)
    else:
        print_manifest(manifest)


def report(
    name: DataSet,
    epochs: Annotated[int, typer.Option(help="For the estimates.")] = 3,
    html: Annotated[Path | None, typer.Option(help="Draw it as one HTML file.")] = None,
    as_json: output.Json = False,
) -> None:
    """How long the rows of a data set are, and what training on it costs."""
    from fine_tuning.dataset_builder import DatasetBuilder

    builder = DatasetBuilder()
    manifest, estimates = builder.get_dataset(name), builder.estimate_training(name, epochs)
    if html is not None:
        builder.write_report(name, html, epochs)
    if as_json:
        output.print_json({**manifest, "estimates": estimates})
        return
    print_manifest(manifest)
    if manifest["lengths"] is None:
        output.print_text("The tokens were not counted; build with --tokens-of MODEL for lengths and estimates.")
    else:
        _print_lengths(manifest["lengths"])
        rows = [
            (e["target"], f"{e['tokens']:,}", _unless_none(output.usd, e["usd"]), _hours(e["hours"])) for e in estimates
        ]
        output.print_table(f"Training for {epochs} epochs", ["Target", "Tokens#", "Price#", "Time#"], rows)
    if html is not None:
        output.print_text(f"Drawn to {html}")


def _print_lengths(lengths: Mapping[str, Any]) -> None:
    percentiles = {
        "median": lengths["p50"],
        "95 %": lengths["p95"],
        "99 %": lengths["p99"],
        "longest": lengths["longest"],
    }
    over = {f"rows over {int(limit):,}": f"{count:,}" for limit, count in lengths["over"].items()}
    output.print_facts("Tokens of a row", {name: f"{value:,.0f}" for name, value in percentiles.items()} | over)


def _unless_none(shown: Callable[[float], str], value: float | None) -> str | None:
    return None if value is None else shown(value)


def _hours(value: float | None) -> str | None:
    if value is None:
        return None
    return f"{value:.1f} h" if value >= 1 else f"{value * 60:.1f} min"


def diff(first: DataSet, second: DataSet, as_json: output.Json = False) -> None:
    """What changed from one data set to another."""
    from fine_tuning.dataset_builder import DatasetBuilder

    found = DatasetBuilder().compare_datasets(first, second)
    if as_json:
        output.print_json(found)
        return
    rows = [(name, *values) for part in ("recipe", "counts") for name, values in found[part].items()]
    rows += [(f"rows {name}", None, found[name]) for name in ("added", "removed", "moved", "kept")]
    output.print_table(f"From {first} to {second}", ["What", "Before", "After"], rows)


def leak(
    first: Annotated[str, typer.Argument(help="What was trained on: a data set, a file, a folder or a glob.")],
    second: Annotated[str, typer.Argument(help="What is tested with, likewise.")],
    threshold: Annotated[float, typer.Option(help="Questions at least so alike are the same (0.7 to 1).")] = 0.8,
    as_json: output.Json = False,
) -> None:
    """Rows of the second data set that are in the first; exit code 1 if there are any."""
    from fine_tuning.dataset_builder import DatasetBuilder

    found = DatasetBuilder().find_leaks(first, second, threshold)
    if as_json:
        output.print_json(found)
    else:
        facts = {f"rows of {second}": found["rows"], "in both": found["leaking"], **found["counts"]}
        output.print_facts(f"{second} in {first}", facts | {"unusable rows, not compared": found["unusable"] or None})
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
            output.print_table("Leaks", ["Kind", "Row", "Is also", "Question"], rows)
    if found["leaking"]:
        raise typer.Exit(1)


def print_manifest(manifest: Mapping[str, Any]) -> None:
    """A data set for people."""
    counts, conflicts = manifest["counts"], manifest["conflicts"]
    facts = {
        "hash": manifest["hash"],
        "from": ", ".join(manifest["sources"]),
        **{name.replace("_", " "): f"{counts[name]:,}" for name in _STEPS_LEFT},
        **{f"  {name}": f"{count:,}" for name, count in manifest["steps"].items()},
        "conflicting answers": f"{conflicts['questions']:,} questions, {conflicts['rows']:,} rows"
        if conflicts["questions"]
        else None,
    }
    output.print_facts(f"Data set {manifest['name']}", {name: value for name, value in facts.items() if value})
    parts = [
        (name, part["rows"], part["tokens"], part["file"], _short(part["content_hash"]))
        for name, part in manifest["parts"].items()
    ]
    output.print_table("Parts", ["Part", "Rows#", "Tokens#", "File", "Hash"], parts)
    print_findings(manifest["findings"])


def print_findings(findings: Sequence[Mapping[str, Any]]) -> None:
    """What was wrong with rows, by code; nothing where nothing was."""
    rows = [
        (each["code"], each["severity"], each["rows"], _place(each), each["message"], each["advice"])
        for each in findings
    ]
    if rows:
        output.print_table("Findings", ["Code", "Severity", "Rows#", "First", "What", "To do"], rows)


def _place(finding: Mapping[str, Any]) -> str:
    where = f"{finding['file']}:{finding['line']}" if finding["line"] else str(finding["file"])
    return f"{where} {finding['field']}".rstrip()


def _short(content_hash: str) -> str:
    return content_hash.removeprefix("sha256:")[:12]
