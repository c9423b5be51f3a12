"""Why a job failed or paused, as clients of the server and as its owner read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from fine_tuning.errors import (
    ConfigurationError,
    DataError,
    FineTuningError,
    MissingDependencyError,
    NotFoundError,
    TrainingError,
)
from fine_tuning.training.jobs import job_errors


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DataError("/home/me/files/file-1: line 3: no messages"), "invalid_data"),
        (NotFoundError("no file /home/me/files/file-1"), "not_found"),
        (ConfigurationError("FINE_TUNING_X is no number"), "invalid_configuration"),
        (MissingDependencyError("peft", "train", "training"), "missing_dependency"),
        (TrainingError("the loss diverged; see /home/me/artifacts"), "training_failed"),
    ],
)
def test_error_of_training_has_a_code_and_no_path(error: FineTuningError, code: str) -> None:
    names = {"/home/me": "the workspace", "/home/me/files/file-1": "file-1", "": "unknown"}
    found = job_errors.of_training(error, names)
    assert found["code"] == code
    assert "/home" not in found["message"]
    shown = job_errors.in_detail(found)
    assert shown is not None
    assert str(error) in shown["message"]


def test_base_model_whose_folder_is_gone_is_named_as_it_was_given(tmp_path: Path) -> None:
    gone = tmp_path / "base"
    job = cast("Any", {"model": "./base", "base_model": str(gone)})
    found = job_errors.of_base_model(job, NotFoundError(f"no base model {gone}"))
    assert found["code"] == "model_not_found"
    assert found["message"].startswith("the base model ./base cannot be loaded")
    assert str(tmp_path) not in found["message"]
    assert f"looked for at {gone}" in str(job_errors.in_detail(found))


def test_bug_of_the_trainer_names_its_log_to_the_owner_alone(tmp_path: Path) -> None:
    found = job_errors.internal(KeyError("x"), tmp_path / "log")
    assert found["code"] == "internal_error"
    assert not {"KeyError", str(tmp_path)} & {*found["message"].split()}
    assert str(tmp_path / "log") in str(job_errors.in_detail(found))
