"""The model registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fine_tuning.commands import output
from fine_tuning.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from rich.tree import Tree

    from fine_tuning.registry.lineage import Lineage

Name = Annotated[str, typer.Argument(help="Model name.")]
Version = Annotated[int | None, typer.Argument(help="Version; the latest if not given.")]
Reason = Annotated[str, typer.Option(help="Kept in the history.")]


class Form(StrEnum):
    """How a lineage is shown."""

    tree = "tree"
    json = "json"
    mermaid = "mermaid"


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    panel = "Registry"
    for name, command in (
        ("register-model", register_model), ("list-models", list_models), ("deploy", deploy),
        ("rollback-model", rollback_model), ("set-status", set_status), ("alias", alias), ("tag", tag),
        ("history", history), ("lineage", show_lineage),
        ("import-model", import_model),
    ):  # fmt: skip
        app.command(name, rich_help_panel=panel)(command)
    exchange = typer.Typer(help="Exchange model versions with an MLflow registry.", no_args_is_help=True)
    exchange.command("export")(to_mlflow)
    exchange.command("import")(from_mlflow)
    app.add_typer(exchange, name="mlflow", rich_help_panel=panel)


def register_model(
    name: Name,
    base: Annotated[str, typer.Argument(help="Base model.")],
    job: Annotated[str, typer.Argument(help="Job that made it.")],
    size: Annotated[int, typer.Argument(help="Training examples.")],
    accuracy: Annotated[float | None, typer.Option(help="0 to 1.")] = None,
    cost: Annotated[float | None, typer.Option(help="Training cost, US dollars; unknown if not given.")] = None,
    provider: Annotated[str | None, typer.Option(help="Address of the host that answers for it, or local.")] = None,
    provider_model: Annotated[str | None, typer.Option(help="Its name there, or its folder.")] = None,
    as_json: output.Json = False,
) -> None:
    """Add the next version of a model."""
    from fine_tuning.model_registry import ModelRegistry

    record = ModelRegistry().register_model(
        name, base, job, size, accuracy, cost, provider=provider, provider_model=provider_model
    )
    if as_json:
        output.print_json(record)
    else:
        typer.echo(f"registered {name} v{record['version']} ({record['status']})")


def list_models(as_json: output.Json = False) -> None:
    """Every version of every model, and how long its base will be there."""
    from fine_tuning.model_registry import ModelRegistry

    records = ModelRegistry().describe_models()
    if as_json:
        output.print_json(records)
        return
    if not records:
        typer.echo("no model is registered yet; ft-cli register-model adds one")
        return
    columns = ["Model", "v#", "Status", "Base model", "Accuracy#", "Cost#", "Examples#"]
    ends, named = any(each["shutdown_date"] for each in records), any(each["aliases"] for each in records)
    columns += (["Days left#"] if ends else []) + (["Aliases"] if named else [])
    rows = [
        (
            record["model_name"],
            record["version"],
            record["status"],
            record["base_model"],
            output.percent(record["accuracy"]),
            output.usd(record["cost"]),
            record["dataset_size"],
            *([output.days_left(record["days_left"])] if ends else []),
            *([", ".join(record["aliases"])] if named else []),
        )
        for record in records
    ]
    output.print_table("Models", columns, rows)


def deploy(
    name: Name,
    version: Version = None,
    force: Annotated[bool, typer.Option("--force", help="Whatever FINE_TUNING_DEPLOY_GATES say.")] = False,
    reason: Reason = "deployed",
) -> None:
    """Put a version into production; the one before is archived."""
    from fine_tuning.model_registry import ModelRegistry

    typer.echo(f"deployed {name} v{ModelRegistry().deploy_model(name, version, reason, force=force)}")


def rollback_model(
    name: Name,
    version: Annotated[int | None, typer.Argument(help="Version; the one deployed before if not given.")] = None,
) -> None:
    """Put an earlier version back into production."""
    from fine_tuning.model_registry import ModelRegistry

    registry = ModelRegistry()
    registry.rollback_model(name, version)
    deployed = registry.get_deployed_version(name)
    typer.echo(f"rolled back {name} to v{version if version or deployed is None else deployed['version']}")


def set_status(
    name: Name,
    status: Annotated[str, typer.Argument(help="TRAINING, READY, ARCHIVED or FAILED.")],
    version: Version = None,
    reason: Reason = "set by hand",
) -> None:
    """Move a version to a status by hand."""
    from fine_tuning.model_registry import ModelRegistry

    registry = ModelRegistry()
    if status == "DEPLOYED":
        raise UsageError(f"deploy it with ft-cli deploy {name}, which asks the gates first (--force: none)")
    if not registry.set_model_status(name, status, version, reason):
        raise _no_version(name, version)
    typer.echo(f"{name} is {status}")


def alias(
    name: Name,
    alias: Annotated[str | None, typer.Argument(help="champion, challenger or another name.")] = None,
    version: Version = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the alias away.")] = False,
    reason: Reason = "set by hand",
    as_json: output.Json = False,
) -> None:
    """Show a model's aliases, or let one point at a version; NAME@ALIAS is then a model's name."""
    from fine_tuning.model_registry import ModelRegistry

    registry = ModelRegistry()
    if alias is None:
        found = registry.get_aliases(name)
        output.print_json(found) if as_json else output.print_table(
            f"Aliases of {name}", ["Alias", "Version#"], found.items()
        )
    elif remove:
        if not registry.remove_alias(name, alias, reason):
            raise UsageError(f"{name} has no alias {alias}; it has {', '.join(registry.get_aliases(name)) or 'none'}")
        typer.echo(f"{name}@{alias} is removed")
    else:
        typer.echo(f"{name}@{alias} is v{registry.set_alias(name, alias, version, reason)}")


def tag(
    name: Name,
    tags: Annotated[list[str], typer.Argument(help="KEY=VALUE; KEY= takes the tag away.")],
    version: Annotated[int | None, typer.Option(help="The latest if not given.")] = None,
    reason: Reason = "set by hand",
) -> None:
    """Give a version tags."""
    from fine_tuning.model_registry import ModelRegistry

    registry = ModelRegistry()
    for key, value in output.key_values("tag", tags).items():
        if not registry.set_tag(name, key, value or None, version, reason):
            raise _no_version(name, version)
    record = registry.get_model_version(name, version) or {}
    typer.echo(f"{name} v{record['version']}: {record['tags']}")


def history(name: Name, as_json: output.Json = False) -> None:
    """Every change of a model: statuses, aliases, tags, accuracies; who, when and why."""
    from fine_tuning.model_registry import ModelRegistry

    changes = ModelRegistry().history(name)
    if as_json:
        output.print_json(changes)
        return
    columns = ["Time", "Version#", "What", "From", "To", "Who", "Why"]
    rows = [
        (
            output.utc(c["created_at"]), c["version"], _what(c),
            c["before"], c["after"], c["actor"], c["reason"],
        )
        for c in changes
    ]  # fmt: skip
    output.print_table(f"History of {name}", columns, rows)


def show_lineage(
    name: Name,
    version: Annotated[int | None, typer.Argument(help="Version; the deployed one if not given.")] = None,
    form: Annotated[Form, typer.Option("--as", help="tree, json or mermaid.")] = Form.tree,
    as_json: output.Json = False,
) -> None:
    """Where a version comes from, and what became of it."""
    from fine_tuning.model_registry import ModelRegistry
    from fine_tuning.registry.lineage import as_mermaid

    graph = ModelRegistry().lineage(name, version)
    if as_json or form is Form.json:
        output.print_json(asdict(graph))
    elif form is Form.mermaid:
        typer.echo(as_mermaid(graph))
    else:
        output.console().print(_tree(graph), soft_wrap=True)


def _tree(graph: Lineage) -> Tree:
    """The version at the root: what it was made of above, what came of it below."""
    from rich.text import Text
    from rich.tree import Tree

    from fine_tuning.registry.lineage import ways_back, ways_on

    root = graph.nodes[0]
    tree = Tree(Text(root.label, "bold"))

    def add_sources(branch: Any, node_id: str, seen: frozenset[str]) -> None:
        for node in ways_back(graph, node_id):
            below = branch.add(Text(node.label))
            if node.id not in seen:
                add_sources(below, node.id, seen | {node.id})

    made_of = tree.add(Text("made of", "italic"))
    add_sources(made_of, root.id, frozenset())
    for kind in ("evaluation", "experiment", "deployment", "export", "cost"):
        found = [node for node in ways_on(graph, root.id) if node.kind == kind]
        if found:
            branch = tree.add(Text(f"{kind}s", "italic"))
            for node in found:
                branch.add(Text(node.label))
    return tree


Uri = Annotated[str, typer.Argument(help="Of MLflow's registry: sqlite:///mlflow.db, http://host:5000, ...")]


def to_mlflow(uri: Uri) -> None:
    """Put the versions that an MLflow registry lacks into it."""
    from fine_tuning.model_registry import ModelRegistry

    typer.echo(f"{ModelRegistry().export_to_mlflow(uri)} versions are new there")


def from_mlflow(uri: Uri) -> None:
    """Register the versions of an MLflow registry that are not here yet."""
    from fine_tuning.model_registry import ModelRegistry

    typer.echo(f"{ModelRegistry().import_from_mlflow(uri)} versions are new here")


def import_model(
    name: Name,
    folder: Annotated[Path, typer.Argument(help="A Hugging Face model folder with safetensors.")],
    base: Annotated[str | None, typer.Option(help="What it was made from; what its card says if not given.")] = None,
) -> None:
    """Register a model folder as the next version."""
    from fine_tuning.model_registry import ModelRegistry

    record = ModelRegistry().import_model(name, folder, base)
    typer.echo(f"registered {name} v{record['version']} ({record['status']})")


def _what(change: Mapping[str, Any]) -> str:
    """What a change is of: "status", "alias champion"."""
    return change["kind"] if change["kind"] == change["name"] else f"{change['kind']} {change['name']}"


def _no_version(name: str, version: int | None) -> NotFoundError:
    return NotFoundError(f"no version {version} of {name}" if version is not None else f"no model {name} is registered")
