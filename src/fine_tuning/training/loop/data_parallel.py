"""One training on several workers of a Ray cluster, each of which takes its share of every step (Ray Train).

A worker that dies is replaced, or missed where the cluster has no room for another: all begin again at the newest
checkpoint, and since a step has the same rows however many share them, the training goes on as it would have. The
job's folder, the base model and the files have to be at the same place on every machine (a shared file system).
"""

from __future__ import annotations

import shutil
import threading
import time
import uuid
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

from fine_tuning._util import ray_cluster
from fine_tuning._util.files import make_folder
from fine_tuning.errors import FineTuningError, TrainingError
from fine_tuning.training.loop import memory_estimate
from fine_tuning.training.loop.sft_trainer import Requested, Wanted
from fine_tuning.training.loop.train import out_of_memory, train_once
from fine_tuning.training.loop.trainer_arguments import rows_at_once, with_fewer_rows
from fine_tuning.training.loop.training_config import TrainingConfig
from fine_tuning.training.loop.training_events import TrainingEvent, TrainingResult

MOST_FAILURES = 10  # of workers, in one go
ASK_SECONDS = 0.2
START_SECONDS = 90.0  # within which workers begin where there is room
OBJECT_STORE_BYTES = 128 * 2**20  # of a cluster of our own: what passes through it is small
LOOPBACK = "127.0.0.1"


def train(config: TrainingConfig, on_event: Callable[[TrainingEvent], None], requested: Requested) -> TrainingResult:
    """As `loop.train`, on `config.workers` workers, or as many of them as there is room for.

    They are on the cluster at `config.ray_address`, or on one that is started here for as long as the training lasts.

    Raises:
        MissingDependencyError, ConfigurationError: Ray is not installed, or no cluster answers.
        TrainingError: as for `loop.train`, or workers died again and again.
    """
    ray = _connected(config.ray_address, config.workers)
    try:
        link = _on_this_machine(Link).remote(config)
        fitting = _Fitting(_trainer(config, link))
        fitting.start()
        patience = time.monotonic() + START_SECONDS
        while fitting.is_alive():
            fitting.join(ASK_SECONDS)
            for event in ray.get(link.exchange.remote(requested())):
                on_event(event)
                patience = inf
            if time.monotonic() > patience:
                on_event(TrainingEvent("message", "no worker has begun yet; the cluster may have no room for one"))
                patience = inf
        outcome = ray.get(link.outcome.remote())
        if outcome is None:
            raise TrainingError(f"the workers did not get to the end: {fitting.error}")
        if isinstance(outcome, FineTuningError):
            raise outcome
        found: TrainingResult = outcome
        return found
    finally:
        ray.shutdown()


def _connected(address: str | None, workers: int) -> Any:
    if address is not None:
        return ray_cluster.connect(address)
    ray = ray_cluster.installed()
    ray.init(
        address="local",
        num_cpus=workers,
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        _node_ip_address=LOOPBACK,
    )
    return ray


def _on_this_machine(kind: type) -> Any:
    """An actor that goes only when we go."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0, scheduling_strategy=here)(kind)


def _trainer(config: TrainingConfig, link: Any) -> Any:
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
            failure_config=FailureConfig(max_failures=MOST_FAILURES),
        ),
    )


def _cores(workers: int) -> int:
    """The most cores that each of so many workers can have to itself on the machines of the cluster."""
    import ray

    machines = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    fitting = (size for size in range(max(machines, default=1), 1, -1) if sum(n // size for n in machines) >= workers)
    return next(fitting, 1)


class _Fitting(threading.Thread):
    """Ray's blocking call, beside which the caller stays able to listen."""

    def __init__(self, trainer: Any) -> None:
        super().__init__(daemon=True)
        self._trainer = trainer
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            folder = Path(self._trainer.fit().path)
        except Exception as error:  # noqa: BLE001 - told by the thread that waits
            self.error = error
        else:
            shutil.rmtree(folder, ignore_errors=True)  # Ray's own notes of the run


class Link:
    """Between the workers and the job's process: what happened goes one way, what is wanted the other."""

    def __init__(self, config: TrainingConfig) -> None:
        self._config = config
        self._events: list[TrainingEvent] = []
        self._wanted: Wanted = "run"
        self._outcome: TrainingResult | FineTuningError | None = None

    def config(self) -> TrainingConfig | None:
        """What to train; None once there is nothing left to do."""
        return self._config if self._outcome is None else None

    def tell(self, event: TrainingEvent) -> None:
        """Something happened."""
        self._events.append(event)

    def wanted(self) -> Wanted:
        """What the user wants."""
        return self._wanted

    def exchange(self, wanted: Wanted) -> list[TrainingEvent]:
        """Say what the user wants; gives what happened since the last call."""
        self._wanted = wanted
        events, self._events = self._events, []
        return events

    def end(self, outcome: TrainingResult | FineTuningError) -> None:
        """The training is over; the first word counts."""
        self._outcome = self._outcome or outcome

    def ran_out_of_memory(self, rows: int) -> None:
        """With so many rows at once on a worker; the next try is with fewer."""
        if rows > (self._config.micro_batch_size or rows):
            return  # said by another worker before
        try:
            self._config = with_fewer_rows(self._config, rows)
            self.tell(out_of_memory(rows, self._config))
        except TrainingError as error:
            self.end(error)

    def outcome(self) -> TrainingResult | FineTuningError | None:
        """How it ended; None while it has not."""
        return self._outcome


def _work(settings: dict[str, Any]) -> None:
    """What each worker does."""
    import ray
    from ray.train import get_context

    link = settings["link"]
    config: TrainingConfig | None = ray.get(link.config.remote())
    if config is None:
        return
    is_first = get_context().get_world_rank() == 0

    def on_event(event: TrainingEvent) -> None:
        if is_first:
            link.tell.remote(event)

    try:
        result = train_once(config, on_event, lambda: _agreed(ray.get(link.wanted.remote()) if is_first else "run"))
    except FineTuningError as error:
        ray.get(link.end.remote(error))
        raise
    except (RuntimeError, MemoryError) as error:
        if memory_estimate.ran_out(error):
            ray.get(link.ran_out_of_memory.remote(rows_at_once(config)))
        raise
    if is_first:
        ray.get(link.end.remote(result))


def _agreed(wanted: Wanted) -> Wanted:
    """The first worker's word, on all of them: whoever stops alone leaves the others waiting."""
    from torch import distributed

    word = [wanted]
    distributed.broadcast_object_list(word, src=0)
    return word[0]
