"""The overview of a workspace."""

from __future__ import annotations

from dataclasses import asdict

import typer

from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("overview", rich_help_panel="Workflows")(show)


def show(as_json: output.Json = False) -> None:
    """Show counts at each step of the loop and the tasks that need attention."""
    from fine_tuning.registry.expiry import time_left
    from fine_tuning.workflows.overview import overview

    found = overview(command_workspace())
    if as_json:
        facts = asdict(found)
        output.print_json({**facts, "needs": [need._asdict() for need in found.needs]})
        return
    jobs = ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in sorted(found.jobs.items()))
    unpriced = f", {found.unpriced:,} events without a price" if found.unpriced else ""
    output.print_facts(
        "Overview",
        {
            "captured calls": f"{found.captured:,} ({found.waiting:,} to rate)",
            "curated calls": f"{found.curated:,}",
            "datasets": f"{found.datasets:,}",
            "jobs": jobs or "none",
            "models": f"{found.models:,} with {found.versions:,} versions, {found.deployed:,} deployed",
            "experiments": f"{found.running_tests:,} running",
            "spent this month": f"{output.usd(found.spent)}{unpriced}",
            "next shutdown of a deployed model": None if found.days_left is None else time_left(found.days_left),
        },
    )
    for need in found.needs:
        output.print_text(f"{'! ' if need.is_urgent else '- '}{need.what}")
