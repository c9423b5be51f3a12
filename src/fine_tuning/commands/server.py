"""The OpenAI-compatible server, its workers and its keys."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import tempfile
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import output
from fine_tuning.errors import MissingDependencyError, UsageError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

LOOPBACK = "127.0.0.1"


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    panel = "Server"
    app.command("serve", rich_help_panel=panel)(serve)
    app.command("ui", rich_help_panel=panel)(ui)
    app.command("worker", rich_help_panel=panel)(worker)
    keys = typer.Typer(help="Create, list and revoke API keys of the server.", no_args_is_help=True)
    keys.command("create")(create_key)
    keys.command("list")(list_keys)
    keys.command("revoke")(revoke_key)
    app.add_typer(keys, name="keys", rich_help_panel=panel)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; others than loopback need a key.")] = LOOPBACK,
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
    alias: Annotated[list[str] | None, typer.Option(help="NAME=MODEL: a name that clients may use.")] = None,
    slots: Annotated[int, typer.Option(help="Jobs trained at once; 0 where workers run elsewhere.", min=0)] = 1,
    requests_per_minute: Annotated[int | None, typer.Option(help="Of one key.", min=1)] = None,
    max_concurrent: Annotated[int, typer.Option(help="Requests worked on at once.", min=1)] = 64,
    memory_limit: Annotated[int | None, typer.Option(help="MiB of loaded models.", min=1)] = None,
    context_length: Annotated[int, typer.Option(help="Tokens of prompt and answer, in llama.cpp.", min=64)] = 2048,
) -> None:
    """Serve OpenAI's API (files, fine-tuning jobs, models, chat) and the dashboard, on this machine."""
    try:
        from fine_tuning.dashboard.app import make_app as with_dashboard
        from fine_tuning.server.app import make_app
        from fine_tuning.server.server_config import ServerConfig, parse_aliases
    except ImportError as error:
        raise MissingDependencyError(error.name or "fastapi", "serve", "the server") from error
    from fine_tuning._util.files import make_folder
    from fine_tuning.serving import vllm_engine
    from fine_tuning.settings import get_settings

    _check_host(host)
    vllm_engine.is_wanted()  # says now what is wrong with that setting
    config = ServerConfig(
        aliases={**get_settings().aliases, **parse_aliases(alias or [])},
        requests_per_minute=requests_per_minute,
        max_concurrent=max_concurrent,
        memory_limit_mib=memory_limit,
        context_length=context_length,
    )
    # A file that is being uploaded lies beside the others: the system's own folder for such may be small, or in memory.
    tempfile.tempdir = str(make_folder(get_settings().folder("files")))
    said = "the dashboard at {0}, OpenAI's API at {0}/v1, its documentation at {0}/docs"
    _run(with_dashboard(make_app(config)), host, port, said, slots)


def ui(
    host: Annotated[str, typer.Option(help="Address to listen on; others than loopback need a key.")] = LOOPBACK,
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
) -> None:
    """Show the dashboard alone, without the API."""
    try:
        from fine_tuning.dashboard.app import make_app
    except ImportError as error:
        raise MissingDependencyError(error.name or "nicegui", "serve", "the dashboard") from error
    _check_host(host)
    _run(make_app(), host, port, "the dashboard at {0}")


def _check_host(host: str) -> None:
    from fine_tuning.server import authentication as keys
    from fine_tuning.store.database import open_database

    if not _is_loopback(host) and not keys.any_valid(open_database()):
        raise UsageError(f"listening on {host} needs a key, or anyone could use it; make one: ft-cli keys create NAME")


def _run(app: ASGIApp, host: str, port: int, said: str, slots: int = 0) -> None:
    import uvicorn

    from fine_tuning.server.worker_supervisor import workers

    with _listen(host, port) as listener:
        typer.echo(said.format(f"http://{host}:{listener.getsockname()[1]}"), err=True)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        with workers(slots) if slots else contextlib.nullcontext():
            server.run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}:{port} ({error.strerror}); choose another --port or --host"
        ) from None
    # The connections it accepts inherit this; without it each answer waits 40 ms for the client's acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def worker(
    slots: Annotated[int, typer.Option(help="Jobs trained at once on this machine.", min=1)] = 1,
    parent: Annotated[int | None, typer.Option(help="End when this process does.", hidden=True)] = None,
) -> None:
    """Train the jobs of the server's queue; any number of workers may share one database."""
    import logging

    from fine_tuning.commands.command_workspace import command_workspace
    from fine_tuning.training.jobs.worker_pool import Pool, parent_is

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    Pool(command_workspace(), slots, parent_is(parent) if parent is not None else lambda: True).run()


def create_key(
    name: Annotated[str, typer.Argument(help="Who will use it.")],
    project: Annotated[str, typer.Option(help="Whose files, jobs and models it opens.")] = "default",
    read_only: Annotated[bool, typer.Option("--read-only", help="For looking at things only.")] = False,
    as_json: output.Json = False,
) -> None:
    """Make a key; it is shown once."""
    from fine_tuning.server import authentication as keys
    from fine_tuning.store.database import open_database

    key, record = keys.create(open_database(), name, project, read_only=read_only)
    if as_json:
        output.print_json({**record, "key": key})
    else:
        may = ", may only read" if read_only else ""
        typer.echo(f"{key}\nkeep it: it cannot be shown again (id {record['id']}, project {project}{may})")


def list_keys(as_json: output.Json = False) -> None:
    """Every key, without the key itself."""
    from fine_tuning.server import authentication as keys
    from fine_tuning.store.database import open_database

    found = keys.listed(open_database())
    if as_json:
        output.print_json(found)
        return
    columns = ["Id", "Name", "Project", "May", "Key", "Created", "Revoked"]
    rows = [
        (
            key["id"],
            key["name"],
            key["project"],
            "read" if key["read_only"] else "all",
            f"{key['prefix']}...",
            output.utc(key["created_at"].isoformat()),
            "no" if key["revoked_at"] is None else output.utc(key["revoked_at"].isoformat()),
        )
        for key in found
    ]
    output.print_table("Keys", columns, rows)


def revoke_key(key_id: Annotated[str, typer.Argument(help="Id of the key.")]) -> None:
    """Make a key invalid at once."""
    from fine_tuning.server import authentication as keys
    from fine_tuning.store.database import open_database

    keys.revoke(open_database(), key_id)
    typer.echo(f"revoked {key_id}")
