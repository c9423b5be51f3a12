"""TRL's trainer with the loss of labelled positions only, and the callback that reports events and stops."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import isclose
from pathlib import Path
from typing import Literal, NamedTuple, cast

import torch
from datasets import Dataset
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import SCHEDULER_NAME
from transformers.trainer_utils import EvalLoopOutput
from trl import SFTTrainer

from fine_tuning._util.files import atomic_folder
from fine_tuning.errors import TrainingError
from fine_tuning.store.records.job_events import JobEventData, StepMetrics
from fine_tuning.training.loop import fsdp, packing, training_checkpoints
from fine_tuning.training.loop import trainable_model as network
from fine_tuning.training.loop.batches import RowOrder, WithoutFillers
from fine_tuning.training.loop.chat_tokens import IGNORED
from fine_tuning.training.loop.divergence import Divergence
from fine_tuning.training.loop.library_types import Batch, Network
from fine_tuning.training.loop.shared_base import Place
from fine_tuning.training.loop.training_events import GetRequest, TrainingEvent

Items = torch.Tensor | int  # labelled tokens, or pairs


class Count(NamedTuple):
    """What is summed over items: labelled tokens, or pairs of answers."""

    loss: torch.Tensor | float = 0.0
    items: int = 0
    hits: int = 0

    def plus(self, other: Count) -> Count:
        """The sum, cut off from the gradients."""
        return Count(self.loss + torch.as_tensor(other.loss).detach(), self.items + other.items, self.hits + other.hits)

    @property
    def mean_loss(self) -> float | None:
        """None without items."""
        return float(self.loss) / self.items if self.items else None

    @property
    def accuracy(self) -> float | None:
        """None without items."""
        return self.hits / self.items if self.items else None


class LabelledTrainer(SFTTrainer):  # type: ignore[misc]
    """Trains a network of `network.load`, whose logits are those of labelled positions only.

    Args:
        batch_size: rows of an optimizer step, on all machines together.
        lines: of the training file, by row.
        place: of the training among others on the same base model.
    """

    def __init__(
        self, *args: object, batch_size: int, lines: list[int], place: Place | None = None, **kwargs: object
    ) -> None:
        self._batch_size, self._lines, self._place = batch_size, lines, place
        self._trained, self._held_out = Count(), Count()
        super().__init__(*args, **kwargs)
        self.args.save_only_model = False  # see `arguments.of`
        # 4-bit layers make the library round the adapters to bf16, in which small steps are lost.
        for weight in self.network.parameters():
            weight.data = weight.data.float() if weight.requires_grad else weight.data
        self.data_collator: WithoutFillers = WithoutFillers(self.data_collator)
        self._divergence = Divergence(self.choices, self.args.gradient_accumulation_steps)

    @property
    def network(self) -> Network:
        """The network without the wrappers of distributed training."""
        return self.accelerator.unwrap_model(self.model)

    @property
    def choices(self) -> int:
        """The number of classes of each counted loss."""
        return int(self.network.config.vocab_size)

    @property
    def shares_base(self) -> bool:
        """Whether others compute with the weights of its base model."""
        return self._place is not None and self._place.is_shared

    @property
    def pads(self) -> bool:
        """Whether the rows of a batch are padded to the longest of them."""
        return not packing.can_pack(self.network)

    def whole_network(self) -> Network | None:
        """The network in one piece, on the first worker; see `fsdp.in_one_piece`."""
        return fsdp.in_one_piece(self.network)

    def training_step(
        self, model: torch.nn.Module, inputs: Batch, num_items_in_batch: Items | None = None
    ) -> torch.Tensor:
        """One micro-batch; a diverged training stops, naming the step and its rows."""
        loss = self._step(model, inputs, num_items_in_batch)
        whole = float(loss) * self.args.gradient_accumulation_steps  # of one part of a step the loss is a part
        if reason := self._divergence.reason(whole):
            where = f"{reason} at step {self.state.global_step + 1}"
            rows = self._lines_of(inputs)
            shown = f" with the rows of lines {', '.join(map(str, rows))}" if rows else ""
            raise TrainingError(f"{where}{shown}; lower learning_rate_multiplier, or check these rows")
        return loss

    def _step(self, model: torch.nn.Module, inputs: Batch, num_items_in_batch: Items | None) -> torch.Tensor:
        state = self.accelerator.gradient_state  # one object for all trainers of a process
        is_last_part = state.sync_gradients
        loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
        if self._place is not None:
            self._place.go_back()
            state._set_sync_gradients(is_last_part)
        return loss

    def _lines_of(self, inputs: Batch) -> list[int]:
        """The lines of the training file that a batch is made of, found by their tokens."""
        if "input_ids" not in inputs:
            return []
        batch = [row.tolist() for row in inputs["input_ids"]]
        rows = zip(self._lines, self.train_dataset["input_ids"], strict=False)  # fillers are of no line
        return sorted(line for line, ids in rows if any(row[: len(ids)] == ids for row in batch))

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Items | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, None]:
        """This process's share of the mean loss over the items of a step, times the number of processes.

        The library averages over the processes what they have each computed.
        """
        count = self.count(model, inputs)
        if model.training:
            self._trained = self._trained.plus(count)
        else:
            self._held_out = self._held_out.plus(count)
        items = count.items if num_items_in_batch is None else num_items_in_batch / self.accelerator.num_processes
        loss = torch.as_tensor(count.loss) / max(1, items)
        return (loss, None) if return_outputs else loss

    def count(self, model: torch.nn.Module, inputs: Batch) -> Count:
        """The summed loss over a batch's labelled tokens, in nats."""
        labelled = int((inputs["labels"][:, 1:] != IGNORED).sum())
        loss, hits = model(**{name: inputs[name] for name in ("input_ids", "labels", "attention_mask")}, summed=True)
        return Count(loss, labelled, int(hits))

    def prediction_step(
        self, model: torch.nn.Module, inputs: Batch, prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> tuple[torch.Tensor, None, None]:
        """The loss alone."""
        with torch.no_grad():
            loss = self.compute_loss(model, self._prepare_inputs(inputs))
        assert isinstance(loss, torch.Tensor)  # noqa: S101 - no outputs are requested
        return loss.detach(), None, None

    def evaluation_loop(self, *args: object, **kwargs: object) -> EvalLoopOutput:
        """Evaluate as the library does, but with the mean over all tokens instead of the mean over batches."""
        output = super().evaluation_loop(*args, **kwargs)
        found = self._reduced(self._held_out)
        self._held_out = Count()
        output.metrics["eval_loss"], output.metrics["eval_accuracy"] = found.mean_loss, found.accuracy
        return output

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> RowOrder:
        rows = train_dataset if train_dataset is not None else self.train_dataset
        lengths = [len(ids) for ids in rows["input_ids"][: len(self._lines)]]
        machines = self.accelerator.num_processes
        places = self.args.train_batch_size * self.args.gradient_accumulation_steps * machines
        fill_to = places if machines > 1 else 0
        return RowOrder(lengths, self._batch_size, fill_to, self.args.seed, grouped=self.pads)

    def take_accuracy(self) -> float | None:
        """Share of items predicted right since the last call, on all machines; None if there were none."""
        found, self._trained = self._reduced(self._trained), Count()
        return found.accuracy

    def _reduced(self, count: Count) -> Count:
        sums = torch.tensor([float(count.loss), count.items, count.hits], dtype=torch.float64)
        loss, items, hits = self.accelerator.reduce(sums.to(self.accelerator.device)).tolist()
        return Count(loss, int(items), int(hits))

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        fsdp.save_optimizer(self.network, self._plain_optimizer, Path(output_dir))
        if self.args.should_save:
            torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / SCHEDULER_NAME)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        fsdp.load_optimizer(self.network, self._plain_optimizer, Path(checkpoint))
        self.lr_scheduler.load_state_dict(torch.load(Path(checkpoint) / SCHEDULER_NAME, weights_only=True))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Network | None = None) -> None:
        if self.is_distributed_loading_by_transformers:
            fsdp.load_weights(self.network, Path(resume_from_checkpoint))
        else:
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    @property
    def _plain_optimizer(self) -> torch.optim.Optimizer:
        wrapped = self.optimizer  # by accelerate
        return cast("torch.optim.Optimizer", getattr(wrapped, "optimizer", wrapped))

    def create_model_card(self, *_: object, **__: object) -> None:
        """Do nothing: checkpoints need no model card."""


class Reporter(TrainerCallback):  # type: ignore[misc]
    """Turns the trainer's logs into events, and carries out the user's requests."""

    def __init__(self, on_event: Callable[[TrainingEvent], None], get_request: GetRequest) -> None:
        self._on_event = on_event
        self._get_request = get_request
        self._started = time.monotonic()
        self._tokens_before = 0
        self._steps_before = 0
        self.trainer: LabelledTrainer
        self.stopped: Literal["paused", "cancelled"] | None = None
        self.valid_loss: float | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Start the clock; a resumed run does not count what was done before."""
        self._started = time.monotonic()
        self._tokens_before, self._steps_before = int(state.num_input_tokens_seen), state.global_step
        if state.global_step and not self._epoch_folder(args, state).exists():
            self._keep_epoch(args, state)  # paused or killed between the epoch's last checkpoint and its end

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Carry out a requested pause (with a checkpoint) or cancellation."""
        request = self._get_request()
        if request == "run" or state.global_step >= state.max_steps:
            return
        self.stopped = "paused" if request == "pause" else "cancelled"
        control.should_training_stop = True
        control.should_save = request == "pause"
        control.should_evaluate = control.should_evaluate and request == "pause"

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, float], **_: object
    ) -> None:
        """One metrics event per log line."""
        if "loss" not in logs and "eval_loss" not in logs:
            return
        metrics: StepMetrics = {"step": state.global_step, "total_steps": state.max_steps, "epoch": state.epoch}
        if "loss" in logs:
            metrics["train_loss"] = logs["loss"]
            metrics["token_accuracy"] = self.trainer.take_accuracy()
            metrics["learning_rate"] = logs.get("learning_rate")
            metrics.update(self._speed(state))
        if "eval_loss" in logs:
            self.valid_loss = logs["eval_loss"]
            metrics["valid_loss"] = self.valid_loss
            metrics["valid_token_accuracy"] = logs["eval_accuracy"]
        self._on_event(
            TrainingEvent("metrics", f"step {state.global_step}/{state.max_steps}", cast("JobEventData", metrics))
        )

    def _speed(self, state: TrainerState) -> StepMetrics:
        seconds = time.monotonic() - self._started
        steps = state.global_step - self._steps_before
        tokens = int(state.num_input_tokens_seen)
        left = seconds / steps * (state.max_steps - state.global_step) if steps else None
        return {
            "trained_tokens": tokens,
            "tokens_per_second": (tokens - self._tokens_before) / seconds if seconds > 0 else None,
            "seconds_left": left,
        }

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Keep the weights as they are after each epoch."""
        self._keep_epoch(args, state)

    @staticmethod
    def _epoch_folder(args: TrainingArguments, state: TrainerState) -> Path:
        return Path(str(args.output_dir)).parent / "epochs" / f"step-{state.global_step}"

    def _keep_epoch(self, args: TrainingArguments, state: TrainerState) -> None:
        if self.stopped == "cancelled" or not isclose(state.epoch or 0.5, round(state.epoch or 0.5), abs_tol=1e-6):
            return  # cut short in the middle
        whole = self.trainer.whole_network()
        if not state.is_world_process_zero:
            return
        folder = self._epoch_folder(args, state)
        with atomic_folder(folder) as temporary:
            network.save(whole, self.trainer.processing_class, temporary)
        facts: JobEventData = {"step": state.global_step, "path": str(folder)}
        self._on_event(TrainingEvent("epoch", f"epoch {round(state.epoch or 0)} ended", facts))

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Mark the checkpoint as complete and report it."""
        self.trainer.accelerator.wait_for_everyone()  # each machine writes its part
        checkpoint = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        training_checkpoints.mark_complete(checkpoint)
        facts: JobEventData = {"step": state.global_step, "path": str(checkpoint)}
        self._on_event(TrainingEvent("checkpoint", f"checkpoint at step {state.global_step}", facts))
