"""A folder that is being written has one writer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fine_tuning._util.files import atomic_folder
from fine_tuning.errors import ConflictError

OTHER = """
import sys
from pathlib import Path
from fine_tuning.errors import ConflictError
from fine_tuning._util.files import atomic_folder
try:
    with atomic_folder(Path(sys.argv[1])) as folder:
        (folder / "b").write_text("other")
except ConflictError as error:
    sys.exit(str(error))
"""


def other(folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", OTHER, folder], capture_output=True, text=True, check=False)
    return done.stderr.strip()


def test_atomic_folder_second_writer_raises_conflict(tmp_path: Path) -> None:
    target = tmp_path / "made"
    with atomic_folder(target) as folder:
        (folder / "a").write_text("first")
        assert other(target).startswith(f"{target} is being written at this moment by another call")
        with pytest.raises(ConflictError, match="at this moment"), atomic_folder(target):
            pass
    assert [path.name for path in target.iterdir()] == ["a"]
    assert other(target) == ""
    assert [path.name for path in target.iterdir()] == ["b"]
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_atomic_folder_discards_leftover_files(tmp_path: Path) -> None:
    left = tmp_path / ".made.partial" / "sub"
    left.mkdir(parents=True)
    (left / "old").write_text("x")
    (tmp_path / ".made.partial" / "link").symlink_to(tmp_path)
    with atomic_folder(tmp_path / "made") as folder:
        assert list(folder.iterdir()) == []
    assert list((tmp_path / "made").iterdir()) == []
