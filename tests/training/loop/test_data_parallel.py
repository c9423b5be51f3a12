"""One training on several workers: the same losses as on one, whatever happens to the workers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("ray", reason="the extra `distributed` is not installed")
from fine_tuning import LocalFineTuner
from fine_tuning.errors import ConfigurationError, DataError, TrainingError
from fine_tuning.store import job_events
from fine_tuning.store.workspace import open_workspace
from fine_tuning.training.loop import data_parallel
from fine_tuning.training.loop.data_parallel import Link
from fine_tuning.training.loop.train import train
from fine_tuning.training.loop.training_config import TrainingConfig
from fine_tuning.training.loop.training_events import TrainingEvent, TrainingResult
from tests.training.conftest import Run, losses

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # Ray's own
    pytest.mark.xdist_group("ray"),  # those without the cluster, too: a process has one Ray
]
SETTINGS = {"precision": "fp32", "n_epochs": 8, "checkpoint_steps": 4}


@pytest.fixture(scope="module", autouse=True)
def unwatched() -> Iterator[None]:
    """Spares each training Ray's process that waits for a cloud to take machines away: there is no cloud here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
        yield


@pytest.fixture(scope="module")
def cluster(cluster: Any) -> Iterator[Any]:
    """The cluster of all tests, which ends with this module: its processes take time as long as they are there.

    The last test that has it may lose a machine.
    """
    yield cluster
    cluster.shutdown()


def spread(
    like: TrainingConfig,
    address: str,
    on_event: Callable[[TrainingEvent], None] = lambda _: None,
    wanted: str = "run",
    count: int = 2,
) -> tuple[TrainingResult, list[TrainingEvent]]:
    events: list[TrainingEvent] = []
    while any("RayTrainWorker" in (each.info["name"] or "") for each in psutil.process_iter(["name"])):
        time.sleep(0.1)  # those of the training before have the machines' cores until they are gone

    def note(event: TrainingEvent) -> None:
        events.append(event)
        on_event(event)

    config = like.model_copy(update={"workers": count, "ray_address": address})
    return data_parallel.train(config, note, lambda: wanted), events  # type: ignore[arg-type,return-value]


def by_step(events: list[TrainingEvent]) -> dict[int, float]:
    """The last word on each step: what a worker that died did after its checkpoint was done again."""
    return {event.data["step"]: event.data["train_loss"] for event in events if "train_loss" in event.data}


def config_of(folder: Path) -> TrainingConfig:
    return TrainingConfig(**json.loads((folder / "metrics.json").read_text())["config"])


def workers(cluster: Any) -> list[psutil.Process]:
    """The processes that train on a cluster."""
    raylets = [
        psutil.Process(each.process.pid) for node in cluster.list_all_nodes() for each in node.all_processes["raylet"]
    ]
    return [each for raylet in raylets for each in raylet.children(recursive=True) if "RayTrainWorker" in each.name()]


def test_data_parallel_full_tuning_shards_the_weights(run: Run, cluster: Any, tmp_path: Path) -> None:
    held_out = str(tmp_path / "chats.jsonl")
    settings = {**SETTINGS, "tuning": "full", "n_epochs": 2, "validation_file": held_out}
    alone, events = run("alone", **settings)
    _, first = run("b", stop={1: "pause"}, **settings)  # one machine begins, two go on
    config = config_of(tmp_path / "alone").model_copy(update={"output_dir": str(tmp_path / "b")})
    paused, second = spread(config, cluster.address, wanted="pause")
    result, third = run("b", **settings)  # one machine goes on from what two have left
    assert (paused.status, paused.steps, paused.merged_dir) == ("paused", 2, None)
    assert trained_bytes(second) == pytest.approx(trained_bytes(events) / 2, rel=0.01)
    assert losses(first) + losses(second) + losses(third) == pytest.approx(losses(events), abs=1e-3)
    assert result.validation_loss == pytest.approx(alone.validation_loss, abs=1e-3)
    assert_alike(alone.merged_dir, result.merged_dir)


def trained_bytes(events: list[TrainingEvent]) -> int:
    """Of weights, gradients and moments on one machine, as said at the start."""
    (found,) = [event.data["needed"]["trained"] for event in events if "needed" in event.data]
    return int(found)


def assert_alike(first: Path | None, second: Path | None) -> None:
    """Two models have the same weights, but for what rounding to 16 bits does to sums in another order."""
    assert first is not None
    assert second is not None
    a, b = (load_file(each / "model.safetensors") for each in (first, second))
    assert a.keys() == b.keys()
    assert all(torch.allclose(a[name].float(), b[name].float(), rtol=2**-6, atol=1e-3) for name in a)


def test_data_parallel_killed_and_lost_workers_give_the_losses_of_one(
    run: Run, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "25")  # on the lost machine, before Ray knows of it
    held_out = str(tmp_path / "chats.jsonl")
    settings = {**SETTINGS, "tuning": "full", "keep_best": True}
    settings["n_epochs"] = 16  # on an idle machine eight are over before the second harm is done
    alone, events = run("alone", batch_size=5, validation_file=held_out, **settings)  # 16 rows: 5, 5, 5 and 1
    harmed: dict[str, int] = {}

    def harm(event: TrainingEvent) -> None:
        if event.kind != "checkpoint":
            return
        step = event.data["step"]
        if not harmed:
            harmed["killed"] = step
            workers(cluster)[0].kill()
        elif "lost" not in harmed and step >= harmed["killed"] + 8:
            harmed["lost"] = step
            cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)

    folder = tmp_path / "spread"
    config = config_of(tmp_path / "alone").model_copy(update={"output_dir": str(folder)})
    result, told = spread(config, cluster.address, harm)
    assert (result.status, result.steps) == ("succeeded", alone.steps) == ("succeeded", 64)
    assert result.trained_tokens == alone.trained_tokens
    assert result.validation_loss == pytest.approx(alone.validation_loss, abs=1e-3)
    assert by_step(told) == pytest.approx(by_step(events), abs=1e-3)
    starts = [event.data for event in told if event.kind == "start"]
    assert [each["workers"] for each in starts] == [2, 2, 1]
    begun = [each["step"] for each in starts]
    assert begun[0] == 0
    assert begun[1] >= harmed["killed"]
    assert begun[2] >= harmed["lost"]
    assert_alike(alone.merged_dir, result.merged_dir)
    (kept,) = (folder / "epochs").glob("step-64")
    assert_alike(alone.merged_dir, kept)
    assert not list(folder.glob("ray-*"))
    assert not workers(cluster)


def test_job_with_two_local_workers_succeeds(
    run: Run, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_TRAINING_WORKERS", "2")  # as for the jobs of a server
    run("alone", max_steps=1)
    tuner = LocalFineTuner()
    file = tuner.upload_training_file(tmp_path / "chats.jsonl")
    job = tuner.create_fine_tuning_job(str(tiny_model_dir), file, n_epochs=1)
    ended = tuner.wait_for_job(job["job_id"], progress_bar=False)
    assert ended["status"] == "succeeded", ended["error"]
    messages = [event["message"] for event in tuner.list_events(job["job_id"], 100)]
    assert any("GB of memory are needed" in message for message in messages)
    assert "training on 2 workers" in messages
    folder = open_workspace().folder("artifacts") / job["job_id"]
    config = config_of(folder).model_copy(update={"workers": 1, "output_dir": str(tmp_path / "one")})
    events: list[TrainingEvent] = []
    train(config, events.append, lambda: "run")
    with open_workspace().database.read() as tx:
        found = [each["train_loss"] for each in job_events.metrics(tx, job["job_id"])]
    assert found == pytest.approx(losses(events), abs=2e-2)  # the machine may train in bf16


def test_data_parallel_without_cluster_raises(run: Run, tmp_path: Path) -> None:
    run("alone", max_steps=1)
    config = config_of(tmp_path / "alone").model_copy(update={"output_dir": str(tmp_path / "b")})
    with pytest.raises(ConfigurationError, match="no Ray cluster at 127.0.0.1:1"):
        spread(config, "127.0.0.1:1")


def test_data_parallel_out_of_memory_retries_with_fewer_rows() -> None:
    config = TrainingConfig(base_model_path="-", train_file="-", output_dir="-", batch_size=4)
    link = Link(config)
    link.ran_out_of_memory(4)
    link.ran_out_of_memory(4)  # another worker's word about the same
    found = link.config()
    assert found is not None
    assert found.micro_batch_size == 2
    (told,) = link.exchange("run")
    assert told.message == "out of memory with 4 rows at once; continuing with 2 at once"
    link.ran_out_of_memory(2)
    link.ran_out_of_memory(1)
    assert link.config() is None
    assert isinstance(link.outcome(), TrainingError)


def test_data_parallel_error_of_a_worker_is_the_outcome_and_nothing_is_tried_again() -> None:
    config = TrainingConfig(base_model_path="-", train_file="-", output_dir="-")
    link = Link(config)
    assert link.config() == config
    error = DataError("no row that fits into 8 tokens")
    link.end(error)
    link.end(TrainingError("another worker's word about the same"))
    assert link.outcome() is error
    assert link.config() is None  # so that workers which Ray starts again train nothing
