"""A dataset's report as one self-contained HTML page of figures and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from fine_tuning._util.files import atomic_write
from fine_tuning._util.html_page import BLUE, GREY, document, figure, section, svg, table
from fine_tuning.store.records.manifests import DatasetManifest, SplitFile, TokenLengths


def write(path: Path, manifest: DatasetManifest, estimates: Sequence[Mapping[str, object]]) -> None:
    """Write the report of `page` to a file.

    Raises:
        MissingDependencyError: the `report` extra is not installed.
        StorageError: the file cannot be written.
    """
    text = page(manifest, estimates)
    with atomic_write(path) as stream:
        stream.write(text)


def page(manifest: DatasetManifest, estimates: Sequence[Mapping[str, object]]) -> str:
    """The report.

    Args:
        manifest: see `manifest.Manifest`.
        estimates: rows of target, epochs, tokens, usd and hours; None is unknown.

    Raises:
        MissingDependencyError: the `report` extra is not installed.
    """
    name = escape(str(manifest["name"]))
    sections = [
        f"<h1>{name}</h1><p><code>{escape(manifest['hash'])}</code></p>",
        section("Row status", _bars(_statuses(manifest)), table(("status", "rows"), _statuses(manifest))),
        section("Splits", table(("split", "rows", "tokens", "file"), _splits(manifest["parts"]))),
    ]
    if (lengths := manifest["lengths"]) is not None:
        shown = [
            ("p50", lengths["p50"]),
            ("p95", lengths["p95"]),
            ("p99", lengths["p99"]),
            ("longest", float(lengths["longest"])),
            ("mean", lengths["mean"]),
        ]
        over = [(f"longer than {int(limit):,}", count) for limit, count in lengths["over"].items()]
        sections.append(section("Token lengths", _histogram(lengths), table(("", "tokens"), shown)))
        if over:
            sections.append(section("Rows over a token limit", table(("", "rows"), over)))
    if estimates:
        columns = ("target", "epochs", "tokens", "usd", "hours")
        rows = [tuple(each[column] for column in columns) for each in estimates]
        sections.append(section("Training cost estimates", table(columns, rows)))
    if manifest["findings"]:
        names = ("code", "severity", "rows", "file", "line", "field", "message", "advice")
        found = [[dict(each)[name] for name in names] for each in manifest["findings"]]
        sections.append(section("Findings", table(names, found)))
    if manifest["conflicts"]["questions"]:
        places = [(", ".join(f"{file}:{line}" for file, line in group),) for group in manifest["conflicts"]["first"]]
        sections.append(section("Conflicting responses", table(("rows",), places)))
    sections.append(section("Recipe", table(("option", "value"), manifest["recipe"].items())))
    return document(str(manifest["name"]), sections)


def _statuses(manifest: DatasetManifest) -> list[tuple[str, int]]:
    counts = manifest["counts"]
    return [("kept", counts["kept"]), ("rejected", counts["rejected"]), *manifest["steps"].items()]


def _splits(splits: Mapping[str, SplitFile]) -> list[tuple[object, ...]]:
    return [(name, split["rows"], split["tokens"], split["file"]) for name, split in splits.items()]


def _bars(rows: Sequence[tuple[str, int]]) -> str:
    drawn_on, axes = figure(0.4 * len(rows) + 0.6)
    names = [name for name, _ in rows][::-1]
    drawn = axes.barh(names, [count for _, count in rows][::-1], color=BLUE)
    axes.bar_label(drawn, [f"{count:,}" for _, count in rows][::-1], padding=4)
    axes.set_xlabel("rows")
    axes.margins(x=0.12)
    return svg(drawn_on, "Rows by status")


def _histogram(lengths: TokenLengths) -> str:
    drawn_on, axes = figure(3)
    axes.stairs(lengths["histogram"]["counts"], lengths["histogram"]["edges"], fill=True, color=BLUE)
    for key, value in (("p50", lengths["p50"]), ("p95", lengths["p95"])):
        axes.axvline(value, color=GREY, linestyle="--", linewidth=1)
        axes.annotate(
            key,
            (value, 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, -12),
            textcoords="offset points",
            color=GREY,
        )
    axes.set_xlabel("tokens per row")
    axes.set_ylabel("rows")
    return svg(drawn_on, "Rows by token length")
