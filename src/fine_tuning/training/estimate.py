"""How long training takes, before any of it has run."""

from __future__ import annotations

from typing import Any

from fine_tuning import checks
from fine_tuning.errors import UsageError

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


def training_time(
    num_examples: int, num_epochs: int, gpu_type: str, parameters: float, tokens_per_example: float
) -> dict[str, Any]:
    """Seconds = tokens x 4 x parameters / (peak x 0.4); see `OllamaFineTuner.estimate_training_time`."""
    checks.count("num_examples", num_examples)
    checks.count("num_epochs", num_epochs, 1)
    if not checks.amount("parameters", parameters) or not checks.amount("tokens_per_example", tokens_per_example):
        raise UsageError("parameters and tokens_per_example must be more than 0")
    checks.one_of("gpu_type", str(gpu_type).lower(), list(PEAK_FLOPS))
    rate = PEAK_FLOPS[gpu_type.lower()] * UTILISATION / (FLOPS_PER_PARAMETER_AND_TOKEN * parameters)
    tokens = num_examples * num_epochs * tokens_per_example
    seconds = tokens / rate
    return {
        "num_examples": num_examples,
        "num_epochs": num_epochs,
        "total_examples": num_examples * num_epochs,
        "total_tokens": round(tokens),
        "gpu_type": gpu_type.lower(),
        "parameters": parameters,
        "tokens_per_second": rate,
        "estimated_seconds": seconds,
        "estimated_minutes": seconds / 60,
        "estimated_hours": seconds / 3600,
    }
