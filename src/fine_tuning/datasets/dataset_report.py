"""A data set's report as one HTML file that needs nothing else: figures drawn, everything else in tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from fine_tuning._util.html_page import BLUE, GREY, document, figure, section, svg, table


def page(manifest: Mapping[str, Any], estimates: Sequence[Mapping[str, Any]]) -> str:
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
        section("What became of the rows", _bars(_fates(manifest)), table(("", "rows"), _fates(manifest))),
        section("Parts", table(("part", "rows", "tokens", "file"), _parts(manifest["parts"]))),
    ]
    if (lengths := manifest["lengths"]) is not None:
        shown = [(label, lengths[key]) for label, key in (("median", "p50"), ("95 %", "p95"), ("99 %", "p99"))]
        shown += [("longest", lengths["longest"]), ("mean", lengths["mean"])]
        over = [(f"longer than {int(limit):,}", count) for limit, count in lengths["over"].items()]
        sections.append(section("Tokens of a row", _histogram(lengths), table(("", "tokens"), shown)))
        if over:
            sections.append(section("Rows that a limit cuts off", table(("", "rows"), over)))
    if estimates:
        columns = ("target", "epochs", "tokens", "usd", "hours")
        rows = [tuple(each[column] for column in columns) for each in estimates]
        sections.append(section("What training costs", table(columns, rows)))
    if manifest["findings"]:
        names = ("code", "severity", "rows", "file", "line", "field", "message", "advice")
        found = [tuple(each[name] for name in names) for each in manifest["findings"]]
        sections.append(section("Findings", table(names, found)))
    if manifest["conflicts"]["questions"]:
        places = [(", ".join(f"{file}:{line}" for file, line in group),) for group in manifest["conflicts"]["first"]]
        sections.append(section("Questions with different answers", table(("rows",), places)))
    sections.append(section("Recipe", table(("choice", "value"), manifest["recipe"].items())))
    return document(str(manifest["name"]), sections)


def _fates(manifest: Mapping[str, Any]) -> list[tuple[str, int]]:
    counts = manifest["counts"]
    return [("kept", counts["kept"]), ("rejected", counts["rejected"]), *manifest["steps"].items()]


def _parts(parts: Mapping[str, Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [(name, part["rows"], part["tokens"], part["file"]) for name, part in parts.items()]


def _bars(rows: Sequence[tuple[str, int]]) -> str:
    drawn_on, axes = figure(0.4 * len(rows) + 0.6)
    names = [name for name, _ in rows][::-1]
    drawn = axes.barh(names, [count for _, count in rows][::-1], color=BLUE)
    axes.bar_label(drawn, [f"{count:,}" for _, count in rows][::-1], padding=4)
    axes.set_xlabel("rows")
    axes.margins(x=0.12)
    return svg(drawn_on, "Rows by what became of them")


def _histogram(lengths: Mapping[str, Any]) -> str:
    drawn_on, axes = figure(3)
    axes.stairs(lengths["histogram"]["counts"], lengths["histogram"]["edges"], fill=True, color=BLUE)
    for key in ("p50", "p95"):
        axes.axvline(lengths[key], color=GREY, linestyle="--", linewidth=1)
        axes.annotate(key, (lengths[key], 1), xycoords=("data", "axes fraction"), xytext=(3, -12),
                      textcoords="offset points", color=GREY)  # fmt: skip
    axes.set_xlabel("tokens of a row")
    axes.set_ylabel("rows")
    return svg(drawn_on, "Rows by their tokens")
