"""Estimate the time of a training before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from fine_tuning._util import checks
from fine_tuning.base_models import catalogue
from fine_tuning.errors import UsageError
from fine_tuning.training.loop import speed_calibration

# Peak dense half-precision rates from the makers' data sheets, in FLOP/s (M1: GPU single precision; CPU: two cores
# with AVX-512 BF16).
PEAK_FLOPS = {
    "h200": 989e12,
    "h100": 989e12,
    "a100": 312e12,
    "l40s": 362e12,
    "rtx4090": 165e12,
    "a10": 125e12,
    "v100": 125e12,
    "t4": 65e12,
    "m1": 2.6e12,
    "cpu": 0.4e12,
}
UTILISATION = 0.4  # of the peak that a well-tuned run reaches
FLOPS_PER_PARAMETER_AND_TOKEN = 4  # LoRA: forward 2, backward through frozen weights 2
TOKENS_PER_EXAMPLE = 200
PARAMETERS = 7e9
HERE = "here"  # this machine, whose speed is measured; that of the others is from data sheets


class TrainingTime(TypedDict):
    """Estimated time of a training; `start_seconds` are before the first and after the last step."""

    num_examples: int
    num_epochs: int
    total_examples: int
    total_tokens: int
    gpu_type: str
    parameters: float
    tokens_per_second: float
    start_seconds: float
    estimated_seconds: float
    estimated_minutes: float
    estimated_hours: float


@dataclass(frozen=True)
class BaseModelHere:
    """A base model to train for a few steps on this machine; by default the embedded one.

    Attributes:
        models_folder: the workspace's folder of models.
    """

    base_model: str | None
    models_folder: Path


def training_time(
    num_examples: int,
    num_epochs: int,
    gpu_type: str,
    parameters: float | None,
    tokens_per_example: float,
    here: BaseModelHere | None = None,
) -> TrainingTime:
    """Seconds = tokens x 4 x parameters / (peak x 0.4), or by measured steps; see `OllamaFineTuner`.

    Args:
        here: what is trained to measure this machine; needed for the GPU type "here".
    """
    checks.count("num_examples", num_examples)
    checks.count("num_epochs", num_epochs, 1)
    for name, value in (("parameters", parameters), ("tokens_per_example", tokens_per_example)):
        if value is not None and not checks.amount(name, value):
            raise UsageError(f"{name} must be more than 0")
    checks.one_of("gpu_type", str(gpu_type).lower(), [*PEAK_FLOPS, HERE])
    start = 0.0
    if gpu_type.lower() == HERE:
        if here is None:
            raise UsageError("name a base model to measure this machine with")
        rate, start, parameters = _measured(here, parameters, tokens_per_example)
    else:
        parameters = parameters or PARAMETERS
        rate = PEAK_FLOPS[gpu_type.lower()] * UTILISATION / (FLOPS_PER_PARAMETER_AND_TOKEN * parameters)
    tokens = num_examples * num_epochs * tokens_per_example
    seconds = start + tokens / rate
    return {
        "num_examples": num_examples,
        "num_epochs": num_epochs,
        "total_examples": num_examples * num_epochs,
        "total_tokens": round(tokens),
        "gpu_type": gpu_type.lower(),
        "parameters": parameters,
        "tokens_per_second": rate,
        "start_seconds": start,
        "estimated_seconds": seconds,
        "estimated_minutes": seconds / 60,
        "estimated_hours": seconds / 3600,
    }


def _measured(here: BaseModelHere, parameters: float | None, tokens_per_example: float) -> tuple[float, float, float]:
    """Tokens per second and start seconds on this machine, and the number of parameters they hold for.

    The work is proportional to the parameters, by which the measured speed is scaled to another model of the kind.
    """
    base = catalogue.resolve(here.base_model or catalogue.DEFAULT_BASE_MODEL, here.models_folder)
    if base.parameters is None:
        raise UsageError(f"the parameters of {base.name} are unknown")
    found = speed_calibration.measure(base.path, tokens_per_example)
    scaled_to = parameters or base.parameters
    return found.tokens_per_second * base.parameters / scaled_to, found.start_seconds, scaled_to
