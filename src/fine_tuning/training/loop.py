"""One LoRA run from files to files. Knows nothing of jobs or databases; the worker process imports it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import torch
import transformers
from datasets import Dataset
from peft import set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
from trl import SFTConfig

from fine_tuning.base_models.quiet import quiet
from fine_tuning.errors import DataError, NotFoundError
from fine_tuning.files import make_folder, write_json, written_whole
from fine_tuning.training import attention, checkpoints, memory, precision
from fine_tuning.training.best import Best
from fine_tuning.training.chat_tokens import IGNORED, Tokenised, tokenise_file
from fine_tuning.training.config import TrainingConfig, check_validated
from fine_tuning.training.events import TrainingEvent, TrainingResult
from fine_tuning.training.lora import add_adapters
from fine_tuning.training.preference_trainer import PreferenceTrainer
from fine_tuning.training.preferences import tokenise_preferences
from fine_tuning.training.probes import write_probes
from fine_tuning.training.trainer import LabelledTrainer, Reporter, Requested

WARMUP_SHARE = 0.05
CHECKPOINTS_PER_RUN = 10


def train(config: TrainingConfig, on_event: Callable[[TrainingEvent], None], requested: Requested) -> TrainingResult:
    """Train, or go on from the newest complete checkpoint in `config.output_dir`.

    The same configuration and files give the same adapter on a CPU, also when the run was paused or killed between.

    Args:
        on_event: told every logged step, evaluation and checkpoint.
        requested: asked after every step; "pause" writes a checkpoint and returns, "cancel" returns.

    Raises:
        NotFoundError, DataError: the base model or a data file cannot be used.
        TrainingError: the loss is no longer finite.
    """
    started = time.monotonic()
    with quiet():
        tokenizer = _tokenizer(config)
        read = tokenise_file if config.method == "supervised" else tokenise_preferences
        data = read(config.train_file, tokenizer, config.max_length)
        held_out = read(config.validation_file, tokenizer, config.max_length) if config.validation_file else None
        _tell_lengths(data, config, on_event)
        trainer, reporter = _trainer(config, tokenizer, data, held_out, on_event, requested)
        best = _keep_best(trainer, config, on_event)
        _tell_memory(trainer, data, on_event)
        checkpoint = checkpoints.newest_complete(Path(trainer.args.output_dir))
        on_event(_start(checkpoint))
        outcome = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        if best is not None and not reporter.stopped:
            _take_best(trainer, best, on_event)
        saved = (None, None) if reporter.stopped else _save(trainer, tokenizer, config, on_event)
    result = TrainingResult(
        status=reporter.stopped or "succeeded",
        steps=trainer.state.global_step,
        trained_tokens=int(trainer.state.num_input_tokens_seen),
        train_loss=outcome.training_loss,
        validation_loss=reporter.valid_loss,
        wall_seconds=time.monotonic() - started,
        rows=len(data.rows),
        truncated=data.truncated,
        dropped=data.dropped,
        adapter_dir=saved[0],
        merged_dir=saved[1],
    )
    write_json(Path(config.output_dir) / "metrics.json", {**result.as_dict(), "config": config.model_dump()})
    return result


def _start(checkpoint: Path | None) -> TrainingEvent:
    step = checkpoints.step_of(checkpoint) if checkpoint else 0
    return TrainingEvent("start", f"going on from step {step}" if checkpoint else "training", {"step": step})


def _tokenizer(config: TrainingConfig) -> Any:
    if not Path(config.base_model_path).is_dir():
        raise NotFoundError(f"no base model at {config.base_model_path}")
    tokenizer = AutoTokenizer.from_pretrained(config.base_model_path, local_files_only=True)
    if not tokenizer.chat_template:
        raise DataError(f"{config.base_model_path} has no chat template; choose an instruction-tuned base model")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _tell_lengths(data: Tokenised, config: TrainingConfig, on_event: Callable[[TrainingEvent], None]) -> None:
    for lines, what in ((data.truncated, "cut off"), (data.dropped, "left out")):
        if lines:
            shown = ", ".join(map(str, lines[:20])) + (" ..." if len(lines) > 20 else "")
            message = f"{len(lines)} rows longer than {config.max_length} tokens were {what}: lines {shown}"
            on_event(TrainingEvent("message", message, {"lines": lines}))


def _trainer(
    config: TrainingConfig,
    tokenizer: Any,
    data: Tokenised,
    held_out: Tokenised | None,
    on_event: Callable[[TrainingEvent], None],
    requested: Requested,
) -> tuple[LabelledTrainer, Reporter]:
    reporter = Reporter(on_event, requested)
    make = LabelledTrainer if config.method == "supervised" else partial(PreferenceTrainer, beta=config.beta)
    trainer: LabelledTrainer = make(
        model=_model(config),
        args=_arguments(config, len(data.rows), held_out is not None),
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(data.rows),
        eval_dataset=Dataset.from_list(held_out.rows) if held_out else None,
        callbacks=[reporter],
    )
    trainer.remove_callback(transformers.PrinterCallback)
    reporter.trainer = trainer
    trainer.lines = data.lines
    return trainer, reporter


def _tell_memory(trainer: LabelledTrainer, data: Tokenised, on_event: Callable[[TrainingEvent], None]) -> None:
    need = memory.needed(trainer.model, data.rows, trainer.args.per_device_train_batch_size, IGNORED)
    there = memory.free()
    on_event(TrainingEvent("message", memory.said(need, there), {"needed": need._asdict(), "free": there}))


def _keep_best(
    trainer: LabelledTrainer, config: TrainingConfig, on_event: Callable[[TrainingEvent], None]
) -> Best | None:
    if not (config.keep_best or config.early_stopping):
        return None
    check_validated(config.model_dump(), config.validation_file is not None)
    model = trainer.accelerator.unwrap_model(trainer.model)
    best = Best(Path(config.output_dir) / "best", config.early_stopping, model.save_pretrained, on_event)
    trainer.add_callback(best)
    return best


def _take_best(trainer: LabelledTrainer, best: Best, on_event: Callable[[TrainingEvent], None]) -> None:
    """Put the best adapter in place of the last one."""
    if best.step is None or best.step == trainer.state.global_step:
        return
    model = trainer.accelerator.unwrap_model(trainer.model)
    set_peft_model_state_dict(model, load_file(best.adapter / "adapter_model.safetensors"))
    facts = {"best_step": best.step, "step": trainer.state.global_step}
    on_event(
        TrainingEvent("message", f"the adapter of step {best.step} is kept: its validation loss was lowest", facts)
    )


def _model(config: TrainingConfig) -> Any:
    dtype = torch.bfloat16 if precision.choose(config.precision) == "bf16" else torch.float32
    set_seed(config.seed)  # the adapters' random start
    model = AutoModelForCausalLM.from_pretrained(
        config.base_model_path,
        dtype=dtype,
        attn_implementation="sdpa" if torch.cuda.is_available() else attention.NAME,
        local_files_only=True,
        use_safetensors=True,
    )
    return add_adapters(model, config)


def _arguments(config: TrainingConfig, rows: int, evaluate: bool) -> SFTConfig:
    micro = min(config.micro_batch_size or config.batch_size, config.batch_size)
    steps_per_epoch = ceil(rows / config.batch_size)
    steps = min(config.max_steps or steps_per_epoch * config.n_epochs, steps_per_epoch * config.n_epochs)
    on_cpu = not torch.cuda.is_available()
    return SFTConfig(
        output_dir=str(make_folder(Path(config.output_dir) / "checkpoints")),
        num_train_epochs=config.n_epochs,
        max_steps=steps,
        per_device_train_batch_size=micro,
        per_device_eval_batch_size=config.batch_size,
        gradient_accumulation_steps=max(1, config.batch_size // micro),
        learning_rate=config.learning_rate * config.learning_rate_multiplier,
        lr_scheduler_type="linear",
        warmup_steps=ceil(steps * WARMUP_SHARE),
        weight_decay=0.0,
        bf16=precision.choose(config.precision) == "bf16",
        use_cpu=on_cpu,
        dataloader_pin_memory=not on_cpu,
        gradient_checkpointing=False,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        logging_steps=max(1, steps // 200),
        logging_nan_inf_filter=False,
        include_num_input_tokens_seen="non_padding",
        eval_strategy="steps" if evaluate else "no",
        eval_steps=min(config.eval_steps or steps_per_epoch, steps),
        save_strategy="steps",
        save_steps=config.checkpoint_steps or ceil(steps / CHECKPOINTS_PER_RUN),
        save_total_limit=checkpoints.KEPT,
        report_to=list(config.report_to) or "none",
        disable_tqdm=True,
        seed=config.seed,
        data_seed=config.seed,
    )


def _save(
    trainer: LabelledTrainer, tokenizer: Any, config: TrainingConfig, on_event: Callable[[TrainingEvent], None]
) -> tuple[Path, Path]:
    """Write the adapter, the merged model and a few of its answers; each appears whole or not at all."""
    output = Path(config.output_dir)
    adapter, merged = output / "adapter", output / "merged"
    model = trainer.accelerator.unwrap_model(trainer.model)
    with written_whole(adapter) as folder:
        model.save_pretrained(folder)
    on_event(TrainingEvent("message", "merging the adapter into the base model"))
    # Merged in fp32 and rounded to bf16 once.
    whole = model.float().merge_and_unload().to(torch.bfloat16)
    with written_whole(merged) as folder:
        whole.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    write_probes(whole, tokenizer, config.train_file, output)
    return adapter, merged
