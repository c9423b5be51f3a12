"""The OpenAI-compatible server, its workers and its keys."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
import tempfile
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.commands.options import with_options
from fine_tuning.errors import MissingDependencyError, UsageError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from fine_tuning.store.workspace import Workspace

LOOPBACK = "127.0.0.1"
SHUTDOWN_SECONDS = 20  # for calls under way: orchestrators kill after 30 as a rule


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


Host = Annotated[str, typer.Option(help="Address to listen on; addresses other than loopback need a key.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)]
AllowedHost = Annotated[
    list[str] | None,
    typer.Option(help="Name by which the server may be called, beside localhost; repeatable."),
]
TrustedProxy = Annotated[
    list[str] | None,
    typer.Option(help="Address or network of a proxy whose X-Forwarded-For counts; repeatable."),
]


@dataclass(frozen=True)
class ServeOptions:
    """Options of `serve`, beside host and port."""

    alias: Annotated[list[str] | None, typer.Option(help="NAME=MODEL: a model name for clients; repeatable.")] = None
    slots: Annotated[
        int, typer.Option(help="Number of concurrent training jobs; 0 if workers run elsewhere.", min=0)
    ] = 1
    requests_per_minute: Annotated[int | None, typer.Option(help="Rate limit per key.", min=1)] = None
    max_concurrent: Annotated[int, typer.Option(help="Maximum concurrent requests; further ones get 429.", min=1)] = 64
    max_uploads: Annotated[
        int, typer.Option(help="Maximum concurrent uploads, counted apart; further ones get 429.", min=1)
    ] = 16
    memory_limit: Annotated[int | None, typer.Option(help="Memory limit for loaded models, in MiB.", min=1)] = None
    context_length: Annotated[
        int, typer.Option(help="Context length in llama.cpp (prompt and answer), in tokens.", min=64)
    ] = 2048
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="Origin of web pages that may call the API (CORS); repeatable."),
    ] = None
    allowed_host: AllowedHost = None
    trusted_proxy: TrustedProxy = None
    flywheel: Annotated[
        Path | None, typer.Option(help="Run the standing loop of the routes that have a policy in this TOML file.")
    ] = None
    python_graders: Annotated[
        bool, typer.Option("--python-graders", help="Run the source of python graders, in a sandbox.")
    ] = False


@with_options
def serve(options: ServeOptions, host: Host = LOOPBACK, port: Port = 8000) -> None:
    """Serve OpenAI's API (files, jobs, models, chat, completions, embeddings) and the dashboard."""
    try:
        from fine_tuning.dashboard.app import make_app as with_dashboard
        from fine_tuning.server.app import make_app
        from fine_tuning.server.gateway_app import GatewayApp
        from fine_tuning.server.server_config import ServerConfig, parse_aliases, parse_networks
        from fine_tuning.server.worker_supervisor import flywheel, recorder, workers
    except ImportError as error:
        raise MissingDependencyError(error.name or "fastapi", "serve", "the server") from error
    from fine_tuning._util.files import make_folder
    from fine_tuning.gateway import litellm_process
    from fine_tuning.gateway.upstreams import read_upstreams
    from fine_tuning.serving import vllm_engine

    workspace = command_workspace()
    if options.flywheel is not None:
        _check_flywheel(options.flywheel, workspace)
    if any(each.vendor is not None for each in read_upstreams(workspace.settings.upstreams).values()):
        litellm_process.check_installed(workspace.settings)
    access = _checked_access(host, workspace)
    vllm_engine.is_enabled(workspace.settings)  # reports an invalid setting at the start
    config = ServerConfig(
        aliases={**workspace.settings.aliases, **parse_aliases(options.alias or [])},
        requests_per_minute=options.requests_per_minute,
        max_concurrent=options.max_concurrent,
        max_uploads=options.max_uploads,
        memory_limit_mib=options.memory_limit,
        context_length=options.context_length,
        allowed_origins=tuple(options.allow_origin or ()),
        allowed_hosts=tuple(options.allowed_host or ()),
        python_graders=options.python_graders,
    )
    # Uploads are written beside the stored files: the system's temporary folder may be small, or in memory.
    tempfile.tempdir = str(make_folder(workspace.folder("files")))
    message = (
        "the dashboard at {0}, OpenAI's API at {0}/v1, its documentation at {0}/docs; "
        "calls to {0}/openai/v1 are passed on to OpenAI and recorded"
    )
    proxies = parse_networks(options.trusted_proxy or [])
    with (
        _listen(host, port) as listener,
        workers(options.slots, workspace.settings) if options.slots else nullcontext(),
        recorder(workspace.settings),
        flywheel(options.flywheel, workspace.settings) if options.flywheel else nullcontext(),
    ):
        api = make_app(config, workspace)
        pages = with_dashboard(api, workspace=workspace, allowed_hosts=config.allowed_hosts)
        app = GatewayApp(pages, config, workspace, api.state.context.bodies, api.state.context.rates)
        _run(app, listener, message.format(_address(host, listener)) + access, proxies)


def _check_flywheel(policies: Path, workspace: Workspace) -> None:
    """Say now what is wrong with the policies, instead of in a log."""
    from fine_tuning.workflows.flywheel import alerts
    from fine_tuning.workflows.flywheel.flywheel_policy import read_policies

    read_policies(policies)
    alerts.check_channels(workspace)


def ui(
    host: Host = LOOPBACK,
    port: Port = 8000,
    allowed_host: AllowedHost = None,
    trusted_proxy: TrustedProxy = None,
) -> None:
    """Serve the dashboard without the API."""
    try:
        from fine_tuning.dashboard.app import make_app
        from fine_tuning.server.server_config import parse_networks
    except ImportError as error:
        raise MissingDependencyError(error.name or "nicegui", "serve", "the dashboard") from error
    workspace = command_workspace()
    access = _checked_access(host, workspace)
    proxies = parse_networks(trusted_proxy or [])
    with _listen(host, port) as listener:
        app = make_app(workspace=workspace, allowed_hosts=allowed_host or ())
        _run(app, listener, f"the dashboard at {_address(host, listener)}{access}", proxies)


def _checked_access(host: str, workspace: Workspace) -> str:
    """What to say of a server that needs no key; nothing of one that does."""
    from fine_tuning.server import authentication, caller_checks

    if not authentication.is_open(workspace.database):
        return ""
    if not caller_checks.is_loopback(host):
        raise UsageError(
            f"listening on {host} needs a key, or anyone could use the server; create one: ft-cli keys create NAME"
        )
    return "\nopen to every program of this machine, until a key is created: ft-cli keys create NAME"


def _address(host: str, listener: socket.socket) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def _run(app: ASGIApp, listener: socket.socket, message: str, proxies: list[str]) -> None:
    import uvicorn

    from fine_tuning.server import http_connections

    class Server(uvicorn.Server):
        """Tells its address once it answers there."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            gc.collect()
            gc.freeze()  # what is loaded stays: searching it for garbage again and again would stop everybody
            if self.started:
                output.echo(message, err=True)

    logging.getLogger("uvicorn.error").addFilter(_is_no_cancelled_call)
    if threading.current_thread() is threading.main_thread():  # Uvicorn sends it again when it has ended
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    config = uvicorn.Config(
        app,
        http=http_connections.protocol(),
        log_level="warning",
        access_log=False,
        server_header=False,  # these two are the vendor's where the gateway answers
        date_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    Server(config).run(sockets=[listener])


def _is_no_cancelled_call(record: logging.LogRecord) -> bool:
    """Whether a line of the log is not of a call that the end of the server has cancelled: their number has a line."""
    return record.exc_info is None or not isinstance(record.exc_info[1], asyncio.CancelledError)


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


def worker(
    slots: Annotated[int, typer.Option(help="Number of concurrent training jobs on this machine.", min=1)] = 1,
    together: Annotated[
        bool, typer.Option("--together", help="Train jobs on the same base model in one process, which has it once.")
    ] = False,
    parent: Annotated[int | None, typer.Option(help="Process id with which the worker ends.", hidden=True)] = None,
) -> None:
    """Run a worker that trains queued jobs; several workers can share one database."""
    from fine_tuning.training.jobs.worker_pool import Pool, parent_is

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    is_alive = parent_is(parent) if parent is not None else lambda: True
    Pool(command_workspace(), slots, is_alive, together=together).run()


def create_key(
    name: Annotated[str, typer.Argument(help="Name of the key, such as the application that uses it.")],
    project: Annotated[str, typer.Option(help="Project whose files, jobs and models the key can access.")] = "default",
    owner: Annotated[bool, typer.Option("--owner", help="Allow every project, and the dashboard.")] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Allow reading only: no changes and no model calls.")
    ] = False,
    as_json: output.Json = False,
) -> None:
    """Create an API key; it is shown once."""
    from fine_tuning.server import authentication as keys

    key, record = keys.create(command_workspace().database, name, project, read_only=read_only, is_owner=owner)
    if as_json:
        output.print_json({**record, "key": key})
    else:
        access = ("all projects" if owner else f"project {project}") + (", read-only" if read_only else "")
        output.echo(f"{key}\nsave it now: it cannot be shown again (id {record['id']}, {access})")


def list_keys(as_json: output.Json = False) -> None:
    """List API keys by id and name; the keys themselves are not shown."""
    from fine_tuning.server import authentication as keys

    found = keys.listed(command_workspace().database)
    if as_json:
        output.print_json(found)
        return
    columns = ["Id", "Name", "Project", "Access", "Key", "Created", "Revoked"]
    rows = [
        (
            key["id"],
            key["name"],
            "all" if key["is_owner"] else key["project"],
            "read" if key["read_only"] else "all",
            f"{key['prefix']}...",
            output.utc(key["created_at"].isoformat()),
            "no" if key["revoked_at"] is None else output.utc(key["revoked_at"].isoformat()),
        )
        for key in found
    ]
    output.print_table("Keys", columns, rows)


def revoke_key(key_id: Annotated[str, typer.Argument(help="Id of the key.")]) -> None:
    """Revoke an API key immediately."""
    from fine_tuning.server import authentication as keys

    keys.revoke(command_workspace().database, key_id)
    output.echo(f"revoked {key_id}")
