"""Evaluation of one model on a test file."""

from __future__ import annotations

from enum import StrEnum
from math import nan
from pathlib import Path
from typing import Annotated

import typer

from fine_tuning import checks
from fine_tuning.commands import output


class ModelType(StrEnum):
    """What is evaluated."""

    base = "base"
    fine_tuned = "fine_tuned"


class Metric(StrEnum):
    """When an answer is right."""

    exact = "exact"
    substring = "substring"


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("evaluate-model", rich_help_panel="Evaluation")(evaluate_model)


def evaluate_model(
    name: Annotated[
        str, typer.Argument(help="Model: a registered name, <name>-v<version>, a base model, a host's id.")
    ],
    model_type: Annotated[ModelType, typer.Argument(help="base or fine_tuned.")],
    test_file: Annotated[
        Path, typer.Argument(help="Chat, alpaca or prompt/response rows; or prediction and reference.")
    ],
    cost: Annotated[float | None, typer.Option(help="US dollars a call, where it is not measured.")] = None,
    metric: Annotated[Metric, typer.Option(help="When an answer is right.")] = Metric.exact,
    max_tokens: Annotated[int, typer.Option(help="Longest answer.")] = 256,
    as_json: output.Json = False,
) -> None:
    """Ask the model every question of a file (or read its answers there) and score them."""
    from fine_tuning.model_evaluator import ModelEvaluator
    from fine_tuning.pipeline import answers_for

    checks.amount("--cost", cost)
    answers = answers_for(name, test_file, max_tokens=max_tokens)
    evaluator = ModelEvaluator()
    score = evaluator.evaluate_exact_match if metric is Metric.exact else evaluator.evaluate_substring_match
    measured = answers.mean_cost
    result = score(
        answers.predictions,
        answers.references,
        name,
        model_type.value,
        answers.latencies_ms,
        cost if cost is not None else (nan if measured is None else measured),
        metadata={"test_file": str(test_file)},
    )
    if as_json:
        output.print_json(vars(result))
        return
    low, high = (output.percent(bound) for bound in result.accuracy_interval)
    facts = {
        "accuracy": f"{output.percent(result.accuracy)} (95 % interval {low} to {high})",
        "precision (macro)": output.percent(result.precision),
        "recall (macro)": output.percent(result.recall),
        "F1 (macro)": output.percent(result.f1_score),
        "mean latency": output.number(result.avg_latency_ms, "ms"),
        "cost a call": output.usd(result.cost_per_inference),
        "examples": result.test_set_size,
    }
    output.print_facts(f"{name} on {test_file.name}, {metric.value} match", facts)
