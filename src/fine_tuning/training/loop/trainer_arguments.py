"""The arguments of the library's trainer for the settings of a training."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import torch
from torch import distributed
from trl import SFTConfig

from fine_tuning._util.files import make_folder
from fine_tuning.training.loop import fsdp, precision, training_checkpoints
from fine_tuning.training.loop.training_config import TrainingConfig

WARMUP_SHARE = 0.05
CHECKPOINTS_PER_RUN = 10


def of(config: TrainingConfig, rows: int, *, has_validation: bool) -> SFTConfig:
    """The arguments of a run on this many rows, for this process."""
    steps_per_epoch = ceil(rows / config.batch_size)
    steps = min(config.max_steps or steps_per_epoch * config.n_epochs, steps_per_epoch * config.n_epochs)
    on_cpu = not torch.cuda.is_available()
    micro = rows_at_once(config)
    return SFTConfig(
        output_dir=str(make_folder(Path(config.output_dir) / "checkpoints")),
        num_train_epochs=config.n_epochs,
        max_steps=steps,
        per_device_train_batch_size=micro,
        per_device_eval_batch_size=micro,
        gradient_accumulation_steps=_share(config) // micro,
        learning_rate=config.learning_rate * config.learning_rate_multiplier,
        lr_scheduler_type="linear",
        warmup_steps=int(steps * WARMUP_SHARE),  # none in a short training: its first step has a rate of 0
        weight_decay=0.0,
        bf16=config.tuning == "full" and precision.choose(config.precision) == "bf16",  # else the base is in bf16
        use_cpu=on_cpu,
        dataloader_pin_memory=not on_cpu,
        gradient_checkpointing=False,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        logging_steps=max(1, steps // 200),
        logging_nan_inf_filter=False,
        include_num_input_tokens_seen="non_padding",
        eval_strategy="steps" if has_validation else "no",
        eval_steps=min(config.eval_steps or steps_per_epoch, steps),
        save_strategy="steps",
        save_steps=config.checkpoint_steps or ceil(steps / CHECKPOINTS_PER_RUN),
        save_total_limit=training_checkpoints.KEPT,
        save_only_model=fsdp.is_wanted(config),  # else the library refuses: our trainer saves the rest itself
        report_to=list(config.report_to) or "none",
        ddp_backend="gloo" if on_cpu and machines() > 1 else None,
        ddp_find_unused_parameters=False,
        disable_tqdm=True,
        seed=config.seed,
        data_seed=config.seed,
    )


def _share(config: TrainingConfig) -> int:
    """Rows of a step that each machine computes."""
    return ceil(config.batch_size / machines())


def rows_at_once(config: TrainingConfig) -> int:
    """Rows in memory at once: of a machine's share of a step, the largest whole part allowed."""
    rows = _share(config)
    return next(size for size in range(min(rows, config.micro_batch_size or rows), 0, -1) if rows % size == 0)


def machines() -> int:
    """Processes that share this training."""
    return distributed.get_world_size() if distributed.is_initialized() else 1
