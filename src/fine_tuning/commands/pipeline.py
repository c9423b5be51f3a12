"""The whole loop in one command."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import costs, experiment_tables, jobs, output

if TYPE_CHECKING:
    from fine_tuning.workflows.demo.run_demo import DemoResult
    from fine_tuning.workflows.pipeline import Outcome


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("auto-pipeline", rich_help_panel="Workflows")(auto_pipeline)
    app.command("demo", rich_help_panel="Workflows")(demo)


def auto_pipeline(
    base: Annotated[str, typer.Argument(help="Base model: trained here if the catalogue, a folder or the hub has it.")],
    domain: Annotated[str | None, typer.Option(help="Only this domain.")] = None,
    suffix: Annotated[str | None, typer.Option(help="Name of the registered model.")] = None,
    min_rating: Annotated[int, typer.Option(help="Leave out examples rated lower.")] = 4,
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = 3,
    max_steps: Annotated[int | None, typer.Option(help="Stop after so many optimizer steps.")] = None,
    as_json: output.Json = False,
) -> None:
    """Data set, training, evaluation and registration in one go. Ctrl-C pauses; the same command goes on."""
    from fine_tuning.workflows import pipeline

    name = suffix or f"{Path(base).name}-{domain or 'all'}"
    plan = pipeline.Plan(base, name, domain, min_rating, n_epochs=epochs, max_steps=max_steps)
    outcome = pipeline.run(plan, lambda line: typer.echo(line, err=True), jobs.follow)
    if as_json:
        output.print_json(
            {"model": outcome.record, "job": outcome.job, "base": vars(outcome.base), "tuned": vars(outcome.tuned)}
        )
        return
    print_comparison(outcome)
    version = outcome.record["version"]
    output.print_text(f"put it into production with: ft-cli deploy {name} {version}")


def demo(
    data: Annotated[
        Path | None, typer.Option(help="Your own JSONL of rated calls instead of the support inbox.")
    ] = None,
    model: Annotated[str, typer.Option(help="Base model.")] = "",
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = 1,
    max_steps: Annotated[int | None, typer.Option(help="Stop training after so many steps.")] = None,
) -> None:
    """The whole loop on real weights: capture, train, evaluate, A/B test, deploy, answer, count the cost."""
    from fine_tuning.base_models.catalogue import DEFAULT_BASE_MODEL
    from fine_tuning.workflows.demo import run_demo

    started = time.monotonic()
    output.silence_logger("fine_tuning.cost_tracker")
    with run_demo.workspace(data) as home:
        result = run_demo.run(data, model or DEFAULT_BASE_MODEL, epochs, max_steps, output.print_text, jobs.follow)
        typer.echo()
        print_comparison(result.outcome)
        experiment_tables.print_result(result.experiment, result.recommendation)
        print_costs(result)
    output.print_text(f"\nquestion: {result.question}\nanswer of {result.answer['model']}: {result.answer['content']}")
    output.print_text(
        f"\nall of it took {time.monotonic() - started:.0f} s and is kept in {home}\n"
        f"look around with: FINE_TUNING_HOME={home} ft-cli list-models"
    )


def print_comparison(outcome: Outcome) -> None:
    """Base against fine-tuned on the held-out examples."""
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
    columns = ["", "Exact match#", "95 % interval#", "Latency#", "Cost a call#"]
    output.print_table(f"Evaluation on {outcome.base.test_set_size} held-out examples", columns, rows)


def print_costs(result: DemoResult) -> None:
    """What it cost and when it pays, with the assumptions."""
    costs.print_analysis(result.analysis)
    output.print_text(
        f"against {result.teacher} at {output.usd(result.teacher_cost)} a call (today's price for the captured calls), "
        f"{result.analysis.expected_inferences:,} calls a month, this machine at "
        f"{output.usd(result.machine_usd_per_hour)} an hour"
    )
