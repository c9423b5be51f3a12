"""Keep the weights with the lowest validation loss, and stop a training that no longer improves."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from fine_tuning._util.files import atomic_folder, read_json, write_json
from fine_tuning.training.loop.library_types import Network
from fine_tuning.training.loop.training_events import TrainingEvent

FACTS = "best.json"


class BestWeights(TrainerCallback):  # type: ignore[misc]
    """A callback that keeps the best weights, and stops training early.

    Its state is a file beside the weights, which a resumed run reads; validations after the checkpoint that the run
    resumes from are dropped, since they are repeated.

    Args:
        folder: holds the best weights so far and `best.json`: step, and the losses of all validations.
        patience: validations in a row without a lower loss after which training ends; None for never.
        network: returns the current network in one piece (on the first worker, but all must call it).
        save: writes a network into a folder.
    """

    def __init__(
        self,
        folder: Path,
        patience: int | None,
        network: Callable[[], Network | None],
        save: Callable[[Network, Path], None],
        on_event: Callable[[TrainingEvent], None],
    ) -> None:
        self._folder, self._patience, self._on_event = folder, patience, on_event
        self._network, self._save = network, save
        self._losses: dict[int, float] = {}

    @property
    def step(self) -> int | None:
        """The step of the best weights; None before the first validation."""
        return min(self._losses, key=lambda step: (self._losses[step], step)) if self._losses else None

    @property
    def weights(self) -> Path:
        """The folder of the best weights."""
        return self._folder / "weights"

    def on_train_begin(self, _args: TrainingArguments, state: TrainerState, *_: object, **__: object) -> None:
        """Restore the state at the step that the run starts with."""
        file = self._folder / FACTS
        if state.global_step == 0:
            shutil.rmtree(self._folder, ignore_errors=True)
        elif file.is_file():
            known = {int(step): loss for step, loss in read_json(file)["losses"].items()}
            self._losses = {step: loss for step, loss in known.items() if step <= state.global_step}

    def on_evaluate(
        self,
        _args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float],
        **_: object,
    ) -> None:
        """Keep the weights if they are the best; stop after too many validations without improvement."""
        self._losses[state.global_step] = metrics["eval_loss"]
        best = self.step
        network = self._network() if best == state.global_step else None
        if state.is_world_process_zero:
            if network is not None:
                with atomic_folder(self.weights) as folder:
                    self._save(network, folder)
            write_json(self._folder / FACTS, {"step": best, "losses": self._losses})
        since = sum(step > (best or 0) for step in self._losses)
        if self._patience is not None and since >= self._patience and state.global_step < state.max_steps:
            control.should_training_stop = True
            message = f"stopped early: the validation loss was lowest at step {best}, {since} validations ago"
            self._on_event(TrainingEvent("message", message, {"step": state.global_step, "best_step": best}))
