"""Write more inputs like those of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.commands.options import with_options
from fine_tuning.workflows.synthesis.synthesis_plan import SynthesisPlan

if TYPE_CHECKING:
    from fine_tuning.workflows.synthesis.diversity import Spread
    from fine_tuning.workflows.synthesis.run_synthesis import SynthesisOutcome


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("synthesise", rich_help_panel="Data")(with_options(synthesise))


def synthesise(
    dataset: Annotated[str, typer.Argument(help="Dataset, its folder, or a file of calls or prompts in any format.")],
    teacher: Annotated[str, typer.Option(help="Model that writes the inputs and labels them.")],
    *,
    plan: SynthesisPlan,
    as_json: output.Json = False,
) -> None:
    """Write more inputs like a dataset's own, near nothing that is held out, and label them."""
    from fine_tuning.workflows.synthesis.run_synthesis import Synthesis

    run = Synthesis(command_workspace(), dataset, teacher, plan)
    with output.count_progress("calls") as on_calls:
        outcome = run.run(on_calls)
    if as_json:
        output.print_json(_facts(outcome))
    else:
        print_outcome(outcome, plan)
    if len(outcome.accepted) < plan.count:
        reason = outcome.stopped or "the answers to others were left out"
        output.echo(f"{len(outcome.accepted):,} of {plan.count:,} new examples: {reason}", err=True)
        raise typer.Exit(1)


def _facts(outcome: SynthesisOutcome) -> dict[str, object]:
    found = {name: value for name, value in vars(outcome).items() if name not in ("labels", "accepted", "diversity")}
    labels = outcome.labels
    return {
        **found,
        "accepted": len(outcome.accepted),
        "accepted_share": outcome.accepted_share,
        "defects": {} if labels is None else labels.defects,
        "failed": {} if labels is None else labels.failed,
        "diversity": None if outcome.diversity is None else _plain(outcome.diversity),
    }


def _plain(value: object) -> object:
    """Dataclasses as dicts."""
    return {name: _plain(each) for name, each in vars(value).items()} if hasattr(value, "__dict__") else value


def print_outcome(outcome: SynthesisOutcome, plan: SynthesisPlan) -> None:
    """Print what was written, what was left out, and how diverse it is."""
    labels, found = outcome.labels, outcome.diversity
    share = "" if outcome.accepted_share is None else f" ({output.percent(outcome.accepted_share)} of what was written)"
    facts: dict[str, str] = {
        "seeds": f"{outcome.seeds:,}, beside {outcome.unused:,} that cannot be one",
        "written": f"{outcome.written:,} inputs in {outcome.calls:,} calls",
        "left out: near a seed or another": f"{outcome.near:,}",
        "left out: near what is held out": f"{outcome.leaking:,}",
        "calls without inputs in the form asked for": f"{outcome.unreadable:,}",
        **(
            {}
            if labels is None
            else {f"answers left out: {why}": f"{n:,}" for why, n in sorted(labels.defects.items())}
        ),
        **({} if outcome.graded is None else {"graded by the judge": f"{outcome.graded:,}"}),
        "new examples": f"{len(outcome.accepted):,} of {plan.count:,}{share}",
        "paid in all runs": output.usd(outcome.spent),
    }
    if found is not None:
        facts["spread (mean distance, nearest)"] = f"{_spread(found.inputs)}; of the seeds {_spread(found.seeds)}"
        if found.labels is not None:
            facts["labels of the seeds that they have"] = (
                f"{found.labels[0]} of {found.labels[1]}, {found.new_labels} new"
            )
    output.print_facts("Synthesis", facts)


def _spread(found: Spread | None) -> str:
    return "unknown" if found is None else f"{found.pairs:.2f}, {found.nearest:.2f}"
