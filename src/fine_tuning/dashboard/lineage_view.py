"""The lineage of a version as a graph and as a table."""

from __future__ import annotations

from nicegui import ui

from fine_tuning.dashboard import components
from fine_tuning.registry.lineage_graph import Lineage


def show_lineage(found: Lineage) -> None:
    """Draw a lineage; its labels are reduced to characters that neither Mermaid nor HTML interpret."""
    graph = {node.id: node.label for node in found.nodes}
    lines = [f"{_id(a)} --> {_id(b)}" for a, b in found.edges]
    named = [f'{_id(key)}["{_plain(label)}"]' for key, label in graph.items()]
    ui.mermaid("\n".join(["graph LR", *named, *lines])).classes("graph").props('role="img" aria-label="Lineage graph"')
    with ui.expansion("As a table"):
        components.table("Lineage", ["Kind", "Item"], [[node.kind, node.label] for node in found.nodes])


def _id(key: str) -> str:
    return "n" + "".join(letter if letter.isalnum() else "_" for letter in key)


def _plain(label: str) -> str:
    """A label without characters that Mermaid or HTML interpret."""
    kept = "".join(letter if letter.isalnum() or letter in " .,:()-/@$" else "_" for letter in label)
    return kept[:60]
