"""Fewer rows at once, where memory has run out; nothing here needs the training libraries."""

from __future__ import annotations

from fine_tuning.errors import TrainingError
from fine_tuning.training.loop.training_config import TrainingConfig
from fine_tuning.training.loop.training_events import TrainingEvent


def with_fewer_rows(config: TrainingConfig, tried: int) -> TrainingConfig:
    """Half the micro batch size that was tried.

    Raises:
        TrainingError: one row was tried.
    """
    if tried == 1:
        raise TrainingError(
            "out of memory with one row at a time; lower max_length, set tuning to qlora, or use a smaller base model"
        )
    return config.model_copy(update={"micro_batch_size": tried // 2})


def out_of_memory(tried: int, config: TrainingConfig) -> TrainingEvent:
    """The event that `tried` rows at once were too many, and that `config` has fewer."""
    message = f"out of memory with {tried} rows at once; continuing with {config.micro_batch_size} at once"
    return TrainingEvent("message", message, {"micro_batch_size": config.micro_batch_size})
