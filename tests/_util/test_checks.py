"""Arguments that cannot be kept are refused by name; errors of disks and paths are explained."""

from __future__ import annotations

import errno
from collections.abc import Callable
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from fine_tuning._util import checks
from fine_tuning._util.files import atomic_write, disk_error_in, is_file, translated_os_errors
from fine_tuning.errors import StorageError, UsageError


@pytest.mark.parametrize(
    ("check", "value", "message"),
    [
        (checks.name, "", "it must be non-empty text, not ''"),
        (checks.name, None, "it must be non-empty text, not None"),
        (checks.name, "a\nb", "it must be one line of text"),
        (checks.name, "a\0", "it must be one line of text"),
        (checks.name, "a" * 201, "it has 201 characters; up to 200 are kept"),
        (checks.amount, -0.1, "it must be a number of 0 or more, not -0.1"),
        (checks.amount, inf, "it must be a number of 0 or more, not inf"),
        (checks.amount, True, "it must be a number of 0 or more, not True"),
        (checks.amount, "1", "it must be a number of 0 or more, not '1'"),
        (checks.amount, 1e200, "it is too large; the largest number that is kept is 1e"),
        (checks.count, 1.0, "it must be a whole number of 0 or more, not 1.0"),
        (checks.count, 2**31, "it is too large; the largest number that is kept is 2147483647"),
        (checks.tokens, 0.5, "it must be a whole number of 0 or more, not 0.5"),
        (checks.rate, 1.1, "it must be between 0 and 1, not 1.1"),
        (checks.mapping, [1], "it must be a mapping, not list"),
    ],
)
def test_checks_invalid_value_raises_with_argument_name(check: Callable[..., Any], value: object, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check("it", value)
    assert str(caught.value).startswith(message)


def test_checks_unknown_value_returns_none() -> None:
    assert [check("it", nan) for check in (checks.amount, checks.rate, checks.tokens)] == [None] * 3
    assert [check("it", None) for check in (checks.amount, checks.rate, checks.tokens)] == [None] * 3


def test_checks_valid_value_is_returned() -> None:
    assert checks.name("it", "a name") == "a name"
    assert (checks.amount("it", 0), checks.count("it", 2**31 - 1), checks.tokens("it", 10**15)) == (
        0,
        2**31 - 1,
        10**15,
    )
    assert checks.one_of("it", "b", "abc") == "b"
    with pytest.raises(UsageError, match="unknown it 'd'; use one of a, b, c"):
        checks.one_of("it", "d", "abc")


def test_is_file_inaccessible_path_raises(tmp_path: Path) -> None:
    assert not is_file(tmp_path / "none")
    assert not is_file(tmp_path)
    (tmp_path / "file").touch()
    assert is_file(tmp_path / "file")
    assert not is_file(tmp_path / "file" / "below")
    with pytest.raises(StorageError, match="the name is too long; choose a shorter one"):
        is_file(tmp_path / ("x" * 300))
    with pytest.raises(UsageError, match="no path"):
        is_file("a\0b")
    for path in ("a\0b", "a\ud800b"):
        with pytest.raises(UsageError, match="no path"), atomic_write(tmp_path / path):
            pass


def test_disk_error_in_library_error_finds_full_disk() -> None:
    told = RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")
    found = disk_error_in(told)
    assert found is not None
    assert found.errno == errno.ENOSPC
    assert disk_error_in(FileNotFoundError(errno.ENOENT, "x")) is None
    assert disk_error_in(ValueError("x")) is None
    with (
        pytest.raises(StorageError, match="cannot write model: the disk is full"),
        translated_os_errors("model", "write"),
    ):
        raise told
