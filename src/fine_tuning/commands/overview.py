"""The loop at a glance."""

from __future__ import annotations

from dataclasses import asdict

import typer

from fine_tuning.commands import output


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("overview", rich_help_panel="The whole loop")(show)


def show(as_json: output.Json = False) -> None:
    """How much there is at each stage, and what needs a person now."""
    from fine_tuning.workflows.overview import overview

    found = overview()
    if as_json:
        facts = asdict(found)
        output.print_json({**facts, "needs": [need._asdict() for need in found.needs]})
        return
    jobs = ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in sorted(found.jobs.items()))
    output.print_facts(
        "The loop",
        {
            "captured": f"{found.captured:,} ({found.waiting:,} wait for a rating)",
            "curated": f"{found.curated:,}",
            "data sets": f"{found.datasets:,}",
            "jobs": jobs or "none",
            "models": f"{found.models:,} with {found.versions:,} versions, {found.deployed:,} deployed",
            "experiments": f"{found.running_tests:,} running",
            "spent this month": output.usd(found.spent)
            + (f", {found.unpriced:,} events without a price" if found.unpriced else ""),
            "first end of a deployed model": None if found.days_left is None else f"in {found.days_left:,} days",
        },
    )
    for need in found.needs:
        output.print_text(f"{'! ' if need.is_urgent else '- '}{need.what}")
