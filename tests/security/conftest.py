"""The real server: in a process of its own, as for the tests of the dashboard, and here with a small model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fine_tuning.server.server_config import ServerConfig
from tests.dashboard.conftest import serving as serving
from tests.server.conftest import ALIAS, listening


@pytest.fixture
def address(workspace: Path, tiny_model_dir: Path) -> Iterator[str]:
    with listening(ServerConfig(aliases={ALIAS: str(tiny_model_dir)})) as found:
        yield found
