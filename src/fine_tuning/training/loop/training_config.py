"""The settings of a training run, checked, and stored as JSON with the job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Annotated, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveFloat, ValidationError

from fine_tuning.base_models.template_names import ChatTemplate
from fine_tuning.errors import MissingDependencyError, UsageError

Precision = Literal["auto", "bf16", "fp32"]
Method = Literal["supervised", "dpo"]
Tuning = Literal["lora", "qlora", "full"]
Tracker = Literal["tensorboard", "mlflow", "wandb"]
Count = Annotated[int, Field(ge=1)]
LEARNING_RATES = {
    "supervised": {"lora": 1e-3, "qlora": 1e-3, "full": 5e-5},
    "dpo": {"lora": 1e-4, "qlora": 1e-4, "full": 1e-6},
}  # that train well, by method and tuning


class TrainingConfig(BaseModel):
    """Settings of one fine-tuning run.

    Files are OpenAI chat JSONL: one `{"messages": [{"role": ..., "content": ...}, ...]}` a line; an assistant message
    may carry `"weight": 0` to be read but not trained on. With the method "dpo" they are OpenAI's preference JSONL:
    `input`, `preferred_output` and `non_preferred_output`. The effective learning rate is
    `learning_rate * learning_rate_multiplier`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_model_path: str = Field(min_length=1, description="folder with config, safetensors, tokenizer, chat template")
    train_file: str = Field(min_length=1)
    validation_file: str | None = None
    output_dir: str = Field(min_length=1, description="receives checkpoints/, adapter/, merged/ and metrics.json")
    method: Method = Field(
        default="supervised",
        description="Train on chats (supervised) or on preference pairs (dpo).",
    )
    tuning: Tuning = Field(
        default="lora",
        description="Train LoRA adapters (lora), adapters on a 4-bit base (qlora) or all weights (full).",
    )
    n_epochs: Count = 3
    max_steps: Count | None = Field(default=None, description="Maximum number of optimizer steps.")
    batch_size: Count = Field(default=4, description="Conversations per optimizer step.")
    micro_batch_size: Count | None = Field(default=None, description="Conversations in memory at once.")
    learning_rate: PositiveFloat = Field(
        default_factory=lambda data: LEARNING_RATES[data.get("method", "supervised")][data.get("tuning", "lora")]
    )
    learning_rate_multiplier: PositiveFloat = 1.0
    beta: PositiveFloat = Field(
        default=0.1, description="dpo: weight of the penalty for diverging from the base model."
    )
    lora_rank: Count = 16
    lora_alpha: Count = 32
    lora_dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    trained_layers: Count | None = Field(default=None, description="Train only this many of the uppermost layers.")
    max_length: int = Field(
        default=1024, ge=8, description="Maximum number of tokens of a conversation; the rest is truncated."
    )
    chat_template: ChatTemplate | None = Field(
        default=None, description="Chat template, for a base model that has none."
    )
    seed: int = Field(default=42, ge=0, lt=2**32)
    checkpoint_steps: Count | None = Field(default=None, description="Optimizer steps between checkpoints.")
    eval_steps: Count | None = Field(default=None, description="Steps between validations; once per epoch when unset.")
    early_stopping: Count | None = Field(
        default=None,
        description="Stop after this many validations without a lower loss, and keep the best weights.",
    )
    keep_best: bool = Field(
        default=False, description="Keep the weights with the lowest validation loss instead of the last."
    )
    precision: Precision = "auto"
    compile_layers: bool | None = Field(
        default=None, description="Compile the layers of the model; when unset, only for long trainings."
    )
    gradient_checkpointing: bool | None = Field(
        default=None,
        description="Compute each layer again in the backward pass; when unset, where memory requires it.",
    )
    workers: Count = Field(
        default=1, description="Number of data-parallel workers (machines, or processes on one machine)."
    )
    ray_address: str | None = Field(
        default=None, description="Address of the Ray cluster of the workers; this machine when unset."
    )
    report_to: Annotated[tuple[Tracker, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)] = Field(
        default=(), description="Experiment trackers that receive the metrics: tensorboard, mlflow, wandb."
    )


def check_validated(values: Mapping[str, object], *, has_validation: bool) -> None:
    """Raise UsageError for settings that need a validation file where there is none."""
    chosen = [name for name in ("early_stopping", "keep_best") if values.get(name)]
    if chosen and not has_validation:
        raise UsageError(f"{' and '.join(chosen)}: needs the loss of a validation file; name one")


def check_packages(values: Mapping[str, object]) -> None:
    """Raise MissingDependencyError unless the packages that these settings need are installed.

    Args:
        values: checked hyperparameters.
    """
    workers = values.get("workers", 1)
    if ((isinstance(workers, int) and workers > 1) or values.get("ray_address")) and find_spec("ray") is None:
        raise MissingDependencyError("ray", "distributed", "training on several workers")
    if values.get("tuning") == "qlora" and find_spec("bitsandbytes") is None:
        raise MissingDependencyError("bitsandbytes", "qlora", "training on a base in 4 bits")
    trackers = values.get("report_to", ())
    for tracker in (trackers,) if isinstance(trackers, str) else cast("Sequence[str]", trackers):
        if find_spec(tracker) is None:
            raise MissingDependencyError(tracker, None, f"reporting to {tracker}")


def can_share_base(values: Mapping[str, object]) -> bool:
    """Whether a training puts nothing but plain adapters on its base model, so that others can train on it as well.

    Args:
        values: hyperparameters, or all settings of a training.
    """
    plain = {"method": "supervised", "tuning": "lora", "lora_dropout": 0.0, "workers": 1, "ray_address": None}
    return all(values.get(name, default) == default for name, default in plain.items()) and not values.get(
        "compile_layers"
    )


FILES = ("base_model_path", "train_file", "validation_file", "output_dir")
HYPERPARAMETERS = tuple(name for name in TrainingConfig.model_fields if name not in FILES)


def check_hyperparameters(values: Mapping[str, object]) -> None:
    """Check the settings that a user may choose for a job.

    Raises:
        UsageError: one is unknown or out of range; the message names each.
    """
    unknown = sorted(set(values) - set(HYPERPARAMETERS))
    if unknown:
        raise UsageError(f"unknown hyperparameter {', '.join(unknown)}; known are {', '.join(HYPERPARAMETERS)}")
    try:
        TrainingConfig.model_validate({"base_model_path": "-", "train_file": "-", "output_dir": "-", **values})
    except ValidationError as error:
        found = [e for e in error.errors() if e["type"] != "default_factory_not_called"]  # follows from another one
        problems = (f"{e['loc'][0]} = {e['input']!r}: {e['msg'][0].lower()}{e['msg'][1:]}" for e in found)
        raise UsageError(f"hyperparameter {'; '.join(problems)}") from error
