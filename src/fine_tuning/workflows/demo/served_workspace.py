"""A server process of a workspace, as `ft-cli serve` starts it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec

from fine_tuning._util.files import make_folder
from fine_tuning.errors import MissingDependencyError, ProviderError
from fine_tuning.store.workspace import Workspace

SERVE_EXTRA = (  # of pyproject.toml, but llama.cpp: without it transformers answers
    *("aiohttp", "brotli", "cryptography", "fastapi", "fastapi_offline", "httptools", "jsonschema", "limits"),
    *("llguidance", "nicegui", "prometheus_client", "python_multipart", "uvicorn", "wordllama"),
)
_ADDRESS = re.compile(r"API at (http://\S+)/v1")
_START_SECONDS = 120.0


def check_installed() -> None:
    """Raise MissingDependencyError unless the packages that the server needs are installed."""
    for package in SERVE_EXTRA:
        if find_spec(package) is None:
            raise MissingDependencyError(package, "serve", "the server")


@contextmanager
def served(workspace: Workspace, upstreams: Mapping[str, str]) -> Iterator[str]:
    """The address of a server on a free port of this machine, which runs while the block does.

    Args:
        upstreams: addresses of vendors by their names, in place of those of the settings.

    Raises:
        ProviderError: it does not start; the message names its log.
    """
    log = make_folder(workspace.folder("logs")) / "serve.log"
    guard = [sys.executable, "-m", "fine_tuning.serving.parent_guard", str(os.getpid())]  # also where we are killed
    command = [*guard, sys.executable, "-m", "fine_tuning.cli", "serve", "--port", "0", "--slots", "0"]
    settings = {**workspace.environment(), "FINE_TUNING_UPSTREAMS": json.dumps(dict(upstreams))}
    with log.open("w+", encoding="utf-8") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            command,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while (found := _ADDRESS.search(log.read_text(encoding="utf-8"))) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ProviderError(f"the server did not start; {log} says why")
            time.sleep(0.05)
        yield found[1]
    finally:
        process.terminate()
        process.wait()
