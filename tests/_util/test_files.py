"""Files: a path that no system can have is refused by name, whatever is done with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fine_tuning._util.files import atomic_write, is_file, make_folder, open_to_read
from fine_tuning.errors import UsageError


def write(path: Path) -> None:
    with atomic_write(path) as stream:
        stream.write("x")


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
@pytest.mark.parametrize("use", [open_to_read, is_file, make_folder, write])
def test_path_that_no_system_can_have_is_refused(tmp_path: Path, name: str, use: Callable[[Path], object]) -> None:
    with pytest.raises(UsageError, match="no path: "):
        use(tmp_path / name)
