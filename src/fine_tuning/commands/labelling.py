"""Label prompts with the answers of a big model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.commands.options import with_options
from fine_tuning.workflows.labelling.label_plan import LabelPlan

if TYPE_CHECKING:
    from fine_tuning.workflows.labelling.run_labelling import Estimate, LabelOutcome

MAX_REASONS = 5


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("label", rich_help_panel="Data")(with_options(label))


def label(
    prompts: Annotated[
        list[str],
        typer.Argument(help="Prompts: files of any format, with or without answers; a text file has one a line."),
    ],
    teacher: Annotated[str, typer.Option(help="Model that answers: a host's, registered or base model.")],
    *,
    plan: LabelPlan,
    estimate: Annotated[bool, typer.Option("--estimate", help="Show what it may cost; ask nothing.")] = False,
    file: Annotated[
        Path | None, typer.Option("--output", help="Write the labels to this file as chat rows, too.")
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Label prompts with a big model's answers, each paid for once, and store them as examples."""
    from fine_tuning.distillation.import_report import Defaults
    from fine_tuning.workflows.labelling.label_prompts import read_prompts
    from fine_tuning.workflows.labelling.run_labelling import Labelling

    workspace = command_workspace()
    found = read_prompts(prompts, Defaults(domain=plan.domain, task_type=plan.task_type))
    run = Labelling(workspace, found, teacher, plan)
    try:
        expected = run.estimate()
        if estimate and as_json:
            output.print_json(vars(expected))
            return
        output.echo(shown_estimate(expected, len(found.found), teacher), err=not estimate)
        if estimate:
            return
        with output.count_progress("calls") as on_calls:
            outcome = run.run(on_calls)
        stored = run.store(outcome.labels)
        if file is not None:
            run.write(outcome.labels, file)
    finally:
        run.close()
    if as_json:
        facts = {name: value for name, value in vars(outcome).items() if name != "labels"}
        output.print_json({**facts, "labelled": len(outcome.labels), "stored": stored})
    else:
        print_outcome(outcome, plan, stored)
    if not outcome.is_whole:
        raise typer.Exit(1)


def shown_estimate(expected: Estimate, prompts: int, teacher: str) -> str:
    """What is to be asked, and what it may cost, in a sentence."""
    cost = f"about {output.usd(expected.about)}, at most {output.usd(expected.most)}"
    price = "of unknown price" if expected.most is None else cost
    kept = f", beside {expected.kept:,} answers of earlier runs" if expected.kept else ""
    return f"{prompts:,} prompts: {expected.calls:,} calls of {teacher}, {price}{kept}"


def print_outcome(outcome: LabelOutcome, plan: LabelPlan, stored: int) -> None:
    """Print what was labelled, what was not, and why."""
    facts = {
        "labelled": f"{len(outcome.labels):,} of {outcome.prompts:,} prompts",
        "bought by earlier runs": f"{outcome.kept:,}",
        "new examples": f"{stored:,}",
        "paid in all runs": output.usd(outcome.spent),
        **{f"answers left out: {why}": f"{count:,}" for why, count in sorted(outcome.defects.items())},
    }
    if outcome.repeated:
        facts["rows with the prompt of another"] = f"{outcome.repeated:,}"
    if outcome.unreadable:
        facts["rows that are no prompt"] = f"{outcome.unreadable:,}"
    output.print_facts("Labels", facts)
    for reason, count in outcome.failed.most_common(MAX_REASONS):
        output.print_text(f"{count:,} not answered: {reason}; the same command asks again")
    if outcome.not_asked:
        output.print_text(
            f"{outcome.not_asked:,} not asked: the budget of {output.usd(plan.budget)} has nothing left for them"
        )
    if outcome.unknown:
        output.print_text(
            f"{outcome.unknown:,} not asked again: it is not known whether an earlier call was answered and paid; "
            "--repeat-unknown asks again"
        )
