"""Data-parallel training on workers of a Ray cluster, each of which computes a share of every step (Ray Train).

A worker that dies is replaced, or left out if the cluster has no resources for another: all resume from the newest
checkpoint. A step has the same rows however many workers share them, so that the result is the same. The job's folder,
the base model and the files must have the same path on every machine (a shared file system).
"""

from __future__ import annotations

import shutil
import threading
import time
import uuid
from collections.abc import Callable
from math import inf
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from fine_tuning._util import ray_cluster
from fine_tuning._util.files import make_folder
from fine_tuning.errors import FineTuningError, TrainingError
from fine_tuning.store.records.jobs import JobRequest
from fine_tuning.training.loop.library_types import Actor
from fine_tuning.training.loop.micro_batch import out_of_memory, with_fewer_rows
from fine_tuning.training.loop.training_config import TrainingConfig
from fine_tuning.training.loop.training_events import GetRequest, TrainingEvent, TrainingResult

if TYPE_CHECKING:
    from ray.actor import ActorClass
    from ray.train.torch import TorchTrainer

MAX_FAILURES = 10  # of workers, in one go
POLL_SECONDS = 0.2
START_SECONDS = 90.0  # within which workers begin where there is room
OBJECT_STORE_BYTES = 128 * 2**20  # of a cluster of our own: what passes through it is small
LOOPBACK = "127.0.0.1"


def train(config: TrainingConfig, on_event: Callable[[TrainingEvent], None], get_request: GetRequest) -> TrainingResult:
    """As `loop.train`, on `config.workers` workers, or as many of them as the cluster has resources for.

    They are on the cluster at `config.ray_address`, or on a local one that lasts as long as the training.

    Raises:
        MissingDependencyError, ConfigurationError: Ray is not installed, or no cluster answers.
        TrainingError: as for `loop.train`, or workers died repeatedly.
    """
    ray = _connected(config.ray_address, config.workers)
    try:
        link = _on_this_machine(Link).remote(config)
        fitting = _Fitting(_trainer(config, link))
        fitting.start()
        patience = time.monotonic() + START_SECONDS
        while fitting.is_alive():
            fitting.join(POLL_SECONDS)
            for event in ray.get(link.exchange.remote(get_request())):
                on_event(event)
                patience = inf
            if time.monotonic() > patience:
                on_event(TrainingEvent("message", "no worker has started yet; the cluster may lack free resources"))
                patience = inf
        outcome = ray.get(link.outcome.remote())
        if outcome is None:
            raise TrainingError(f"the workers did not finish: {fitting.error}")
        if isinstance(outcome, FineTuningError):
            raise outcome
        found: TrainingResult = outcome
        return found
    finally:
        ray.shutdown()


def _connected(address: str | None, workers: int) -> ModuleType:
    if address is not None:
        connected: ModuleType = ray_cluster.connect(address)
        return connected
    return ray_cluster.start(
        num_cpus=workers,
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        _node_ip_address=LOOPBACK,
    )


def _on_this_machine(kind: type) -> ActorClass:
    """An actor that runs on this machine, as long as this process."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor: ActorClass = ray.remote(num_cpus=0, scheduling_strategy=here)(kind)
    return actor


def _trainer(config: TrainingConfig, link: Actor) -> TorchTrainer:
    import torch
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    use_gpu = torch.cuda.is_available()
    return TorchTrainer(
        _work,
        train_loop_config={"link": link},
        scaling_config=ScalingConfig(
            num_workers=(1, config.workers),
            use_gpu=use_gpu,
            resources_per_worker={"CPU": _cores(config.workers), **({"GPU": 1} if use_gpu else {})},
        ),
        run_config=RunConfig(
            name=f"ray-{uuid.uuid4().hex[:8]}",
            storage_path=str(make_folder(Path(config.output_dir).absolute())),
            failure_config=FailureConfig(max_failures=MAX_FAILURES),
        ),
    )


def _cores(workers: int) -> int:
    """The maximum number of cores per worker on the machines of the cluster."""
    import ray

    machines = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    fitting = (size for size in range(max(machines, default=1), 1, -1) if sum(n // size for n in machines) >= workers)
    return next(fitting, 1)


class _Fitting(threading.Thread):
    """Ray's blocking call, in a thread, so that the caller can poll events."""

    def __init__(self, trainer: TorchTrainer) -> None:
        super().__init__(daemon=True)
        self._trainer = trainer
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            folder = Path(self._trainer.fit().path)
        except Exception as error:  # noqa: BLE001 - raised by the waiting thread
            self.error = error
        else:
            shutil.rmtree(folder, ignore_errors=True)  # Ray's own records of the run


class Link:
    """Connects the workers and the job's process: events in one direction, requests in the other."""

    def __init__(self, config: TrainingConfig) -> None:
        self._config = config
        self._events: list[TrainingEvent] = []
        self._request: JobRequest = "run"
        self._outcome: TrainingResult | FineTuningError | None = None

    def config(self) -> TrainingConfig | None:
        """The settings of the training; None once it has ended."""
        return self._config if self._outcome is None else None

    def add_event(self, event: TrainingEvent) -> None:
        """Add an event of the training."""
        self._events.append(event)

    def request(self) -> JobRequest:
        """The user's request."""
        return self._request

    def exchange(self, request: JobRequest) -> list[TrainingEvent]:
        """Set the user's request; returns the events since the last call."""
        self._request = request
        events, self._events = self._events, []
        return events

    def end(self, outcome: TrainingResult | FineTuningError) -> None:
        """End the training; only the first call counts."""
        self._outcome = self._outcome or outcome

    def ran_out_of_memory(self, rows: int) -> None:
        """Reduce the rows at once for the next attempt, after a worker ran out of memory with `rows`."""
        if rows > (self._config.micro_batch_size or rows):
            return  # reported by another worker before
        try:
            self._config = with_fewer_rows(self._config, rows)
            self.add_event(out_of_memory(rows, self._config))
        except TrainingError as error:
            self.end(error)

    def outcome(self) -> TrainingResult | FineTuningError | None:
        """The result or the error; None until the training has ended."""
        return self._outcome


def _work(settings: dict[str, Actor]) -> None:
    """Train, on each worker."""
    import ray
    from ray.train import get_context

    link = settings["link"]
    config: TrainingConfig | None = ray.get(link.config.remote())
    if config is None:
        return  # before the libraries are imported: Ray starts the workers again after any error
    from fine_tuning.training.loop import memory_estimate  # here: Ray's own processes have no use for the libraries
    from fine_tuning.training.loop.train import train_once
    from fine_tuning.training.loop.trainer_arguments import rows_at_once

    is_first = get_context().get_world_rank() == 0

    def on_event(event: TrainingEvent) -> None:
        if is_first:
            link.add_event.remote(event)

    try:
        result = train_once(config, on_event, lambda: _agreed(ray.get(link.request.remote()) if is_first else "run"))
    except FineTuningError as error:
        ray.get(link.end.remote(error))
        raise
    except (RuntimeError, MemoryError) as error:
        if memory_estimate.ran_out(error):
            ray.get(link.ran_out_of_memory.remote(rows_at_once(config)))
        raise
    if is_first:
        ray.get(link.end.remote(result))


def _agreed(request: JobRequest) -> JobRequest:
    """The first worker's request, on all workers: one that stopped alone would leave the others waiting."""
    from torch import distributed

    agreed = [request]
    distributed.broadcast_object_list(agreed, src=0)
    return agreed[0]
