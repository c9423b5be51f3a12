"""The graph that a lineage is: nodes, edges from upstream to downstream, and its form as a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Node:
    """A recorded thing.

    Attributes:
        kind: examples, dataset, file, job, bakeoff, artifact, version, evaluation, experiment, deployment, export or
            cost.
        id: unique within the graph.
        label: for people.
        facts: its recorded values; None where unknown.
    """

    kind: str
    id: str
    label: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass
class Lineage:
    """Nodes, the version first, and edges from an upstream node to a downstream one (ids)."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[tuple[str, str]] = field(default_factory=list)

    def add(self, node: Node, *, downstream: Node | None = None, upstream: Node | None = None) -> Node:
        """Add a node with an edge to its downstream node or from its upstream node."""
        self.nodes.append(node)
        self.edges += [(node.id, downstream.id)] if downstream else []
        self.edges += [(upstream.id, node.id)] if upstream else []
        return node

    def upstream(self, node_id: str) -> list[Node]:
        """The nodes that a node was made from."""
        return self._nodes(source for source, target in self.edges if target == node_id)

    def downstream(self, node_id: str) -> list[Node]:
        """The nodes that were made from a node."""
        return self._nodes(target for source, target in self.edges if source == node_id)

    def _nodes(self, ids: Iterable[str]) -> list[Node]:
        known = {node.id: node for node in self.nodes}
        return [known[each] for each in ids]


def as_mermaid(graph: Lineage) -> str:
    """The graph as a Mermaid flowchart."""
    names = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    lines += [f'    {names[node.id]}["{_quoted(node.label)}"]' for node in graph.nodes]
    lines += [f"    {names[source]} --> {names[target]}" for source, target in graph.edges]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return " ".join(text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;").split())
