"""What must stay secret is written whole, for its owner's eyes."""

from __future__ import annotations

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fine_tuning.dashboard.sessions import cookie_secret
from fine_tuning.errors import ConfigurationError
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.maintenance import backup


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_cookie_secret_is_created_once_by_servers_that_start_together(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def start(_: int) -> str:
        together.wait()
        return cookie_secret(tmp_path / "home")

    with ThreadPoolExecutor(8) as pool:
        (secret,) = set(pool.map(start, range(8)))
    assert len(secret) > 32
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["dashboard.secret"]
    assert mode(tmp_path / "home" / "dashboard.secret") == 0o600
    assert cookie_secret(tmp_path / "home") == secret


@pytest.mark.parametrize("cut", ["", "\n", "short", " " * 50, "\x00" * 43])
def test_cookie_secret_that_was_cut_is_refused(tmp_path: Path, cut: str) -> None:
    (tmp_path / "dashboard.secret").write_text(cut)
    with pytest.raises(ConfigurationError, match="is damaged; delete it"):
        cookie_secret(tmp_path)


def test_backup_is_readable_by_its_owner_only(workspace: Path, tmp_path: Path) -> None:
    backup.write(open_workspace(), tmp_path / "backup.zip")
    assert mode(tmp_path / "backup.zip") == 0o600
