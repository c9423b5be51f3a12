"""Paths to write to that are links, devices or pipes: what they lead to stays as it is."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from fine_tuning._util.files import atomic_write
from fine_tuning.errors import UsageError


def write(path: Path) -> None:
    with atomic_write(path) as out:
        out.write("new")


def test_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link"):
        with pytest.raises(UsageError, match="a device or a pipe"):
            write(tmp_path / name)
    assert stat.S_ISFIFO((tmp_path / "link").stat().st_mode)
    assert {each.name for each in tmp_path.iterdir()} == {"pipe", "link"}


def test_link_to_a_device_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/null")
    with pytest.raises(UsageError, match="a device or a pipe"):
        write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()


def test_file_behind_a_link_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    for name, target in (("link", "old"), ("lost", "nothing"), ("loop", "loop")):
        (tmp_path / name).symlink_to(tmp_path / target)
        write(tmp_path / name)
        assert (tmp_path / name).read_text() == "new"
    assert (tmp_path / "old").read_text() == "old"


def test_command_that_writes_to_a_device_is_one_line(cli: Any, workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "device").symlink_to("/dev/full")
    code, _, err = cli("cost-summary", "--html", str(tmp_path / "device"))
    assert (code, len(err.splitlines())) == (2, 1), err
    assert "is a device or a pipe" in err
