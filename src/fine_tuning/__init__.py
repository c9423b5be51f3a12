"""Own a smaller, cheaper model for your job: capture, curate, fine-tune, evaluate, A/B test, deploy, count the cost.

The public names are loaded when they are first used, so that `import fine_tuning` costs nothing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# TRL, MLflow, Daft and Ray would tell their makers that they are used, unless they find these before they are loaded.
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

if TYPE_CHECKING:
    from fine_tuning.ab_testing import ABTestFramework, ABTestResult
    from fine_tuning.cli import FineTuningCLI
    from fine_tuning.cost_tracker import CostAnalysis, CostTracker
    from fine_tuning.dataset_builder import DatasetBuilder, prepare_fine_tuning_dataset
    from fine_tuning.errors import FineTuningError
    from fine_tuning.llm_service import LLMService
    from fine_tuning.local_fine_tuner import LocalFineTuner
    from fine_tuning.model_evaluator import EvaluationResult, ModelEvaluator
    from fine_tuning.model_registry import FinetuneJobRecord, ModelRegistry
    from fine_tuning.ollama_fine_tuner import OllamaFineTuner
    from fine_tuning.openai_fine_tuner import OpenAIFineTuner

_HOMES = {
    "ABTestFramework": "ab_testing",
    "ABTestResult": "ab_testing",
    "CostAnalysis": "cost_tracker",
    "CostTracker": "cost_tracker",
    "DatasetBuilder": "dataset_builder",
    "EvaluationResult": "model_evaluator",
    "FineTuningCLI": "cli",
    "FineTuningError": "errors",
    "FinetuneJobRecord": "model_registry",
    "LLMService": "llm_service",
    "LocalFineTuner": "local_fine_tuner",
    "ModelEvaluator": "model_evaluator",
    "ModelRegistry": "model_registry",
    "OllamaFineTuner": "ollama_fine_tuner",
    "OpenAIFineTuner": "openai_fine_tuner",
    "prepare_fine_tuning_dataset": "dataset_builder",
}

__all__ = [
    "ABTestFramework",
    "ABTestResult",
    "CostAnalysis",
    "CostTracker",
    "DatasetBuilder",
    "EvaluationResult",
    "FineTuningCLI",
    "FineTuningError",
    "FinetuneJobRecord",
    "LLMService",
    "LocalFineTuner",
    "ModelEvaluator",
    "ModelRegistry",
    "OllamaFineTuner",
    "OpenAIFineTuner",
    "prepare_fine_tuning_dataset",
]


if not TYPE_CHECKING:  # a type checker reads the imports above; this would hide a mistyped name from it

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'fine_tuning' has no attribute {name!r}")
        return getattr(import_module(f"fine_tuning.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
