"""The command that shows the lineage of a model version."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning._util.printable import printable
from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace

if TYPE_CHECKING:
    from rich.tree import Tree

    from fine_tuning.registry.lineage_graph import Lineage


class Form(StrEnum):
    """Form of a lineage."""

    tree = "tree"
    json = "json"
    mermaid = "mermaid"


def show_lineage(
    name: Annotated[str, typer.Argument(help="Model name, NAME-vVERSION or NAME@ALIAS.")],
    version: Annotated[int | None, typer.Argument(help="Version; the deployed one by default.")] = None,
    form: Annotated[Form, typer.Option("--as", help="tree, json or mermaid.")] = Form.tree,
    as_json: output.Json = False,
) -> None:
    """Show the lineage of a version: upstream data and jobs, downstream evaluations and deployments."""
    from fine_tuning.model_registry import ModelRegistry
    from fine_tuning.registry.lineage_graph import as_mermaid

    graph = ModelRegistry(workspace=command_workspace()).lineage(name, version)
    if as_json or form is Form.json:
        output.print_json(asdict(graph))
    elif form is Form.mermaid:
        output.echo(as_mermaid(graph))
    else:
        output.console().print(_tree(graph), soft_wrap=True)


def _tree(graph: Lineage) -> Tree:
    """The version at the root, with its upstream nodes and then its downstream nodes by kind."""
    from rich.text import Text
    from rich.tree import Tree

    root = graph.nodes[0]
    tree = Tree(Text(printable(root.label), "bold"))

    def add_upstream(branch: Tree, node_id: str, seen: frozenset[str]) -> None:
        for node in graph.upstream(node_id):
            below = branch.add(Text(printable(node.label)))
            if node.id not in seen:
                add_upstream(below, node.id, seen | {node.id})

    add_upstream(tree.add(Text("upstream", "italic")), root.id, frozenset())
    for kind in ("evaluation", "experiment", "deployment", "export", "cost"):
        found = [node for node in graph.downstream(root.id) if node.kind == kind]
        if found:
            branch = tree.add(Text(f"{kind}s", "italic"))
            for node in found:
                branch.add(Text(printable(node.label)))
    return tree
