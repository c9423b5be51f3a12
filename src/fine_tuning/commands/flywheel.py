"""The standing loop of routes: begin runs, watch them, approve their steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fine_tuning.commands import jobs, output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.errors import NotFoundError

if TYPE_CHECKING:
    from fine_tuning.store.records.flywheels import FlywheelRun, FlywheelStep
    from fine_tuning.workflows.flywheel.flywheel_policy import FlywheelPolicy

Policies = Annotated[Path, typer.Argument(help="TOML file with a table for each route.")]
RunId = Annotated[int, typer.Argument(help="Number of the run.")]
COLUMNS = ("Run#", "Route", "Project", "Status", "Step", "Began", "Why it began", "Waits for, or ended because")


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    flywheel = typer.Typer(
        help="The standing loop: label, build, bake off, gate, shadow, canary.", no_args_is_help=True
    )
    for command in (run, start, check, show, approve, reject):
        flywheel.command()(command)
    flywheel.command("list")(list_)
    app.add_typer(flywheel, name="flywheel", rich_help_panel="Workflows")


def run(
    policies: Policies,
    every: Annotated[int, typer.Option(help="Seconds between two looks.", min=1)] = 60,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    parent: Annotated[int | None, typer.Option(hidden=True, help="Process id with which this one ends.")] = None,
) -> None:
    """Begin the runs that are due, and take each open one as far as it goes; again and again until interrupted."""
    from fine_tuning.workflows.flywheel import alerts, standing_loop
    from fine_tuning.workflows.flywheel.flywheel_policy import read_policies
    from fine_tuning.workflows.flywheel.run_flywheel import Flywheel

    workspace = command_workspace()
    found = read_policies(policies)
    alerts.check_channels(workspace)
    flywheel = Flywheel(workspace, lambda line: output.echo(line, err=True), jobs.follow)
    if once:
        if not flywheel.tick(found):
            raise typer.Exit(1)
    else:
        standing_loop.run(lambda: flywheel.tick(found), every, parent)


def start(policies: Policies, route: Annotated[str, typer.Argument(help="Route to begin a run of.")]) -> None:
    """Begin a run of a route now, whatever its triggers say; `ft-cli flywheel run` takes it on."""
    from fine_tuning.settings import acting_user
    from fine_tuning.workflows.flywheel.run_flywheel import Flywheel

    workspace = command_workspace()
    flywheel = Flywheel(workspace, lambda line: output.echo(line, err=True), jobs.follow)
    begun = flywheel.begin(_of_route(policies, route), f"begun by {acting_user(workspace.settings)}")
    output.echo(f"run {begun['id']} of {route}")


def check(policies: Policies, as_json: output.Json = False) -> None:
    """Say for each route whether a run is due, and what drift there is; nothing is begun."""
    from fine_tuning.workflows.flywheel import drift_watch, triggers
    from fine_tuning.workflows.flywheel.flywheel_policy import read_policies

    workspace, found = command_workspace(), []
    for policy in read_policies(policies):
        drift = drift_watch.look(workspace, policy, triggers.last_run(workspace, policy))
        reason = triggers.due(workspace, policy, lambda *_, seen=drift: seen)
        found.append({"route": policy.route, "project": policy.project, "due": reason, "drift": drift})
        if not as_json:
            output.echo(f"{policy.route}: {f'a run is due: {reason}' if reason else 'no run is due'}")
            for each in drift:
                output.print_text(f"  {drift_watch.described(each)}")
    if as_json:
        output.print_json(found)


def list_(
    route: Annotated[str | None, typer.Option(help="Only runs of this route.")] = None,
    project: Annotated[str | None, typer.Option(help="Only runs of this project.")] = None,
    as_json: output.Json = False,
) -> None:
    """List the runs, the newest first."""
    from fine_tuning.store import flywheels

    with command_workspace().database.read() as tx:
        found = flywheels.newest(tx, project, route)
    if as_json:
        output.print_json(found)
    elif found:
        output.print_table("Runs of the flywheel", COLUMNS, map(_row, found))
    else:
        output.echo("no runs; write a policy and begin: ft-cli flywheel run POLICIES.toml")


def _row(found: FlywheelRun) -> list[Any]:
    began = f"{found['created_at']:%Y-%m-%d %H:%M}"
    names = ("id", "route", "project", "status", "step")
    return [*(found[name] for name in names), began, found["trigger"], found["reason"]]  # type: ignore[literal-required]


def show(run_id: RunId, as_json: output.Json = False) -> None:
    """Show a run, and what each of its steps found."""
    from fine_tuning.store import flywheels
    from fine_tuning.workflows.flywheel.flywheel_policy import STEPS
    from fine_tuning.workflows.flywheel.run_flywheel import find

    with command_workspace().database.read() as tx:
        found, begun = find(tx, run_id), flywheels.steps(tx, run_id)
    steps = [begun[name] for name in STEPS if name in begun]
    if as_json:
        output.print_json({**found, "steps": steps})
        return
    facts = dict(zip(COLUMNS[1:], _row(found)[1:], strict=True))
    output.print_facts(f"Run {run_id}", {name.rstrip("#"): value for name, value in facts.items() if value is not None})
    for step in steps:
        output.print_text(_shown(step))


def _shown(step: FlywheelStep) -> str:
    import json

    approved = f", approved by {step['approved_by']}" if step["approved_by"] else ""
    ended = "under way" if step["facts"] is None else json.dumps(step["facts"], default=str)
    return f"{step['step']}{approved}: {ended}"


def approve(run_id: RunId) -> None:
    """Let the step begin for which a run waits."""
    _answer(run_id, approves=True)


def reject(run_id: RunId) -> None:
    """End a run that waits for an approval."""
    _answer(run_id, approves=False)


def _answer(run_id: int, *, approves: bool) -> None:
    from fine_tuning.settings import acting_user
    from fine_tuning.workflows.flywheel.run_flywheel import answer

    workspace = command_workspace()
    found = answer(workspace, run_id, acting_user(workspace.settings), approves=approves)
    output.echo(f"run {run_id}: {found['step']} {'is approved' if approves else 'was rejected'}")


def _of_route(policies: Path, route: str) -> FlywheelPolicy:
    from fine_tuning.workflows.flywheel.flywheel_policy import read_policies

    found = read_policies(policies)
    chosen = next((each for each in found if each.route == route), None)
    if chosen is None:
        raise NotFoundError(f"{policies} has no policy of {route}; it has {', '.join(each.route for each in found)}")
    return chosen
