"""Functions in a process of their own."""

from __future__ import annotations

import os

import pytest

from fine_tuning._util import checks
from fine_tuning._util.own_process import called_apart
from fine_tuning.errors import ProviderError, UsageError

MISSING = "a_library_that_nobody_imports"


def test_called_apart_runs_elsewhere_unless_the_library_is_here() -> None:
    assert called_apart(MISSING, os.getpid) != os.getpid()
    assert called_apart("os", os.getpid) == os.getpid()


def test_called_apart_returns_results_only() -> None:
    assert called_apart(MISSING, print, "what a library says", flush=True) is None


def test_called_apart_raises_our_errors() -> None:
    with pytest.raises(UsageError, match="max_tokens"):
        called_apart(MISSING, checks.count, "max_tokens", 0, 1)


def test_called_apart_process_that_ends_is_an_error() -> None:
    with pytest.raises(ProviderError, match=r"_exit of 9 ended with exit code 9"):
        called_apart(MISSING, os._exit, 9)
