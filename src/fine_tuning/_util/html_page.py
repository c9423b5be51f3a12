"""Reports as one self-contained HTML file of figures and tables."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from fine_tuning._util.printable import printable
from fine_tuning.errors import MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{padding:.25rem .8rem .25rem 0;text-align:left;
vertical-align:top;border-bottom:1px solid #d8dee4}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
h1{margin-bottom:0}code{font-size:.85em;overflow-wrap:anywhere}svg{max-width:100%;height:auto}
"""
MAX_DRAWN = 60  # characters of a name in a figure
BLUE, ORANGE, GREEN, GREY = "#2f6f9f", "#c8702a", "#4d8a57", "#6e7781"


def document(title: str, sections: Iterable[str]) -> str:
    """A page; the title is escaped here, sections are HTML."""
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    head += f'<style>{_STYLE}</style><meta name="viewport" content="width=device-width"></head>'
    return f"{head}<body>{''.join(sections)}</body></html>\n"


def section(title: str, *content: str) -> str:
    """A section with its heading."""
    return f"<h2>{escape(title)}</h2>{''.join(content)}"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; numbers are right-aligned, None is shown as "-"."""

    def cell(value: object) -> str:
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


def figure(height: float) -> tuple[Figure, Axes]:
    """A figure of 8 by `height` inches, and its axes.

    Raises:
        MissingDependencyError: the `report` extra is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("matplotlib", "report", "drawing a report") from error
    drawn = Figure(figsize=(8, height), layout="constrained")
    axes = drawn.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return drawn, axes


def drawn_name(name: str) -> str:
    """A name as a figure draws it: as it is, where dollar signs would make a formula of it, and no longer than fits."""
    return printable(name if len(name) <= MAX_DRAWN else f"{name[:MAX_DRAWN]}...").replace("$", r"\$")


def svg(drawn: Figure, label: str) -> str:
    """The figure as an SVG element, with text as text."""
    import matplotlib as mpl

    as_text = mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": label})
    with as_text, warnings.catch_warnings(), io.StringIO() as stream:
        warnings.filterwarnings("ignore", "Glyph")  # the browser draws the text, and has more of them
        drawn.savefig(stream, format="svg", metadata={"Date": None})
        text = stream.getvalue()
    return text[text.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)
