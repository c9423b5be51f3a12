"""`ft-cli serve` with the embedded model, and clients that `make clients` installs beside the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.clients.gemini_upstream import gemini_upstream
from tests.clients.recorded_wire import RecordedWire, check_equal, recorded
from tests.conftest import PROJECT

CLIENTS = PROJECT / ".clients"
MODEL, LEARNER = "gpt-4o-mini", "gpt-4o-mini-2024-07-18"
TO_CHAT, TO_MESSAGES = "to-chat", "to-messages"  # routes


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory,
    warm_command: list[str],
    warm_trainer: str,
    tiny_model_dir: Path,
    real_model_dir: Path,
) -> Iterator[str]:
    """The address of a server whose MODEL is the embedded one; jobs train a tiny LEARNER, and wordllama embeds."""
    if not CLIENTS.exists():
        pytest.skip("`make clients` installs the clients")
    home = tmp_path_factory.mktemp("served")
    aliases = (f"{MODEL}={real_model_dir}", f"{LEARNER}={tiny_model_dir}", "text-embedding-3-small=wordllama")
    command = [*warm_command, "serve", "--port", "0", *(part for each in aliases for part in ("--alias", each))]
    with _serving(command, {"FINE_TUNING_HOME": str(home), "FINE_TUNING_TRAINER_COMMAND": warm_trainer}) as address:
        yield address


class Wires(NamedTuple):
    """What clients and the gateway have said to each other, and the gateway and its upstreams, by their names."""

    before: RecordedWire
    behind: Mapping[str, RecordedWire]

    @property
    def address(self) -> str:
        """Of the gateway, without `/v1`."""
        return self.before.address

    def check(self, upstream: str) -> None:
        """Compare both sides of the calls to an upstream."""
        assert check_equal(self.before, self.behind[upstream], upstream) > 0


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, warm_command: list[str], served: str) -> Iterator[Wires]:
    """A gateway before that server as a vendor and as the targets of two routes, and before Gemini's API."""
    home, vendor = tmp_path_factory.mktemp("gateway"), served.removesuffix("/v1")
    with gemini_upstream() as gemini, recorded(vendor) as vendors, recorded(gemini) as geminis:
        upstreams = {"vendor": vendors.address, "chat": f"chat+{vendor}", "messages": f"anthropic+{vendor}"}
        with (
            _gateway(home, {**upstreams, "gemini": geminis.address}, warm_command) as address,
            recorded(address) as before,
        ):
            yield Wires(before, {"vendor": vendors, "gemini": geminis})


@contextmanager
def _gateway(home: Path, upstreams: Mapping[str, str], warm_command: list[str]) -> Iterator[str]:
    settings = {"FINE_TUNING_HOME": str(home), "FINE_TUNING_UPSTREAMS": json.dumps(upstreams)}
    for route, upstream in ((TO_CHAT, "chat"), (TO_MESSAGES, "messages")):
        set_route = [*warm_command, "route", "set", route, f"{upstream}/{MODEL}"]
        subprocess.run(set_route, env=os.environ | settings, check=True)
    with _serving([*warm_command, "serve", "--port", "0", "--slots", "0"], settings) as address:
        yield address.removesuffix("/v1")


@contextmanager
def _serving(command: list[str], settings: dict[str, str]) -> Iterator[str]:
    """The address of a server, which must not write a traceback."""
    log = Path(settings["FINE_TUNING_HOME"]) / "log"
    with log.open("w") as file:
        process = subprocess.Popen(command, stderr=file, env=os.environ | settings)
    try:
        while (found := re.search(r"API at (http://[^ ,\n]+)", log.read_text())) is None:
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield found[1]
    finally:
        process.terminate()
        process.wait()
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture
def run_client(real_model_dir: Path, tmp_path: Path) -> Callable[..., None]:
    """Runs a program of a client's environment in an empty home folder; fails with all that it wrote if it fails."""

    def run(environment: str, scenario: Path, *arguments: str) -> None:
        folder, is_node = CLIENTS / environment, scenario.suffix == ".mjs"
        program = "node" if is_node else folder / "bin" / "python"
        if not (folder / "node_modules" if is_node else folder).exists():
            pytest.skip(f"`make clients` installs {environment}")
        command = shutil.copy(scenario, folder) if is_node else scenario  # Node looks for packages from there on
        settings = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TOKENIZER": str(real_model_dir)}
        done = subprocess.run(
            [program, command, *arguments], cwd=tmp_path, env=settings, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"

    return run
