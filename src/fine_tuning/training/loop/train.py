"""One training run from files to files. It opens no database; the worker process imports it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import transformers
from datasets import Dataset
from torch import distributed
from trl import SFTConfig

from fine_tuning._util.files import atomic_folder, write_json
from fine_tuning.base_models import template_names
from fine_tuning.base_models.pretrained import load_config, load_tokenizer
from fine_tuning.base_models.quiet_libraries import quiet
from fine_tuning.errors import DataError, NotFoundError
from fine_tuning.export.merge import save_merged
from fine_tuning.store.records.job_events import JobEventData
from fine_tuning.training.loop import (
    checkpointed_layers,
    compiled_layers,
    memory_estimate,
    micro_batch,
    trainable_model,
    trainer_arguments,
    training_checkpoints,
)
from fine_tuning.training.loop.batches import filler
from fine_tuning.training.loop.chat_tokens import IGNORED, Tokenised, tokenise_file
from fine_tuning.training.loop.dpo_trainer import PreferenceTrainer
from fine_tuning.training.loop.early_stopping import BestWeights
from fine_tuning.training.loop.library_types import Network, Tokenizer
from fine_tuning.training.loop.preference_rows import tokenise_preferences
from fine_tuning.training.loop.probes import write_probes
from fine_tuning.training.loop.sft_trainer import LabelledTrainer, Reporter
from fine_tuning.training.loop.shared_base import Place
from fine_tuning.training.loop.training_config import TrainingConfig, check_validated
from fine_tuning.training.loop.training_events import GetRequest, TrainingEvent, TrainingResult


def train(
    config: TrainingConfig,
    on_event: Callable[[TrainingEvent], None],
    get_request: GetRequest,
    place: Place | None = None,
) -> TrainingResult:
    """Train, or resume from the newest complete checkpoint in `config.output_dir`.

    The same configuration and files give the same adapter on a CPU, also when the run was paused or killed between.

    If memory runs out, it continues with half the micro batch size; the steps stay the same.

    Args:
        on_event: called with every logged step, evaluation and checkpoint.
        get_request: called after every step; "pause" writes a checkpoint and returns, "cancel" returns.
        place: of a training among others on the same base model; its losses are the same but for rounding.

    Raises:
        NotFoundError, DataError: the base model or a data file cannot be used.
        TrainingError: the training diverged, or the memory is too small for one row.
    """
    while True:
        try:
            return train_once(config, on_event, get_request, place)
        except (RuntimeError, MemoryError) as error:
            if not memory_estimate.ran_out(error):
                raise
            tried = trainer_arguments.rows_at_once(config)
        memory_estimate.release_memory()  # outside the clause, where the error still holds what it happened with
        config = micro_batch.with_fewer_rows(config, tried)
        on_event(micro_batch.out_of_memory(tried, config))


def train_once(
    config: TrainingConfig,
    on_event: Callable[[TrainingEvent], None],
    get_request: GetRequest,
    place: Place | None = None,
) -> TrainingResult:
    """As `train`, but raises where memory runs out."""
    started = time.monotonic()
    with quiet():
        tokenizer = _tokenizer(config)
        read = tokenise_file if config.method == "supervised" else tokenise_preferences
        config = _within_context(config)
        data = read(config.train_file, tokenizer, config.max_length)
        held_out = read(config.validation_file, tokenizer, config.max_length) if config.validation_file else None
        for rows, what in ((data, "rows"), (held_out, "rows of the validation file")):
            if rows is not None:
                _report_lengths(rows, what, config.max_length, on_event)
        reporter = Reporter(on_event, get_request)
        trainer = _trainer(config, tokenizer, data, held_out, reporter, place)
        best = _keep_best(trainer, config, on_event)
        _fit_memory(trainer, config, data, on_event, place)
        checkpoint = training_checkpoints.newest_complete(Path(trainer.args.output_dir))
        is_compiled = _is_compiled(trainer, config, data, checkpoint)
        if is_compiled:
            on_event(TrainingEvent("message", "compiling the model's layers, which the first steps wait for"))
            compiled_layers.choose(Path(config.output_dir))
            compiled_layers.compile_layers(trainable_model.causal(trainer.network))
        on_event(_start(checkpoint))
        outcome = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        if is_compiled:
            compiled_layers.keep(trainable_model.causal(trainer.network))
        saved: tuple[Path | None, Path | None] = (None, None)
        is_first = trainer.is_world_process_zero()
        whole = None if reporter.stopped else trainer.whole_network()
        if is_first and whole is not None:
            if best is not None:
                _load_best(whole, best, trainer.state.global_step, on_event)
            saved = _save(whole, tokenizer, config, on_event, is_shared=trainer.shares_base)
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
    if is_first:
        write_json(Path(config.output_dir) / "metrics.json", {**result.as_dict(), "config": config.model_dump()})
    return result


def _is_compiled(trainer: LabelledTrainer, config: TrainingConfig, data: Tokenised, checkpoint: Path | None) -> bool:
    """Whether the layers are compiled: after a pause as before it, as the steps are rounded at other places."""
    if trainer.shares_base:
        return False
    if checkpoint is not None:
        return compiled_layers.was_chosen(Path(config.output_dir))
    tokens = _tokens(data, config, trainer.args.max_steps)
    kept = not distributed.is_initialized() and compiled_layers.is_kept(trainable_model.causal(trainer.network))
    return compiled_layers.is_wanted(config, trainer.network.num_parameters(), tokens, kept=kept)


def _tokens(data: Tokenised, config: TrainingConfig, steps: int) -> int:
    """The number of tokens of this many steps."""
    mean = sum(len(row["input_ids"]) for row in data.rows) / len(data.rows)
    return round(mean * steps * config.batch_size)


def _start(checkpoint: Path | None) -> TrainingEvent:
    step = training_checkpoints.step_of(checkpoint) if checkpoint else 0
    what = f"resuming from step {step}" if checkpoint else "training"
    if distributed.is_initialized():
        what += f" on {trainer_arguments.machines()} workers"
    return TrainingEvent("start", what, {"step": step, "workers": trainer_arguments.machines()})


def _tokenizer(config: TrainingConfig) -> Tokenizer:
    if not Path(config.base_model_path).is_dir():
        raise NotFoundError(f"no base model at {config.base_model_path}")
    tokenizer = load_tokenizer(Path(config.base_model_path))
    if not tokenizer.chat_template:
        raise DataError(f"{config.base_model_path} has no chat template; {template_names.ADVICE}")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _within_context(config: TrainingConfig) -> TrainingConfig:
    """With rows no longer than the model has positions for."""
    context = getattr(load_config(Path(config.base_model_path)), "max_position_embeddings", None)
    if not isinstance(context, int) or config.max_length <= context:
        return config
    return config.model_copy(update={"max_length": context})


def _report_lengths(data: Tokenised, what: str, limit: int, on_event: Callable[[TrainingEvent], None]) -> None:
    for lines, action in ((data.truncated, "truncated"), (data.dropped, "dropped")):
        if lines:
            shown = ", ".join(map(str, lines[:20])) + (" ..." if len(lines) > 20 else "")
            message = f"{len(lines)} {what} longer than {limit} tokens were {action}: lines {shown}"
            on_event(TrainingEvent("message", message, {"lines": lines}))


def _trainer(
    config: TrainingConfig,
    tokenizer: Tokenizer,
    data: Tokenised,
    held_out: Tokenised | None,
    reporter: Reporter,
    place: Place | None,
) -> LabelledTrainer:
    chosen = trainer_arguments.of(config, len(data.rows), has_validation=held_out is not None)
    is_shared = chosen.world_size > 1
    empty = filler(data.rows[0], tokenizer.pad_token_id)
    trainer: LabelledTrainer = _kind_of_trainer(config)(
        model=trainable_model.load(config, place),
        args=chosen,
        processing_class=tokenizer,
        train_dataset=Dataset.from_list([*data.rows, empty] if is_shared else data.rows),
        eval_dataset=_validation_set(held_out.rows, empty, chosen) if held_out else None,
        callbacks=[reporter],
        batch_size=config.batch_size,
        lines=data.lines,
        place=place,
    )
    trainer.remove_callback(transformers.PrinterCallback)
    reporter.trainer = trainer
    return trainer


def _validation_set(rows: list[dict[str, list[int]]], empty: dict[str, list[int]], chosen: SFTConfig) -> Dataset:
    """The rows, padded with fillers so that every machine gets the same number: the library would repeat rows."""
    missing = -len(rows) % (chosen.per_device_eval_batch_size * chosen.world_size)
    return Dataset.from_list(rows + [empty] * (missing if chosen.world_size > 1 else 0))


def _kind_of_trainer(config: TrainingConfig) -> Callable[..., LabelledTrainer]:
    if config.method == "supervised":
        return LabelledTrainer
    return partial(PreferenceTrainer, beta=config.beta, base=trainable_model.frozen(config))


def _fit_memory(
    trainer: LabelledTrainer,
    config: TrainingConfig,
    data: Tokenised,
    on_event: Callable[[TrainingEvent], None],
    place: Place | None,
) -> None:
    """Say how much memory is needed; where it is too much, let the layers keep less."""
    model, rows = trainable_model.causal(trainer.network), trainer.args.per_device_train_batch_size
    plain, less = (
        memory_estimate.needed(trainer.model, data.rows, rows, IGNORED, checkpointing=each) for each in (False, True)
    )
    available = memory_estimate.free() - (place.others(plain) if place is not None else 0)
    checkpoints = checkpointed_layers.can_checkpoint(model) and checkpointed_layers.is_wanted(
        config, plain, less, available
    )
    need = less if checkpoints else plain
    facts: JobEventData = {"needed": need._asdict(), "free": available}
    on_event(TrainingEvent("message", memory_estimate.summary(need, available), facts))
    if checkpoints:
        checkpointed_layers.checkpoint_layers(place.whole if place is not None and place.is_shared else model)
        on_event(TrainingEvent("message", checkpointed_layers.message(plain, less)))


def _keep_best(
    trainer: LabelledTrainer, config: TrainingConfig, on_event: Callable[[TrainingEvent], None]
) -> BestWeights | None:
    if not (config.keep_best or config.early_stopping):
        return None
    check_validated(config.model_dump(), has_validation=config.validation_file is not None)

    def save(whole: Network, folder: Path) -> None:
        trainable_model.save(whole, trainer.processing_class, folder)

    best = BestWeights(Path(config.output_dir) / "best", config.early_stopping, trainer.whole_network, save, on_event)
    trainer.add_callback(best)
    return best


def _load_best(whole: Network, best: BestWeights, step: int, on_event: Callable[[TrainingEvent], None]) -> None:
    """Put the best weights in place of the last ones."""
    if best.step is None or best.step == step:
        return
    trainable_model.load_weights(whole, best.weights)
    facts: JobEventData = {"best_step": best.step, "step": step}
    message = f"the weights of step {best.step} are kept: their validation loss was lowest"
    on_event(TrainingEvent("message", message, facts))


def _save(
    trained: Network,
    tokenizer: Tokenizer,
    config: TrainingConfig,
    on_event: Callable[[TrainingEvent], None],
    *,
    is_shared: bool,
) -> tuple[Path | None, Path]:
    """Write the adapter, the merged model and a few of its answers; each is written completely or not at all."""
    output = Path(config.output_dir)
    adapter, merged = None if config.tuning == "full" else output / "adapter", output / "merged"
    if adapter is not None:
        with atomic_folder(adapter) as folder:
            trainable_model.save(trained, tokenizer, folder)
        on_event(TrainingEvent("message", "merging the adapter into the base model"))
    compiled_layers.undo(trainable_model.causal(trained))
    model = trainable_model.merged(trained, config, adapter, is_shared=is_shared)
    with atomic_folder(merged) as folder:
        save_merged(model, tokenizer, folder)
    write_probes(model, tokenizer, config.train_file, output)
    return adapter, merged
