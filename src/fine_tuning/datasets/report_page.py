"""A data set's report as one HTML file that needs nothing else: figures drawn, everything else in tables."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from fine_tuning.errors import MissingDependencyError

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{padding:.25rem .8rem .25rem 0;text-align:left;
vertical-align:top;border-bottom:1px solid #d8dee4}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
h1{margin-bottom:0}code{font-size:.85em;overflow-wrap:anywhere}svg{max-width:100%;height:auto}
"""
_BLUE, _GREY = "#2f6f9f", "#6e7781"


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
        _section("What became of the rows", _bars(_fates(manifest)), _table(("", "rows"), _fates(manifest))),
        _section("Parts", _table(("part", "rows", "tokens", "file"), _parts(manifest["parts"]))),
    ]
    if (lengths := manifest["lengths"]) is not None:
        shown = [(label, lengths[key]) for label, key in (("median", "p50"), ("95 %", "p95"), ("99 %", "p99"))]
        shown += [("longest", lengths["longest"]), ("mean", lengths["mean"])]
        over = [(f"longer than {int(limit):,}", count) for limit, count in lengths["over"].items()]
        sections.append(_section("Tokens of a row", _histogram(lengths), _table(("", "tokens"), shown)))
        if over:
            sections.append(_section("Rows that a limit cuts off", _table(("", "rows"), over)))
    if estimates:
        columns = ("target", "epochs", "tokens", "usd", "hours")
        rows = [tuple(each[column] for column in columns) for each in estimates]
        sections.append(_section("What training costs", _table(columns, rows)))
    if manifest["findings"]:
        names = ("code", "severity", "rows", "file", "line", "field", "message", "advice")
        found = [tuple(each[name] for name in names) for each in manifest["findings"]]
        sections.append(_section("Findings", _table(names, found)))
    if manifest["conflicts"]["questions"]:
        places = [(", ".join(f"{file}:{line}" for file, line in group),) for group in manifest["conflicts"]["first"]]
        sections.append(_section("Questions with different answers", _table(("rows",), places)))
    sections.append(_section("Recipe", _table(("choice", "value"), manifest["recipe"].items())))
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title><style>{_STYLE}</style>'
    return f'{head}<meta name="viewport" content="width=device-width"></head><body>{"".join(sections)}</body></html>\n'


def _fates(manifest: Mapping[str, Any]) -> list[tuple[str, int]]:
    counts = manifest["counts"]
    return [("kept", counts["kept"]), ("rejected", counts["rejected"]), *manifest["steps"].items()]


def _parts(parts: Mapping[str, Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [(name, part["rows"], part["tokens"], part["file"]) for name, part in parts.items()]


def _section(title: str, *content: str) -> str:
    return f"<h2>{escape(title)}</h2>{''.join(content)}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    def cell(value: Any) -> str:
        if value is None:
            return "<td>-</td>"
        if isinstance(value, float):
            return f'<td class="n">{f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3g}"}</td>'
        if isinstance(value, int) and not isinstance(value, bool):
            return f'<td class="n">{value:,}</td>'
        return f"<td>{escape(str(value))}</td>"

    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _bars(rows: Sequence[tuple[str, int]]) -> str:
    figure, axes = _figure(0.4 * len(rows) + 0.6)
    names = [name for name, _ in rows][::-1]
    drawn = axes.barh(names, [count for _, count in rows][::-1], color=_BLUE)
    axes.bar_label(drawn, [f"{count:,}" for _, count in rows][::-1], padding=4)
    axes.set_xlabel("rows")
    axes.margins(x=0.12)
    return _svg(figure, "Rows by what became of them")


def _histogram(lengths: Mapping[str, Any]) -> str:
    figure, axes = _figure(3)
    axes.stairs(lengths["histogram"]["counts"], lengths["histogram"]["edges"], fill=True, color=_BLUE)
    for key in ("p50", "p95"):
        axes.axvline(lengths[key], color=_GREY, linestyle="--", linewidth=1)
        axes.annotate(key, (lengths[key], 1), xycoords=("data", "axes fraction"), xytext=(3, -12),
                      textcoords="offset points", color=_GREY)  # fmt: skip
    axes.set_xlabel("tokens of a row")
    axes.set_ylabel("rows")
    return _svg(figure, "Rows by their tokens")


def _figure(height: float) -> tuple[Any, Any]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("matplotlib", "report", "drawing a report") from error
    figure = Figure(figsize=(8, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Any, label: str) -> str:
    """The figure as a part of a page; text stays text."""
    import matplotlib as mpl

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": label}), io.StringIO() as stream:
        figure.savefig(stream, format="svg", metadata={"Date": None})
        drawn = stream.getvalue()
    return drawn[drawn.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)
