"""vLLM as a separate process: it holds one base model, and loads the adapters of fine-tuned models while it runs.

Options and endpoints are those of https://docs.vllm.ai/en/latest/features/lora/ (checked with vLLM 0.32). vLLM batches
requests for different adapters together, on GPUs and, slower, on CPUs.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from fine_tuning._util.files import explain_os_error, make_folder
from fine_tuning._util.hosts import Host
from fine_tuning.errors import ConfigurationError, FineTuningError, ProviderError
from fine_tuning.serving.openai_engine import OpenAIEngine
from fine_tuning.settings import Settings

LOOPBACK = "127.0.0.1"
BASE = "base"  # vLLM's name of the model without an adapter
MAX_RANK = 64
MAX_ADAPTERS_PER_BATCH = 8  # each takes GPU memory for its rank
MAX_ADAPTERS_IN_MEMORY = 64  # the least recently used is read from its file again
START_TIMEOUT_SECONDS = 900.0
ANSWER_TIMEOUT_SECONDS = 3600.0
POLL_SECONDS = 0.2
_GPUS = ("/dev/nvidiactl", "/dev/kfd")


def is_enabled(settings: Settings) -> bool:
    """Whether vLLM answers for local models: by the setting `engine`, else where it is installed and there is a GPU.

    Raises:
        ConfigurationError: the setting names it, and it is not installed.
    """
    found = shutil.which(settings.vllm_command) is not None
    if settings.engine == "vllm" and not found:
        raise ConfigurationError(
            f"FINE_TUNING_ENGINE is vllm, but there is no program {settings.vllm_command!r}; install vllm, or set "
            "FINE_TUNING_VLLM_COMMAND to its path"
        )
    return found and (settings.engine == "vllm" or (settings.engine == "auto" and _has_gpu()))


def _has_gpu() -> bool:
    return any(Path(device).exists() for device in _GPUS)


class VllmServer:
    """One base model in a vLLM process; started at the first use, and again if it died.

    Args:
        folder: the base model in Hugging Face's layout.
        settings: name vLLM's command, its options and the folder of logs.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder, self._settings = folder, settings
        self._key = secrets.token_hex(32)  # vLLM listens on a loopback port, which other users must not use
        self._process: subprocess.Popen[bytes] | None = None
        self._host = Host("", self._key)  # its port is known once it is started
        self._engines: dict[Path | None, OpenAIEngine] = {}
        self._lock = threading.Lock()

    @contextmanager
    def use(self, adapter: Path | None, name: str) -> Iterator[OpenAIEngine]:
        """The base with the adapter in a folder applied, or alone; `name` is for messages.

        Raises:
            ProviderError: vLLM does not start, or cannot load the adapter.
        """
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            if adapter not in self._engines:
                self._engines[adapter] = self._load(adapter, name)
            engine = self._engines[adapter]
        yield engine

    def _start(self) -> None:
        self._close_engines()
        port = _free_port()
        self._host = Host(f"http://{LOOPBACK}:{port}/v1", self._key)
        settings = self._settings
        command = [sys.executable, "-m", "fine_tuning.serving.parent_guard", str(os.getpid())]
        command += [settings.vllm_command, *serve_options(self._folder, port), *shlex.split(settings.vllm_options)]
        environment = {**os.environ, "VLLM_API_KEY": self._key, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}
        log = make_folder(settings.folder("logs")) / f"vllm-{self._folder.name}.log"
        try:
            with log.open("ab") as stream:
                self._process = subprocess.Popen(  # noqa: S603 - the operator's own program, no shell
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=stream,
                    start_new_session=True,
                )
        except OSError as error:
            raise explain_os_error(error, log, "start vLLM with its log") from error
        self._wait(self._process, port, log)

    def _wait(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not _is_healthy(port):
            if (status := process.poll()) is not None:
                raise ProviderError(f"vLLM ended with status {status} before it could answer; see {log}")
            if time.monotonic() > deadline:
                self.close()
                raise ProviderError(f"vLLM was not ready after {START_TIMEOUT_SECONDS:.0f} s; see {log}")
            time.sleep(POLL_SECONDS)

    def _load(self, adapter: Path | None, name: str) -> OpenAIEngine:
        known_as = BASE if adapter is None else f"adapter-{hashlib.sha256(str(adapter).encode()).hexdigest()[:16]}"
        if adapter is not None:
            request = {"lora_name": known_as, "lora_path": str(adapter)}
            try:
                with (
                    self._host.client(max_retries=0, timeout=START_TIMEOUT_SECONDS) as client,
                    self._host.translated_errors(f"the adapter of {name}"),
                ):
                    client.post("/load_lora_adapter", cast_to=str, body=request)
            except FineTuningError as error:
                raise ProviderError(f"vLLM cannot load {name}: {error}; see FINE_TUNING_VLLM_OPTIONS") from error
        return OpenAIEngine(self._host, known_as, timeout=ANSWER_TIMEOUT_SECONDS, max_retries=0)

    def size(self) -> int:
        """Bytes of the loaded files."""
        folders = [self._folder, *(adapter for adapter in list(self._engines) if adapter is not None)]
        return sum(file.stat().st_size for folder in folders for file in folder.glob("*.safetensors"))

    def close(self) -> None:
        """Terminate the process; running requests fail."""
        self._close_engines()
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait()

    def _close_engines(self) -> None:
        for engine in self._engines.values():
            engine.close()
        self._engines.clear()


def serve_options(folder: Path, port: int) -> list[str]:
    """The command line after `vllm`, as https://docs.vllm.ai/en/latest/cli/serve/ documents it."""
    adapters = ["--enable-lora", "--max-lora-rank", MAX_RANK]
    adapters += ["--max-loras", MAX_ADAPTERS_PER_BATCH, "--max-cpu-loras", MAX_ADAPTERS_IN_MEMORY]
    listening = ["--host", LOOPBACK, "--port", port, "--served-model-name", BASE]
    # vLLM's own sampling defaults are OpenAI's; the model's file may have others.
    return ["serve", str(folder), *map(str, [*listening, *adapters]), "--generation-config", "vllm"]


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as listener:
        return int(listener.getsockname()[1])


def _is_healthy(port: int) -> bool:
    connection = HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
