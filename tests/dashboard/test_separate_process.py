"""Heavy work in a separate process."""

from __future__ import annotations

import os
import signal

import pytest

from fine_tuning.dashboard.separate_process import in_separate_process
from fine_tuning.errors import FineTuningError, MissingDependencyError


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def miss_something() -> None:
    raise MissingDependencyError("torch", "train", "comparing models")


def test_in_separate_process_killed_raises() -> None:
    assert in_separate_process(os.getpid) != os.getpid()
    with pytest.raises(FineTuningError, match="was killed; the machine may be out of memory"):
        in_separate_process(be_killed)
    with pytest.raises(MissingDependencyError, match="comparing models needs torch: pip install"):
        in_separate_process(miss_something)
