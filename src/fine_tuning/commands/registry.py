"""Commands of the model registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.commands.lineage import show_lineage
from fine_tuning.commands.options import with_options
from fine_tuning.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from fine_tuning.model_registry import ModelRegistry
    from fine_tuning.store.records.model_versions import ModelVersion, RegistryChange

Name = Annotated[str, typer.Argument(help="Model name.")]
VersionName = Annotated[str, typer.Argument(help="Model name, NAME-vVERSION or NAME@ALIAS.")]
Version = Annotated[int | None, typer.Argument(help="Version; the latest by default.")]
Reason = Annotated[str, typer.Option(help="Reason recorded in the history.")]


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    panel = "Registry"
    commands: dict[str, Callable[..., None]] = {
        "register-model": with_options(register_model),
        "list-models": list_models,
        "deploy": deploy,
        "rollback-model": rollback_model,
        "set-status": set_status,
        "alias": alias,
        "tag": tag,
        "history": history,
        "lineage": show_lineage,
        "import-model": import_model,
    }
    for name, command in commands.items():
        app.command(name, rich_help_panel=panel)(command)


@dataclass(frozen=True)
class VersionOptions:
    """What is recorded of a new version."""

    accuracy: Annotated[float | None, typer.Option(help="Accuracy, 0 to 1.")] = None
    cost: Annotated[float | None, typer.Option(help="Training cost, US dollars; unknown by default.")] = None
    provider: Annotated[str | None, typer.Option(help="Address of the host that serves the model, or local.")] = None
    provider_model: Annotated[str | None, typer.Option(help="Model id at the host, or model folder.")] = None


def register_model(
    name: Name,
    base: Annotated[str, typer.Argument(help="Base model.")],
    job: Annotated[str, typer.Argument(help="Id of the job that trained it.")],
    size: Annotated[int, typer.Argument(help="Number of training examples.")],
    options: VersionOptions,
    as_json: output.Json = False,
) -> None:
    """Register the next version of a model."""
    from fine_tuning.model_registry import ModelRegistry

    record = ModelRegistry(workspace=command_workspace()).register_model(name, base, job, size, **asdict(options))
    if as_json:
        output.print_json(record)
    else:
        output.echo(f"registered {name} v{record['version']} ({record['status']})")


def list_models(as_json: output.Json = False) -> None:
    """List every version of every model, with the days until its base model is shut down."""
    from fine_tuning.costs import training_costs
    from fine_tuning.model_registry import ModelRegistry

    records = ModelRegistry(workspace=command_workspace()).describe_models()
    for each in records:
        each["cost"] = training_costs.registered(each)
    if as_json:
        output.print_json(records)
        return
    if not records:
        output.echo("no model is registered yet; register one with ft-cli register-model")
        return
    columns = ["Model", "v#", "Status", "Base model", "Accuracy#", "Cost#", "Examples#"]
    has_shutdown, has_alias = any(each["shutdown_date"] for each in records), any(each["aliases"] for each in records)
    columns += (["Days left#"] if has_shutdown else []) + (["Aliases"] if has_alias else [])
    rows = [
        (
            record["model_name"],
            record["version"],
            record["status"],
            record["base_model"],
            output.percent(record["accuracy"]),
            output.usd(record["cost"]),
            record["dataset_size"],
            *([output.days_left(record["days_left"])] if has_shutdown else []),
            *([", ".join(record["aliases"])] if has_alias else []),
        )
        for record in records
    ]
    output.print_table("Models", columns, rows)


def deploy(
    name: VersionName,
    version: Version = None,
    force: Annotated[bool, typer.Option("--force", help="Skip the gates of FINE_TUNING_DEPLOY_GATES.")] = False,
    reason: Reason = "deployed",
) -> None:
    """Deploy a version and archive the current one."""
    from fine_tuning.model_registry import ModelRegistry

    registry = ModelRegistry(workspace=command_workspace())
    before = registry.get_deployed_version(name)
    deployed = registry.deploy_model(name, version, reason, force=force)
    output.echo(_moved("deployed {}", _model_of(registry, name), deployed, before))


def rollback_model(
    name: VersionName,
    version: Annotated[int | None, typer.Argument(help="Version; the previously deployed one by default.")] = None,
) -> None:
    """Deploy an earlier version again."""
    from fine_tuning.model_registry import ModelRegistry

    registry = ModelRegistry(workspace=command_workspace())
    before = registry.get_deployed_version(name)
    registry.rollback_model(name, version)
    deployed = registry.get_deployed_version(name)
    number = version or (0 if deployed is None else deployed["version"])
    output.echo(_moved("rolled back {} to", _model_of(registry, name), number, before))


def _model_of(registry: ModelRegistry, name: str) -> str:
    """The model of a name, which may say a version too."""
    record = registry.get_model_version(name)
    return name if record is None else record["model_name"]


def _moved(done: str, name: str, version: int, before: ModelVersion | None) -> str:
    """What a deployment did; nothing where the version was deployed before."""
    if before is not None and before["version"] == version:
        return f"{name} v{version} is deployed already"
    return f"{done.format(name)} v{version}"


def set_status(
    name: VersionName,
    status: Annotated[str, typer.Argument(help="TRAINING, READY, ARCHIVED or FAILED.")],
    version: Version = None,
    reason: Reason = "set by hand",
) -> None:
    """Set the status of a version."""
    from fine_tuning.model_registry import ModelRegistry

    registry = ModelRegistry(workspace=command_workspace())
    if status == "DEPLOYED":
        raise UsageError(f"deploy it with ft-cli deploy {name}, which checks the gates first (--force skips them)")
    if not registry.set_model_status(name, status, version, reason):
        raise _no_version(name, version)
    output.echo(f"{name} is {status}")


def alias(
    name: Name,
    alias: Annotated[str | None, typer.Argument(help="Alias, such as champion or challenger.")] = None,
    version: Version = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the alias.")] = False,
    reason: Reason = "set by hand",
    as_json: output.Json = False,
) -> None:
    """List a model's aliases, or point one at a version, which NAME@ALIAS then resolves to."""
    from fine_tuning.model_registry import ModelRegistry

    registry = ModelRegistry(workspace=command_workspace())
    if alias is None:
        found = registry.get_aliases(name)
        output.print_json(found) if as_json else output.print_table(
            f"Aliases of {name}", ["Alias", "Version#"], found.items()
        )
    elif remove:
        if not registry.remove_alias(name, alias, reason):
            raise UsageError(f"{name} has no alias {alias}; it has {', '.join(registry.get_aliases(name)) or 'none'}")
        output.echo(f"{name}@{alias} is removed")
    else:
        output.echo(f"{name}@{alias} is v{registry.set_alias(name, alias, version, reason)}")


def tag(
    name: VersionName,
    tags: Annotated[list[str], typer.Argument(help="KEY=VALUE; KEY= removes the tag.")],
    version: Annotated[int | None, typer.Option(help="Version; the latest by default.")] = None,
    reason: Reason = "set by hand",
) -> None:
    """Set or remove tags of a version."""
    from fine_tuning.model_registry import ModelRegistry

    registry = ModelRegistry(workspace=command_workspace())
    for key, value in output.key_values("tag", tags).items():
        if not registry.set_tag(name, key, value or None, version, reason):
            raise _no_version(name, version)
    if (record := registry.get_model_version(name, version)) is not None:
        output.echo(f"{record['model_name']} v{record['version']}: {record['tags']}")


def history(name: VersionName, as_json: output.Json = False) -> None:
    """List every change of a model: status, aliases, tags and accuracy, with time, actor and reason."""
    from fine_tuning.model_registry import ModelRegistry

    changes = ModelRegistry(workspace=command_workspace()).history(name)
    if as_json:
        output.print_json(changes)
        return
    columns = ["Time", "Version#", "Change", "From", "To", "Actor", "Reason"]
    rows = [
        (
            output.utc(each["created_at"]),
            each["version"],
            _label(each),
            each["before"],
            each["after"],
            each["actor"],
            each["reason"],
        )
        for each in changes
    ]
    output.print_table(f"History of {name}", columns, rows)


def import_model(
    name: Name,
    folder: Annotated[Path, typer.Argument(help="Hugging Face model folder with safetensors.")],
    base: Annotated[str | None, typer.Option(help="Base model; taken from the model card by default.")] = None,
) -> None:
    """Register a model folder as the next version."""
    from fine_tuning.model_registry import ModelRegistry

    record = ModelRegistry(workspace=command_workspace()).import_model(name, folder, base)
    output.echo(f"registered {name} v{record['version']} ({record['status']})")


def _label(change: RegistryChange) -> str:
    """The kind of a change with its name: "status", "alias champion"."""
    return change["kind"] if change["kind"] == change["name"] else f"{change['kind']} {change['name']}"


def _no_version(name: str, version: int | None) -> NotFoundError:
    return NotFoundError(f"no version {version} of {name}" if version is not None else f"no model {name} is registered")
