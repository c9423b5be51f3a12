"""Commands for the routes of the gateway: names that applications use as model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.errors import UsageError
from fine_tuning.gateway import route_texts

if TYPE_CHECKING:
    from fine_tuning.gateway.route_changes import Change
    from fine_tuning.store.records.routes import Route
    from fine_tuning.store.workspace import Workspace

Name = Annotated[str, typer.Argument(help="Name of the route, which applications send as model.")]
Project = Annotated[str, typer.Option(help="Project of the route.")]
Reason = Annotated[str, typer.Option(help="Reason recorded in the history.")]
COLUMNS = ("Route", "Project", "Revision#", "Incumbent", "Candidate", "Share#", "Shadow#", "Changed")


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    route = typer.Typer(help="Routes of the gateway: what answers for a name.", no_args_is_help=True)
    route.command("set")(set_)
    route.command("list")(list_)
    for command in (show, history, promote, delete):
        route.command()(command)
    route.command("return")(give_back)
    app.add_typer(route, name="route", rich_help_panel="Server")


def set_(
    name: Name,
    incumbent: Annotated[str | None, typer.Argument(help="UPSTREAM/MODEL or local/MODEL that answers.")] = None,
    policy: Annotated[
        Path | None, typer.Option(help="File with the whole policy as JSON, in place of arguments.")
    ] = None,
    candidate: Annotated[str | None, typer.Option(help="UPSTREAM/MODEL or local/MODEL that may replace it.")] = None,
    canary: Annotated[str | None, typer.Option(help="A/B test of incumbent and candidate.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help='Other part of the policy as KEY=JSON, such as shadow.share=0.1 or ramp="[0.1, 1]".'),
    ] = None,
    project: Project = "default",
) -> None:
    """Create a route, or give it another policy; the history keeps the one before."""
    from fine_tuning.gateway import route_changes
    from fine_tuning.gateway.route_policy import RoutePolicy

    given = _policy(policy) | {
        key: value
        for key, value in (("incumbent", incumbent), ("candidate", candidate), ("canary", canary))
        if value is not None
    }
    for key, value in output.key_values("--option", option or []).items():
        _put(given, key, value)
    workspace = command_workspace()
    change = _change(workspace, "set")
    route = route_changes.save(workspace, project, name, RoutePolicy.of(given), change)
    output.echo(f"{name}: {route_texts.state(route)}")


def _policy(file: Path | None) -> dict[str, Any]:
    from fine_tuning._util.files import read_json

    found = {} if file is None else read_json(file)
    if not isinstance(found, dict):
        raise UsageError(f'{file}: a policy is an object of JSON, such as {{"incumbent": "openai/gpt-4o"}}')
    return found


def _put(policy: dict[str, Any], key: str, text: str) -> None:
    """Set a part of the policy: `shadow.share` is `share` of `shadow`."""
    *above, last = key.split(".")
    for each in above:
        policy = policy.setdefault(each, {})
        if not isinstance(policy, dict):
            raise UsageError(f"--option {key}: {each} has no parts")
    try:
        policy[last] = json.loads(text)
    except (ValueError, RecursionError):
        policy[last] = text


def list_(
    project: Annotated[str | None, typer.Option(help="Only routes of this project.")] = None,
    as_json: output.Json = False,
) -> None:
    """List the routes."""
    from fine_tuning.store import routes
    from fine_tuning.store.projects import check_project

    with command_workspace().database.read() as tx:
        found = routes.listed(tx, None if project is None else check_project(project))
    if as_json:
        output.print_json(found)
    elif found:
        output.print_table("Routes", COLUMNS, map(_row, found))
    else:
        output.echo("no routes; create one: ft-cli route set NAME openai/gpt-4o")


def _row(route: Route) -> list[Any]:
    policy = route["policy"]
    return [
        route["name"],
        route["project"],
        route["revision"],
        policy["incumbent"],
        policy.get("candidate"),
        f"{route['share']:.1%}",
        f"{route['shadow_calls']:,}",
        f"{route['changed_at']:%Y-%m-%d %H:%M:%S}",
    ]


def show(name: Name, project: Project = "default", as_json: output.Json = False) -> None:
    """Show a route: what answers its calls, its policy, and how often the candidate in shadow agrees."""
    from fine_tuning.gateway import agreement, route_changes

    with command_workspace().database.read() as tx:
        route = route_changes.find(tx, project, name)
        found = agreement.agreement(tx, project, name)
    if as_json:
        output.print_json({**route, "agreement": found})
        return
    output.echo(f"{name}: {route_texts.state(route)}")
    facts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in route["policy"].items()}
    output.print_facts(f"Policy (revision {route['revision']})", facts)
    if "shadow" in route["policy"]:
        output.echo(route_texts.shadow(route))
        output.echo(route_texts.agreement(found))


def history(name: Name, project: Project = "default", as_json: output.Json = False) -> None:
    """Show every change of a route, the newest last."""
    from fine_tuning.gateway import route_changes

    with command_workspace().database.read() as tx:
        found = route_changes.history(tx, project, name)
    if as_json:
        output.print_json(found)
        return
    columns = ("Time", "Revision#", "Change", "By", "Actor", "Share#", "Reason")
    rows = [(f"{each['created_at']:%Y-%m-%d %H:%M:%S}", *route_texts.revision(each)) for each in found]
    output.print_table(f"History of {name}", columns, rows)


def promote(name: Name, project: Project = "default", reason: Reason = "promoted") -> None:
    """Have the candidate answer all calls; the incumbent remains the fallback."""
    from fine_tuning.gateway import route_changes

    workspace = command_workspace()
    route = route_changes.promote(workspace.database, project, name, _change(workspace, reason))
    output.echo(f"{name}: {route_texts.state(route)}")


def give_back(name: Name, project: Project = "default", reason: Reason = "returned") -> None:
    """Have the incumbent answer all calls again."""
    from fine_tuning.gateway import route_changes

    workspace = command_workspace()
    route = route_changes.give_back(workspace.database, project, name, _change(workspace, reason))
    output.echo(f"{name}: {route_texts.state(route)}")


def delete(name: Name, project: Project = "default", reason: Reason = "deleted") -> None:
    """Delete a route; its history remains."""
    from fine_tuning.gateway import route_changes

    workspace = command_workspace()
    route_changes.remove(workspace.database, project, name, _change(workspace, reason))
    output.echo(f"deleted {name}")


def _change(workspace: Workspace, reason: str) -> Change:
    from fine_tuning.gateway.route_changes import Change
    from fine_tuning.settings import acting_user

    return Change("cli", acting_user(workspace.settings), reason)
