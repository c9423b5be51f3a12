"""Run the loop with one command: auto-pipeline and demo."""

from __future__ import annotations

import time
from dataclasses import replace
from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import costs, experiment_tables, jobs, output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.errors import MissingDependencyError

if TYPE_CHECKING:
    from fine_tuning.workflows.demo.run_demo import DemoResult, Teacher
    from fine_tuning.workflows.demo.run_gateway_demo import GatewayResult
    from fine_tuning.workflows.pipeline import Outcome, Pipeline


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("auto-pipeline", rich_help_panel="Workflows")(auto_pipeline)
    app.command("demo", rich_help_panel="Workflows")(demo)


def auto_pipeline(
    base: Annotated[
        str,
        typer.Argument(
            help="Base model: a catalogue name, folder or Hugging Face id trains locally, others at the host."
        ),
    ],
    domain: Annotated[str | None, typer.Option(help="Use only examples of this domain.")] = None,
    suffix: Annotated[str | None, typer.Option(help="Name of the registered model.")] = None,
    min_rating: Annotated[int, typer.Option(help="Minimum rating of the examples.")] = 4,
    epochs: Annotated[int, typer.Option(help="Training epochs.")] = 3,
    max_steps: Annotated[int | None, typer.Option(help="Maximum number of optimizer steps.")] = None,
    as_json: output.Json = False,
) -> None:
    """Build a dataset, train, evaluate and register. Ctrl-C pauses; run again to resume."""
    from fine_tuning.workflows.pipeline import Pipeline, Plan

    name = suffix or f"{Path(base).name}-{domain or 'all'}"
    plan = Plan(base, name, domain, min_rating, n_epochs=epochs, max_steps=max_steps)
    pipeline = Pipeline(command_workspace(), plan, lambda line: output.echo(line, err=True), jobs.follow)
    outcome = pipeline.run()
    if as_json:
        output.print_json(
            {"model": outcome.record, "job": outcome.job, "base": vars(outcome.base), "tuned": vars(outcome.tuned)}
        )
        return
    print_comparison(outcome)
    version = outcome.record["version"]
    output.print_text(f"deploy it with: ft-cli deploy {name} {version}")


def demo(
    data: Annotated[
        Path | None, typer.Option(help="JSONL file of rated calls, in place of the packaged support inbox.")
    ] = None,
    model: Annotated[str, typer.Option(help="Base model.")] = "",
    epochs: Annotated[
        int | None, typer.Option(help="Training epochs; by default 1, and 2 with --gateway, where fewer calls train.")
    ] = None,
    max_steps: Annotated[int | None, typer.Option(help="Maximum number of optimizer steps.")] = None,
    gateway: Annotated[
        bool, typer.Option("--gateway", help="Move an application behind the gateway from a vendor to its own model.")
    ] = False,
) -> None:
    """Run the whole loop with real weights: capture, train, evaluate, A/B test, deploy, answer, compute ROI."""
    from fine_tuning.base_models.catalogue import DEFAULT_BASE_MODEL
    from fine_tuning.settings import get_settings
    from fine_tuning.store.workspace import open_workspace
    from fine_tuning.workflows.demo import run_demo
    from fine_tuning.workflows.pipeline import Pipeline

    started = time.monotonic()
    output.silence_logger("fine_tuning.cost_tracker")
    workspace = open_workspace(settings=run_demo.demo_settings(get_settings(), data, "gateway" if gateway else "demo"))
    passes = (2 if gateway else 1) if epochs is None else epochs
    plan = run_demo.demo_plan(model or DEFAULT_BASE_MODEL, passes, max_steps)
    if gateway:
        plan = replace(plan, train_ratio=0.9)  # the shadow and the test tell more than a held-out part
    pipeline = Pipeline(workspace, plan, output.print_text, jobs.follow)
    if gateway:
        _gateway_demo(pipeline, data)
    else:
        _loop_demo(pipeline, data)
    home = workspace.settings.home
    output.print_text(
        f"\nfinished in {time.monotonic() - started:.0f} s; the workspace is {home}\n"
        f"explore it with: FINE_TUNING_HOME={home} ft-cli list-models"
    )


def _loop_demo(pipeline: Pipeline, data: Path | None) -> None:
    from fine_tuning.workflows.demo import run_demo

    result = run_demo.run(pipeline, data)
    output.echo()
    print_comparison(result.outcome, result.teacher)
    experiment_tables.print_result(result.experiment)
    print_costs(result)
    output.print_text(f"\nquestion: {result.answer.question}\nanswer of {result.answer.model}: {result.answer.content}")


def _gateway_demo(pipeline: Pipeline, data: Path | None) -> None:
    try:
        from fine_tuning.workflows.demo.recorded_questions import recorded_questions
        from fine_tuning.workflows.demo.run_gateway_demo import GatewayDemo
    except ImportError as error:
        raise MissingDependencyError(error.name or "httpx2", "serve", "the gateway") from error

    run = GatewayDemo(pipeline)
    result = run.run(recorded_questions(data))
    output.echo()
    print_comparison(result.outcome, references=run.plan.model)
    print_takeover(result)


def print_takeover(result: GatewayResult) -> None:
    """Print what the candidate has shown beside the incumbent, and what answers now."""
    found = result.agreement
    between = f" ({output.percent(found['low'])} to {output.percent(found['high'])})"
    output.print_text(
        f"in shadow {result.candidate} said what the vendor said in {output.percent(found['rate'])}{between} of "
        f"{found['pairs']} calls\nafter {result.tested} calls of the test: {result.verdict}\n"
        "(right is what the vendor has answered: here the vendor is never wrong)"
    )
    if result.answer is None:
        output.print_text("the vendor goes on answering")
    else:
        output.print_text(f"the application goes on without the vendor; it got: {result.answer}")


def print_comparison(outcome: Outcome, teacher: Teacher | None = None, references: str | None = None) -> None:
    """Print the evaluations of base and fine-tuned model, beside the teacher, whose answers are the references.

    Args:
        references: whose answers they are, where there is no teacher to print.
    """
    rows = [
        (
            f"{label}: {result.model_name}",
            output.percent(result.accuracy),
            " to ".join(f"{bound * 100:.1f}" for bound in result.accuracy_interval),
            output.number(result.avg_latency_ms, "ms", 0),
            output.usd(result.cost_per_inference),
        )
        for label, result in (("base", outcome.base), ("fine-tuned", outcome.tuned))
    ]
    metric = "Exact match#" if references is None else f"Agreement with {references}#"
    if teacher is not None:
        rows.append(
            (
                f"teacher: {teacher.name}",
                output.percent(teacher.share),
                "by construction" if teacher.share == 1 else "of the references",
                "unknown",
                output.usd(teacher.cost_per_call),
            )
        )
        metric = f"Agreement with {teacher.references}#"
    columns = ["", metric, "95 % interval#", "Mean latency#", "Cost per call#"]
    output.print_table(f"Evaluation on {outcome.base.test_set_size} held-out examples", columns, rows)


def print_costs(result: DemoResult) -> None:
    """Print the return on the fine-tuned model, with its assumptions, and what there is to decide."""
    costs.print_analysis(result.analysis)
    output.print_text(
        f"the price of {result.teacher.name} is today's for the requests that the fine-tuned model had in the test; "
        f"{result.analysis.expected_inferences:,} calls per month; "
        f"this machine at {output.usd(result.machine_usd_per_hour)} per hour"
    )
    output.print_text(f"\n{decision(result)}")


def decision(result: DemoResult) -> str:
    """What the user decides on: how alike the answers are, at which share of the price, from which call on it pays."""
    tuned, teacher = result.outcome.tuned, result.teacher
    low, high = (f"{bound * 100:.1f}" for bound in tuned.accuracy_interval)
    alike = f"{output.percent(tuned.accuracy)} ({low} to {high}) agreement with {teacher.references}"
    bill = result.analysis.incumbent_cost
    share = result.analysis.total_inference_cost / bill if bill else nan
    price = f"at {'an unknown share' if isnan(share) else f'{share:.2%}'} of the price of {teacher.name} per call"
    even, interval = result.analysis.shown("break_even_inferences", costs.calls_text)
    between = f" ({interval})" if interval else ""
    return f"{alike}, {price}; break-even after {even}{between}"
