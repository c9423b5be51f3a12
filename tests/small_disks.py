"""Small file systems that are full, which no test leaves behind, however it ends."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# It ends with its input, which the system closes even where the test is killed.
_HOLDER = """
mount -t tmpfs -o "size=$2" none "$1" || exit 1
echo mounted
cat
umount --lazy "$1"
"""


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A folder that is a file system of a size (such as 200k) while the block runs; the test is skipped without one."""
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.which("mount") is None:
        pytest.skip("there is no mount here")
    command = ["sh", "-c", _HOLDER, "sh", str(folder), size]
    holder = subprocess.Popen(  # in a session of its own, or what ends the test's would end it before it unmounts
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    with holder:
        assert holder.stdout is not None
        if holder.stdout.readline() != b"mounted\n":
            pytest.skip("file systems can only be mounted by root on Linux")
        yield folder


def remount(folder: Path, option: str) -> None:
    """Change an option of a small disk, such as ro or size=500m."""
    subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True)


def fill(disk: Path, room: int = 0) -> Path:
    """Fill a disk but for `room` bytes with one file, whose path is returned: remove it to free the space."""
    ballast = disk / "ballast"
    free = shutil.disk_usage(disk).free - room
    ballast.write_bytes(b"\0" * max(0, free))
    return ballast
