"""Evaluate models on test files, and compare two evaluations."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning._util import checks
from fine_tuning._util.model_names import version_name
from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.commands.options import with_options
from fine_tuning.errors import UsageError

if TYPE_CHECKING:
    from fine_tuning.evaluation.comparison import MetricChange
    from fine_tuning.evaluation.prediction_powered import Corrected
    from fine_tuning.evaluation.score_predictions import Evaluation
    from fine_tuning.evaluation.score_summary import Figure
    from fine_tuning.store.workspace import Workspace
    from fine_tuning.workflows.answering import Answering
    from fine_tuning.workflows.evaluation_questions import Prediction, Question
    from fine_tuning.workflows.judging import Grade

DEFAULT_ROWS = 10
MAX_TEXT = 60  # characters of a text in a table
SHORT_NAMES = {"exact": "exact_match", "substring": "substring_match"}


class ModelType(StrEnum):
    """The kind of model that is evaluated."""

    base = "base"
    fine_tuned = "fine_tuned"


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of `evaluate-model`."""

    cost: Annotated[float | None, typer.Option(help="US dollars per call, in place of the measured cost.")] = None
    metric: Annotated[
        list[str] | None,
        typer.Option(help="exact, substring, token_f1, rougeL, bleu, json_valid, ...; repeatable. Default: exact."),
    ] = None
    judge: Annotated[str | None, typer.Option(help="Model that grades each prediction.")] = None
    rubric: Annotated[str | None, typer.Option(help="Description of a good answer, for the judge.")] = None
    max_tokens: Annotated[int, typer.Option(help="Maximum tokens per prediction.")] = 256
    concurrency: Annotated[int, typer.Option("--concurrency", "--at-once", help="Concurrent calls to a host.")] = 8
    per_minute: Annotated[float | None, typer.Option(help="Maximum calls to a host per minute.")] = None
    fresh: Annotated[bool, typer.Option("--fresh", help="Ignore stored predictions and call the model again.")] = False


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("evaluate-model", rich_help_panel="Evaluation")(with_options(evaluate_model))
    app.command("evaluate-compare", rich_help_panel="Evaluation")(evaluate_compare)


def evaluate_model(
    name: Annotated[
        str, typer.Argument(help="Registered name, <name>-v<version>, <name>@<alias>, base model, or a host's model.")
    ],
    model_type: Annotated[ModelType, typer.Argument(help="base or fine_tuned.")],
    test_file: Annotated[
        Path, typer.Argument(help="Chat, alpaca or prompt/response rows; or rows with prediction and reference.")
    ],
    options: EvaluationOptions,
    as_json: output.Json = False,
) -> None:
    """Evaluate a model on a test file. Predictions are stored: run it again to resume."""
    from fine_tuning.evaluation import metrics
    from fine_tuning.model_evaluator import ModelEvaluator
    from fine_tuning.workflows.answering import answered, answering
    from fine_tuning.workflows.evaluation_questions import clusters, read_questions
    from fine_tuning.workflows.predict import CallOptions, predict
    from fine_tuning.workflows.prediction_cache import kept_note

    names = list(dict.fromkeys(SHORT_NAMES.get(each, each) for each in options.metric or ["exact"]))
    for each in names:
        metrics.check(each)  # before a call is paid
    price = checks.amount("--cost", options.cost)
    if options.rubric is not None and options.judge is None:
        raise UsageError("--rubric is for a judge; name one with --judge")
    questions = read_questions(test_file)
    for each in names:
        metrics.check_references(each, [question.reference for question in questions])
    checks.count("--concurrency", options.concurrency, 1, 1000)
    calls = CallOptions(options.max_tokens, options.concurrency, options.per_minute, options.fresh)
    workspace = command_workspace()
    is_called = any(question.prediction is None for question in questions)
    model = (answering if is_called else answered)(name, workspace)
    with output.count_progress("questions answered") as on_progress:
        predictions = predict(model.pinned, questions, calls, workspace=workspace, on_progress=on_progress)
    grades = _grade(workspace, options, questions, predictions, model.pinned)
    evaluation = ModelEvaluator(workspace=workspace).evaluate(
        [prediction.text for prediction in predictions],
        [question.reference for question in questions],
        model.model,
        model_type.value,
        metrics=names,
        errors=[prediction.error for prediction in predictions],
        latencies_ms=[prediction.latency_ms for prediction in predictions],
        costs=[prediction.cost if price is None else price for prediction in predictions],
        questions=[question.text for question in questions],
        slices=[question.slices for question in questions],
        clusters=clusters(questions),
        scores={"judge": [grade.value for grade in grades]} if grades else None,
        metadata=_metadata(test_file, model, options),
    )
    corrected = _corrected(questions, grades)
    if as_json:
        _print_json(evaluation, grades, corrected)
        return
    _print(evaluation, test_file.name)
    if kept := kept_note(predictions):
        output.print_text(f"{kept}; --fresh calls the model again")
    _print_grades(grades, corrected)


def _corrected(questions: list[Question], grades: list[Grade]) -> Corrected | None:
    """What the judge's grades say, corrected by people's."""
    from fine_tuning.workflows import evaluation_questions, judging

    if not grades:
        return None
    human, clusters = [each.human for each in questions], evaluation_questions.clusters(questions)
    drawn = [each.human_probability for each in questions]
    return judging.corrected([grade.value for grade in grades], human, clusters, probabilities=drawn)


def _metadata(test_file: Path, model: Answering, options: EvaluationOptions) -> dict[str, object]:
    found = {"test_file": str(test_file), "version": model.version, "judge": options.judge}
    return {name: value for name, value in found.items() if value is not None}


def _grade(
    workspace: Workspace,
    options: EvaluationOptions,
    questions: list[Question],
    predictions: list[Prediction],
    about: str,
) -> list[Grade]:
    """The judge's grades; empty without a judge."""
    from fine_tuning.evaluation.judge_prompts import RUBRIC
    from fine_tuning.workflows import judging

    if options.judge is None:
        return []
    with output.count_progress("predictions judged") as on_progress:
        return judging.grade_predictions(
            options.judge,
            questions,
            [prediction.text for prediction in predictions],
            options.rubric or RUBRIC,
            about=about,
            workspace=workspace,
            on_progress=on_progress,
        )


def _print_json(evaluation: Evaluation, grades: list[Grade], corrected: Corrected | None) -> None:
    """Print an evaluation with the names of an EvaluationResult for the first metric."""
    facts = asdict(evaluation)
    del facts["rows"]
    accuracy = next(iter(evaluation.figures.values()))
    facts |= {
        "accuracy": accuracy.value,
        "accuracy_interval": (accuracy.low, accuracy.high),
        "avg_latency_ms": evaluation.latency_ms["mean"],
        "cost_per_inference": evaluation.cost.value,
    }
    if corrected is not None:
        facts["judge_corrected"] = corrected._asdict()
        facts["judge_errors"] = [grade.error for grade in grades if grade.error is not None]
    output.print_json(facts)


def _print_grades(grades: list[Grade], corrected: Corrected | None) -> None:
    from fine_tuning.workflows.prediction_cache import kept_note

    if kept := kept_note([grade.reply for grade in grades if grade.reply is not None], "grades"):
        output.print_text(kept)
    errors = [grade.error for grade in grades if grade.error is not None]
    if errors:
        output.print_text(
            f"{len(errors)} of {len(grades)} predictions were not judged: {errors[0]}; run it again to judge them"
        )
    if corrected is not None and not isnan(corrected.estimate):
        low, high = output.percent(corrected.low), output.percent(corrected.high)
        shown = f"{output.percent(corrected.estimate)} (95 % interval {low} to {high})"
        more = "" if corrected.more is None else f"; about {corrected.more:,} more ratings halve the interval"
        output.print_text(f"estimated human score, from the human_rating of some predictions: {shown}{more}")


def _print(evaluation: Evaluation, file: str) -> None:
    rows = [(name, *_cells(figure, is_rate=_is_rate(name))) for name, figure in evaluation.figures.items()]
    rows += [(name, *_cells(figure, is_rate=True)) for name, figure in evaluation.averages.items()]
    rows += [
        ("errors", *_cells(evaluation.errors, is_rate=True)),
        ("refusals", *_cells(evaluation.refusals, is_rate=True)),
    ]
    columns = ["Metric", "Value#", "95 % interval#", "Examples#"]
    version = evaluation.metadata.get("version")
    name = evaluation.model_name if version is None else version_name(evaluation.model_name, version)
    output.print_table(f"{name} on {file} (evaluation {evaluation.id})", columns, rows)
    latency = evaluation.latency_ms
    facts = {
        "latency mean, p50, p95": ", ".join(
            output.number(value, "ms") for value in (latency["mean"], latency["p50"], latency["p95"])
        ),
        "cost per call": output.usd(evaluation.cost.value),
        "examples": evaluation.test_set_size,
    }
    output.print_facts("Details", facts)
    for field, values in evaluation.slices.items():
        output.print_table(
            f"By {field}",
            [field, *(f"{name}#" for name in evaluation.figures), "Examples#"],
            [(value, *_slice_cells(figures)) for value, figures in values.items()],
        )


def _slice_cells(figures: dict[str, Figure]) -> tuple[str | int, ...]:
    values = (_with_interval(figure, is_rate=_is_rate(name)) for name, figure in figures.items())
    return (*values, next(iter(figures.values())).examples)


def _with_interval(figure: Figure, *, is_rate: bool) -> str:
    value, interval, _ = _cells(figure, is_rate=is_rate)
    return value if isnan(figure.value) else f"{value} ({interval})"


def evaluate_compare(
    first: Annotated[str, typer.Argument(help="Model name (its latest evaluation) or evaluation id.")],
    second: Annotated[str, typer.Argument(help="Evaluation to compare it with, likewise a model name or id.")],
    rows: Annotated[int, typer.Option(help="Number of changed examples to show.")] = DEFAULT_ROWS,
    as_json: output.Json = False,
) -> None:
    """Compare two evaluations: differences of each metric with intervals, by slice and by example."""
    from fine_tuning.model_evaluator import ModelEvaluator

    found = ModelEvaluator(workspace=command_workspace()).compare_evaluations(first, second)
    if as_json:
        output.print_json(found)
        return
    names = [f"{side['model_name']} ({side['id']})" for side in (found["first"], found["second"])]
    columns = ["Metric", "First#", "Second#", "Difference#", "95 % interval#", "p#", "Adjusted p#", "Test"]
    changes = [_change_cells(change["metric"], change) for change in found["changes"]]
    output.print_table(f"{names[0]} and {names[1]} on {found['examples']} examples", columns, changes)
    if found["slices"]:
        by_slice = [_change_cells(f"{each['field']} = {each['value']}", each) for each in found["slices"]]
        output.print_table(f"By slice: {found['changes'][0]['metric']}", ["Slice", *columns[1:]], by_slice)
    changed = [
        (
            output.short(row["question"], MAX_TEXT),
            output.short(row["reference"], MAX_TEXT),
            output.short(row["first"] or row["first_error"], MAX_TEXT),
            output.short(row["second"] or row["second_error"], MAX_TEXT),
            row["first_score"],
            row["second_score"],
        )
        for row in found["rows"][:rows]
    ]
    if changed:
        title = f"Changed examples ({len(found['rows'])}, largest losses first)"
        columns = ["Question", "Reference", "First", "Second", "First score#", "Second score#"]
        output.print_table(title, columns, changed)


def _change_cells(label: str, change: MetricChange) -> tuple[str, ...]:
    is_rate = _is_rate(change["metric"])
    interval = f"{_value(change['low'], is_rate=is_rate)} to {_value(change['high'], is_rate=is_rate)}"
    values = (_value(value, is_rate=is_rate) for value in (change["first"], change["second"], change["difference"]))
    return (label, *values, interval, _p(change["p_value"]), _p(change["adjusted_p"]), change["test"])


def _is_rate(name: str) -> bool:
    from fine_tuning.evaluation import label_averages, metrics

    return name in label_averages.NAMES or metrics.find(name).bounds == (0.0, 1.0)


def _cells(figure: Figure, *, is_rate: bool) -> tuple[str, str, int]:
    interval = f"{_value(figure.low, is_rate=is_rate)} to {_value(figure.high, is_rate=is_rate)}"
    return _value(figure.value, is_rate=is_rate), "unknown" if isnan(figure.low) else interval, figure.examples


def _value(value: float, *, is_rate: bool) -> str:
    return output.percent(value) if is_rate or isnan(value) else f"{value:.2f}"


def _p(value: float) -> str:
    return "-" if isnan(value) else f"{value:.2g}"
