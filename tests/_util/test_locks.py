"""A folder that is being written has one writer."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fine_tuning._util import renames
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


def test_folder_that_is_replaced_is_always_there(tmp_path: Path) -> None:
    target = tmp_path / "made"
    with atomic_folder(target) as folder:
        (folder / "a").write_text("0")
    is_over, seen = threading.Event(), set[str]()

    def look() -> None:
        while not is_over.is_set():
            seen.add((target / "a").read_text())

    thread = threading.Thread(target=look)
    thread.start()
    for number in range(30):
        with atomic_folder(target) as folder:
            (folder / "a").write_text(str(number))
    is_over.set()
    thread.join()
    assert seen <= {str(number) for number in range(30)}
    assert len(seen) > 0
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_link_to_a_folder_that_is_replaced_keeps_its_target(tmp_path: Path) -> None:
    real, target = tmp_path / "real", tmp_path / "made"
    real.mkdir()
    (real / "old").write_text("kept")
    target.symlink_to(real)
    with atomic_folder(target) as folder:
        (folder / "a").write_text("new")
    assert ([path.name for path in target.iterdir()], (real / "old").read_text()) == (["a"], "kept")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "real"]


@pytest.mark.parametrize("is_able", [True, False])
def test_exchange_of_paths_gives_each_the_other(tmp_path: Path, is_able: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_able:  # as on a file system that cannot
        monkeypatch.setattr(renames, "_exchanged", lambda *_: False)
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "named").write_text(name)
    renames.exchange(tmp_path / "one", tmp_path / "other")
    assert [(tmp_path / name / "named").read_text() for name in ("one", "other")] == ["other", "one"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other"]
