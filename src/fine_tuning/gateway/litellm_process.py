"""Vendors with wires of their own, asked by a process that has LiteLLM's SDK; see `litellm_host`.

A process of its own, as the SDK takes seconds to import, computes in the event loop, and leaves tasks and threads
behind that nobody can end; and as its dependencies exclude newer releases of ours.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from http import HTTPStatus
from pathlib import Path

from fastapi.concurrency import run_in_threadpool
from multidict import CIMultiDict
from yarl import URL

from fine_tuning._util.files import make_folder
from fine_tuning.errors import MissingDependencyError, UsageError
from fine_tuning.gateway.forwarding import Forwarder, UpstreamRequest
from fine_tuning.gateway.replies import UpstreamReply
from fine_tuning.gateway.wire_errors import GatewayError
from fine_tuning.settings import Settings

_HOST = Path(__file__).with_name("litellm_host.py")
_OWN = "FINE_TUNING_"  # variables that are none of the SDK's business
_QUIET = {  # no list of prices is fetched, no .env is read
    "LITELLM_OFFLINE_MODE": "true",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "CRITICAL",
}
_WAITING = 1024  # connections until the process has started


class LiteLLMProcess:
    """Asks through a process that the first call starts, and the first call after its end starts again. One for a
    server's process, used in one event loop; call `close` at the end.
    """

    def __init__(self, settings: Settings) -> None:
        self._python = _python(settings)
        self._log = settings.folder("logs") / "litellm.log"
        self._starting = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._forwarder = Forwarder()

    async def open(self, vendor: str, headers: CIMultiDict[str], body: bytes) -> UpstreamReply:
        """Ask a vendor for a chat completion, and wait for the start of its response.

        Raises:
            GatewayError: there was none.
        """
        async with self._starting:
            if self._process is None or self._process.poll() is not None:
                await self.close()
                try:
                    self._forwarder = Forwarder(socket=await run_in_threadpool(self._start))
                except OSError as error:
                    reason = f"the process for LiteLLM cannot be started: {error.strerror}"
                    raise GatewayError(HTTPStatus.BAD_GATEWAY, reason, "upstream_unreachable") from None
        url = URL(f"http://litellm/{vendor}/v1/chat/completions")
        return await self._forwarder.open(UpstreamRequest("POST", url, headers, body))

    async def close(self) -> None:
        """End the process, with all calls that it has."""
        await self._forwarder.close()
        if self._process is not None:
            self._process.kill()
            await run_in_threadpool(self._process.wait)
            assert self._process.stdin is not None  # noqa: S101 - it is a pipe
            self._process.stdin.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _start(self) -> Path:
        """The address of a new process, to which calls may be sent from now on: it takes them when it has started."""
        # Nobody else's, and of a short name, as addresses have to be: the server's other folders may have long ones.
        self._folder = tempfile.TemporaryDirectory(prefix="ft-", dir="/tmp")
        path = Path(self._folder.name) / "litellm"
        variables = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
        make_folder(self._log.parent)
        with socket.socket(socket.AF_UNIX) as listener, self._log.open("ab") as log:
            listener.bind(str(path))
            listener.listen(_WAITING)
            self._process = subprocess.Popen(  # noqa: S603 - our own file, no shell
                [self._python, "-P", "-W", "ignore", str(_HOST), str(listener.fileno())],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[listener.fileno()],
                start_new_session=True,
                env=variables | _QUIET,
            )
        return path


def check_installed(settings: Settings) -> None:
    """Look for LiteLLM, which is not imported for it.

    Raises:
        UsageError: FINE_TUNING_LITELLM_PYTHON is no Python.
        MissingDependencyError: it has no LiteLLM.
    """
    program, python = "import importlib.util; print(bool(importlib.util.find_spec('litellm')))", _python(settings)
    try:
        done = subprocess.run([python, "-P", "-c", program], capture_output=True, check=False)  # noqa: S603 - the user's
    except OSError as error:
        raise UsageError(f"FINE_TUNING_LITELLM_PYTHON: {python} cannot be run: {error.strerror}") from None
    if done.stdout.strip() not in {b"True", b"False"}:
        raise UsageError(f"FINE_TUNING_LITELLM_PYTHON: {python} is no Python from 3.11 on")
    if done.stdout.strip() == b"False":
        raise MissingDependencyError("litellm", None, f"an upstream litellm://... (with {python})")


def _python(settings: Settings) -> str:
    return str(settings.litellm_python or sys.executable)
