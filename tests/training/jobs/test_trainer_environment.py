"""Threads of a training sleep while they wait, unless the user has chosen otherwise; what it compiles is kept."""

from __future__ import annotations

import pytest

from fine_tuning.store.workspace import open_workspace
from fine_tuning.training.jobs.spawn_worker import Reserved, spawn

SHOW = """sh -c 'echo "policy=$OMP_WAIT_POLICY turns=$GOMP_SPINCOUNT"; echo "$TORCHINDUCTOR_CACHE_DIR" >&2'"""


def said(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "TORCHINDUCTOR_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**environment, "FINE_TUNING_TRAINER_COMMAND": SHOW}.items():
        monkeypatch.setenv(name, value)
    workspace = open_workspace()
    spawn(workspace, Reserved("job", "worker", None)).wait(60)
    shown, compiled = (workspace.folder("logs") / "job.log").read_text().splitlines()
    assert compiled == str(workspace.folder("compiled"))  # kept for later jobs
    return shown


def test_threads_of_a_trainer_soon_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch) == "policy= turns=1000"


@pytest.mark.parametrize(
    ("name", "shown"), [("OMP_WAIT_POLICY", "policy=x turns="), ("GOMP_SPINCOUNT", "policy= turns=x")]
)
def test_what_the_user_has_chosen_is_kept(monkeypatch: pytest.MonkeyPatch, name: str, shown: str) -> None:
    assert said(monkeypatch, **{name: "x"}) == shown
