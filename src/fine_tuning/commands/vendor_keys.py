"""Keys of vendors that the gateway holds."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.errors import UsageError

Upstream = Annotated[str, typer.Argument(help="Upstream of the gateway, such as openai.")]
Project = Annotated[str, typer.Option(help="Project whose calls use the key.")]


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    keys = typer.Typer(help="Vendors' keys that the gateway holds for your applications.", no_args_is_help=True)
    for command in (set_, list_, delete, secret):
        keys.command(command.__name__.rstrip("_"))(command)
    app.add_typer(keys, name="vendor-keys", rich_help_panel="Server")


def set_(upstream: Upstream, project: Project = "default") -> None:
    """Hold a vendor's key, encrypted by FINE_TUNING_SECRET_KEY; it is asked for, or read from standard input."""
    from fine_tuning.gateway.upstreams import read_upstreams
    from fine_tuning.gateway.vendor_keys import VendorKeys

    workspace = command_workspace()
    keys = VendorKeys(workspace.settings)
    known = read_upstreams(workspace.settings.upstreams)
    if upstream not in known:
        raise UsageError(f"no upstream {upstream!r}; there are: {', '.join(sorted(known))}")
    is_asked = sys.stdin.isatty()
    key = typer.prompt(f"key of {upstream}", hide_input=True) if is_asked else sys.stdin.readline()
    keys.hold(workspace.database, project, upstream, key.strip())
    output.echo(f"the gateway holds a key of {upstream} for project {project}; it cannot be shown")


def list_(as_json: output.Json = False) -> None:
    """List what is held; the keys themselves are never shown."""
    from fine_tuning.store import vendor_keys

    with command_workspace().database.read() as tx:
        found = vendor_keys.listed(tx)
    if as_json:
        output.print_json(found)
        return
    rows = [(each["project"], each["upstream"], output.utc(each["created_at"].isoformat())) for each in found]
    output.print_table("Vendors' keys", ["Project", "Upstream", "Stored"], rows)


def delete(upstream: Upstream, project: Project = "default") -> None:
    """Delete a held key immediately."""
    from fine_tuning.gateway.vendor_keys import forget

    forget(command_workspace().database, project, upstream)
    output.echo(f"deleted the key of {upstream} of project {project}")


def secret() -> None:
    """Make a new FINE_TUNING_SECRET_KEY; put it before an older one, with a comma, to go on reading what that wrote."""
    from fine_tuning.gateway.vendor_keys import new_secret

    output.echo(new_secret())
