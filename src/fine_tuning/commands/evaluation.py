"""Evaluation of models on test files, and the difference between two."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fine_tuning._util import checks
from fine_tuning.commands import output
from fine_tuning.errors import UsageError

if TYPE_CHECKING:
    from fine_tuning.evaluation.prediction_powered import Corrected
    from fine_tuning.evaluation.score_predictions import Evaluation
    from fine_tuning.evaluation.score_summary import Figure
    from fine_tuning.workflows.answering import Answer, Question
    from fine_tuning.workflows.judging import Judged

ROWS_SHOWN = 10
TEXT_SHOWN = 60  # characters of a text in a table
SHORT_NAMES = {"exact": "exact_match", "substring": "substring_match"}


class ModelType(StrEnum):
    """What is evaluated."""

    base = "base"
    fine_tuned = "fine_tuned"


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("evaluate-model", rich_help_panel="Evaluation")(evaluate_model)
    app.command("evaluate-compare", rich_help_panel="Evaluation")(evaluate_compare)


def evaluate_model(
    name: Annotated[
        str, typer.Argument(help="Model: a registered name, <name>-v<version>, a base model, a host's id.")
    ],
    model_type: Annotated[ModelType, typer.Argument(help="base or fine_tuned.")],
    test_file: Annotated[
        Path, typer.Argument(help="Chat, alpaca or prompt/response rows; or prediction and reference.")
    ],
    cost: Annotated[float | None, typer.Option(help="US dollars a call, where it is not measured.")] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="exact, substring, token_f1, rougeL, bleu, json_valid, ...; may be given often. Default: exact."
        ),
    ] = None,
    judge: Annotated[str | None, typer.Option(help="A model that grades each answer; named as the model.")] = None,
    rubric: Annotated[str | None, typer.Option(help="What a good answer is, for the judge.")] = None,
    max_tokens: Annotated[int, typer.Option(help="Longest answer.")] = 256,
    at_once: Annotated[int, typer.Option(help="Calls of a host that are under way together.")] = 8,
    per_minute: Annotated[float | None, typer.Option(help="Most calls of a host.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask again what was answered in an earlier run.")] = False,
    as_json: output.Json = False,
) -> None:
    """Ask the model every question of a file (or read its answers there) and score them; interrupted, it goes on."""
    from fine_tuning.evaluation import metrics
    from fine_tuning.evaluation.judge_prompts import RUBRIC
    from fine_tuning.model_evaluator import ModelEvaluator
    from fine_tuning.workflows import answering, judging

    names = list(dict.fromkeys(SHORT_NAMES.get(each, each) for each in metric or ["exact"]))
    for each in names:
        metrics.check(each)  # a wrong name is said before a call is paid
    price = checks.amount("--cost", cost)
    if rubric is not None and judge is None:
        raise UsageError("--rubric is for a judge; name one with --judge")
    questions = answering.read_questions(test_file)
    with output.count_progress("questions answered") as told:
        answers = answering.answers(
            name, questions, max_tokens, at_once=at_once, per_minute=per_minute, fresh=fresh, progress=told
        )
    judged = _judged(judge, rubric or RUBRIC, questions, answers)
    grades = [each.grade for each in judged] if judged else None
    clusters = answering.clusters(questions)
    evaluation = ModelEvaluator().evaluate(
        [answer.text for answer in answers],
        [question.reference for question in questions],
        name,
        model_type.value,
        metrics=names,
        errors=[answer.error for answer in answers],
        latencies_ms=[answer.latency_ms for answer in answers],
        costs=[answer.cost if price is None else price for answer in answers],
        questions=[question.text for question in questions],
        slices=[question.slices for question in questions],
        clusters=clusters,
        scores=None if grades is None else {"judge": grades},
        metadata={"test_file": str(test_file), **({"judge": judge} if judge else {})},
    )
    people = None if grades is None else judging.corrected(grades, [each.human for each in questions], clusters)
    if as_json:
        unjudged = [each.error for each in judged if each.error is not None]
        more = {"judge_corrected": people._asdict(), "judge_errors": unjudged} if people else {}
        output.print_json(_facts(evaluation) | more)
        return
    _print(evaluation, test_file.name)
    _print_judged(judged, people)


def _judged(judge: str | None, rubric: str, questions: list[Question], answers: list[Answer]) -> list[Judged]:
    """A judge's grades; none without a judge."""
    from fine_tuning.workflows import judging

    if judge is None:
        return []
    with output.count_progress("answers judged") as told:
        return judging.judged(judge, questions, [answer.text for answer in answers], rubric, progress=told)


def _print_judged(judged: list[Judged], people: Corrected | None) -> None:
    errors = [each.error for each in judged if each.error is not None]
    if errors:
        output.print_text(f"{len(errors)} of {len(judged)} answers were not judged: {errors[0]}; run again for them")
    if people is not None and not isnan(people.estimate):
        low, high = output.percent(people.low), output.percent(people.high)
        shown = f"{output.percent(people.estimate)} (95 % interval {low} to {high})"
        output.print_text(f"as people would grade, by the human_rating of some answers: {shown}")


def _facts(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation for a program, with the names of an EvaluationResult for the first metric."""
    facts = asdict(evaluation)
    del facts["rows"]
    accuracy = next(iter(evaluation.figures.values()))
    return facts | {
        "accuracy": accuracy.value, "accuracy_interval": (accuracy.low, accuracy.high),
        "avg_latency_ms": evaluation.latency_ms["mean"], "cost_per_inference": evaluation.cost.value,
    }  # fmt: skip


def _print(evaluation: Evaluation, file: str) -> None:
    rows = [(name, *_cells(figure, _is_rate(name))) for name, figure in evaluation.figures.items()]
    rows += [("errors", *_cells(evaluation.errors, True)), ("refusals", *_cells(evaluation.refusals, True))]
    columns = ["Metric", "Value#", "95 % interval#", "Examples#"]
    output.print_table(f"{evaluation.model_name} on {file} (evaluation {evaluation.id})", columns, rows)
    latency = evaluation.latency_ms
    facts = {
        "precision, recall, F1 (macro)": ", ".join(
            map(output.percent, (evaluation.precision, evaluation.recall, evaluation.f1_score))
        ),
        "latency mean, p50, p95": ", ".join(output.number(latency[each], "ms") for each in ("mean", "p50", "p95")),
        "cost a call": output.usd(evaluation.cost.value),
        "examples": evaluation.test_set_size,
    }
    if isnan(evaluation.f1_score):
        del facts["precision, recall, F1 (macro)"]
    output.print_facts("Further", facts)
    for field, values in evaluation.slices.items():
        output.print_table(
            f"By {field}",
            [field, *(f"{name}#" for name in evaluation.figures), "Examples#"],
            [(value, *_slice(found)) for value, found in values.items()],
        )


def _slice(found: dict[str, Figure]) -> tuple[Any, ...]:
    values = (_value(figure.value, _is_rate(name)) for name, figure in found.items())
    return (*values, next(iter(found.values())).examples)


def evaluate_compare(
    first: Annotated[str, typer.Argument(help="A model's name (its latest evaluation), or an evaluation's number.")],
    second: Annotated[str, typer.Argument(help="The one to compare with it.")],
    rows: Annotated[int, typer.Option(help="How many changed examples to show.")] = ROWS_SHOWN,
    as_json: output.Json = False,
) -> None:
    """How the second evaluation differs from the first: each metric with its interval, by slice, and the rows."""
    from fine_tuning.model_evaluator import ModelEvaluator

    found = ModelEvaluator().compare_evaluations(first, second)
    if as_json:
        output.print_json(found)
        return
    names = [f"{side['model_name']} ({side['id']})" for side in (found["first"], found["second"])]
    columns = ["Metric", "First#", "Second#", "Difference#", "95 % interval#", "p#", "adjusted p#", "Test"]
    shown = [_change(change["metric"], change) for change in found["changes"]]
    output.print_table(f"{names[0]} and {names[1]}, {found['examples']} examples of both", columns, shown)
    if found["slices"]:
        by_slice = [_change(f"{each['field']} = {each['value']}", each) for each in found["slices"]]
        output.print_table(f"By slice: {found['changes'][0]['metric']}", ["Slice", *columns[1:]], by_slice)
    changed = [
        (
            _short(row["question"]), _short(row["reference"]), _short(row["first"] or row["first_error"]),
            _short(row["second"] or row["second_error"]), row["first_score"], row["second_score"],
        )
        for row in found["rows"][:rows]
    ]  # fmt: skip
    if changed:
        title = f"Changed examples ({len(found['rows'])}, the worst losses first)"
        output.print_table(title, ["Question", "Wanted", "First", "Second", "Score#", "Score now#"], changed)


def _change(label: str, change: dict[str, Any]) -> tuple[Any, ...]:
    is_rate = _is_rate(change["metric"])
    ends = f"{_value(change['low'], is_rate)} to {_value(change['high'], is_rate)}"
    values = [_value(change[name], is_rate) for name in ("first", "second", "difference")]
    return (label, *values, ends, _p(change["p_value"]), _p(change["adjusted_p"]), change["test"])


def _is_rate(name: str) -> bool:
    from fine_tuning.evaluation import metrics

    return metrics.find(name).bounds == (0.0, 1.0)


def _cells(figure: Figure, is_rate: bool) -> tuple[str, str, int]:
    ends = f"{_value(figure.low, is_rate)} to {_value(figure.high, is_rate)}"
    return _value(figure.value, is_rate), "unknown" if isnan(figure.low) else ends, figure.examples


def _value(value: float, is_rate: bool) -> str:
    return output.percent(value) if is_rate or isnan(value) else f"{value:.2f}"


def _p(value: float) -> str:
    return "-" if isnan(value) else f"{value:.2g}"


def _short(text: str | None) -> str:
    """A text in one line, cut."""
    line = " ".join((text or "").split())
    return line if len(line) <= TEXT_SHOWN else f"{line[: TEXT_SHOWN - 1]}…"
