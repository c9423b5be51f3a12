"""TRL's trainer with the loss computed where it is needed, and the callback that reports and obeys."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from math import isclose
from pathlib import Path
from typing import Any, Literal

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import Sampler
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_pt_utils import get_length_grouped_indices
from trl import SFTTrainer

from fine_tuning.errors import TrainingError
from fine_tuning.files import written_whole
from fine_tuning.training import checkpoints
from fine_tuning.training.chat_tokens import IGNORED
from fine_tuning.training.divergence import Divergence
from fine_tuning.training.events import TrainingEvent

Requested = Callable[[], Literal["run", "pause", "cancel"]]


class LengthGrouped(Sampler[int]):
    """Rows of similar length next to each other, in an order that depends on seed and epoch alone.

    The library's own sampler draws from the global generator, so that its order would not survive a resume.
    """

    def __init__(self, lengths: list[int], batch_size: int, seed: int) -> None:
        self._lengths, self._batch_size, self._seed = lengths, batch_size, seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each pass, also after a resume."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed + self._epoch)
        return iter(get_length_grouped_indices(self._lengths, self._batch_size, generator=generator))


class LabelledTrainer(SFTTrainer):  # type: ignore[misc]
    """Runs the output layer on labelled positions only.

    With a vocabulary of 49,152 the logits of one token cost as much as a fifth of a 135M model; prompts need none.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.labelled = self.hits = 0
        self.held_out_labelled = self.held_out_hits = 0
        self.lines: list[int] = []  # of the training file, by row
        super().__init__(*args, **kwargs)
        self._divergence = Divergence(self.accelerator.unwrap_model(self.model).config.vocab_size)

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        """One micro-batch; a training that has gone astray stops with its step and rows."""
        loss = super().training_step(model, inputs, num_items_in_batch)
        whole = float(loss) * self.args.gradient_accumulation_steps  # of one part of a step the loss is a part
        if reason := self._divergence.reason(whole):
            where = f"{reason} at step {self.state.global_step + 1}"
            rows = self._lines_of(inputs)
            shown = f" with the rows of lines {', '.join(map(str, rows))}" if rows else ""
            raise TrainingError(f"{where}{shown}; lower learning_rate_multiplier, or look at these rows")
        return loss

    def _lines_of(self, inputs: dict[str, Any]) -> list[int]:
        """The lines of the training file that a batch is made of, found by their tokens."""
        if "input_ids" not in inputs or not self.lines:
            return []
        batch = [row.tolist() for row in inputs["input_ids"]]
        rows = zip(self.lines, self.train_dataset["input_ids"], strict=True)
        return sorted(line for line, ids in rows if any(row[: len(ids)] == ids for row in batch))

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean cross-entropy over the labelled tokens, in nats; the logits are computed in fp32."""
        causal = self.accelerator.unwrap_model(model).get_base_model()
        # Rows are padded on the right, where causal attention never looks: without a mask the faster kernel is used.
        hidden = causal.get_decoder()(input_ids=inputs["input_ids"], use_cache=False).last_hidden_state
        labels = inputs["labels"][:, 1:]
        chosen = labels != IGNORED
        logits = causal.lm_head(hidden[:, :-1][chosen]).float()
        wanted = labels[chosen]
        self.labelled += wanted.numel()
        self.hits += int((logits.detach().argmax(-1) == wanted).sum())
        total = cross_entropy(logits, wanted, reduction="sum")
        loss = total / (num_items_in_batch if num_items_in_batch is not None else max(1, wanted.numel()))
        return (loss, None) if return_outputs else loss

    def prediction_step(
        self, model: Any, inputs: dict[str, Any], prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> tuple[Any, None, None]:
        """The loss alone."""
        before = self.labelled, self.hits
        with torch.no_grad():
            loss = self.compute_loss(model, self._prepare_inputs(inputs))
        self.held_out_labelled += self.labelled - before[0]
        self.held_out_hits += self.hits - before[1]
        self.labelled, self.hits = before
        return loss.detach(), None, None

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGrouped:
        rows = train_dataset if train_dataset is not None else self.train_dataset
        lengths = [len(ids) for ids in rows["input_ids"]]
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return LengthGrouped(lengths, batch, self.args.seed)

    def take_accuracy(self) -> float | None:
        """Share of labelled tokens predicted right since the last call; None if there were none."""
        labelled, hits, self.labelled, self.hits = self.labelled, self.hits, 0, 0
        return hits / labelled if labelled else None

    def take_held_out_accuracy(self) -> float | None:
        """As `take_accuracy`, of the validation file."""
        labelled, hits = self.held_out_labelled, self.held_out_hits
        self.held_out_labelled = self.held_out_hits = 0
        return hits / labelled if labelled else None

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """None: a checkpoint is no publication."""


class Reporter(TrainerCallback):  # type: ignore[misc]
    """Turns the trainer's logs into events, and the user's wishes into control."""

    def __init__(self, on_event: Callable[[TrainingEvent], None], requested: Requested) -> None:
        self._on_event = on_event
        self._requested = requested
        self._started = time.monotonic()
        self._tokens_before = 0
        self._steps_before = 0
        self.trainer: LabelledTrainer
        self.stopped: Literal["paused", "cancelled"] | None = None
        self.valid_loss: float | None = None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Start the clock; a resumed run does not count what was done before."""
        self._started = time.monotonic()
        self._tokens_before, self._steps_before = int(state.num_input_tokens_seen), state.global_step
        if state.global_step and not self._epoch_folder(args, state).exists():
            self._keep_epoch(args, state)  # paused or killed between the epoch's last checkpoint and its end

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Obey a pause (with a checkpoint) or a cancellation."""
        wanted = self._requested()
        if wanted == "run" or state.global_step >= state.max_steps:
            return
        self.stopped = "paused" if wanted == "pause" else "cancelled"
        control.should_training_stop = True
        control.should_save = wanted == "pause"
        control.should_evaluate = control.should_evaluate and wanted == "pause"

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any
    ) -> None:
        """One metrics event per log line."""
        if "loss" not in logs and "eval_loss" not in logs:
            return
        facts: dict[str, Any] = {"step": state.global_step, "total_steps": state.max_steps, "epoch": state.epoch}
        if "loss" in logs:
            facts |= {
                "train_loss": logs["loss"],
                "token_accuracy": self.trainer.take_accuracy(),
                "learning_rate": logs.get("learning_rate"),
                **self._speed(state),
            }
        if "eval_loss" in logs:
            self.valid_loss = logs["eval_loss"]
            facts["valid_loss"] = self.valid_loss
            facts["valid_token_accuracy"] = self.trainer.take_held_out_accuracy()
        self._on_event(TrainingEvent("metrics", f"step {state.global_step}/{state.max_steps}", facts))

    def _speed(self, state: TrainerState) -> dict[str, Any]:
        seconds = time.monotonic() - self._started
        steps = state.global_step - self._steps_before
        tokens = int(state.num_input_tokens_seen)
        left = seconds / steps * (state.max_steps - state.global_step) if steps else None
        return {
            "trained_tokens": tokens,
            "tokens_per_second": (tokens - self._tokens_before) / seconds if seconds > 0 else None,
            "seconds_left": left,
        }

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Keep the adapter as it is after each epoch."""
        self._keep_epoch(args, state)

    @staticmethod
    def _epoch_folder(args: TrainingArguments, state: TrainerState) -> Path:
        return Path(str(args.output_dir)).parent / "epochs" / f"step-{state.global_step}"

    def _keep_epoch(self, args: TrainingArguments, state: TrainerState) -> None:
        if self.stopped == "cancelled" or not isclose(state.epoch or 0.5, round(state.epoch or 0.5), abs_tol=1e-6):
            return  # cut short in the middle
        folder = self._epoch_folder(args, state)
        with written_whole(folder) as temporary:
            self.trainer.accelerator.unwrap_model(self.trainer.model).save_pretrained(temporary)
        facts = {"step": state.global_step, "path": str(folder)}
        self._on_event(TrainingEvent("epoch", f"epoch {round(state.epoch or 0)} ended", facts))

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Mark the checkpoint as complete and tell of it."""
        checkpoint = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        checkpoints.mark_complete(checkpoint)
        facts = {"step": state.global_step, "path": str(checkpoint)}
        self._on_event(TrainingEvent("checkpoint", f"checkpoint at step {state.global_step}", facts))
