"""Commands for the review of captured calls."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.commands.options import with_options
from fine_tuning.errors import UsageError

if TYPE_CHECKING:
    from fine_tuning.distillation.review_inbox import ReviewInbox
    from fine_tuning.store.reviews import Filters
    from fine_tuning.store.workspace import Workspace

MAX_TEXT = 80  # characters of a text in a table


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    review = typer.Typer(help="Rate captured calls, and estimate how good all of them are.", no_args_is_help=True)
    review.command("next")(with_options(review_next))
    review.command("rate")(review_rate)
    review.command("quality")(with_options(review_quality))
    app.add_typer(review, name="review", rich_help_panel="Data")


@dataclass(frozen=True)
class FilterOptions:
    """Which calls."""

    domain: Annotated[str | None, typer.Option(help="Only calls of this domain.")] = None
    model: Annotated[str | None, typer.Option(help="Only calls that this model answered.")] = None
    since: Annotated[str | None, typer.Option(help="Only calls at or after this time (ISO 8601).")] = None
    until: Annotated[str | None, typer.Option(help="Only calls before this time (ISO 8601).")] = None

    def filters(self) -> Filters:
        """As the store takes them."""
        from fine_tuning.store.reviews import Filters

        return Filters(
            self.domain, self.model, output.moment("--since", self.since), output.moment("--until", self.until)
        )


@dataclass(frozen=True)
class JudgeOptions:
    """Who grades the calls that nobody rated."""

    judge: Annotated[str | None, typer.Option(help="Model that grades all of these calls; ratings correct it.")] = None
    rubric: Annotated[str | None, typer.Option(help="Description of a good answer, for the judge.")] = None
    most: Annotated[int, typer.Option(help="Maximum number of calls to judge.", min=1)] = 2000


def _inbox(workspace: Workspace) -> ReviewInbox:
    from fine_tuning.distillation.review_inbox import ReviewInbox
    from fine_tuning.settings import acting_user

    return ReviewInbox(acting_user(workspace.settings), database=workspace.database)


def review_next(
    *,
    options: FilterOptions,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many calls.", min=1)] = 10,
    as_json: output.Json = False,
) -> None:
    """Claim the calls to rate next for ten minutes, and show why each is asked first and how good all calls are."""
    from fine_tuning.workflows.review_quality import lines_of, quality

    workspace, filters = command_workspace(), options.filters()
    inbox = _inbox(workspace)
    calls = inbox.take(filters, limit)
    reasons, known = inbox.reasons(calls), quality(workspace.database, filters)
    if as_json:
        shown = [{**each, "reason": reasons[each["id"]]} for each in calls]
        output.print_json({"calls": shown, "quality": asdict(known)})
        return
    rows = [
        (each["id"], reasons[each["id"]], *(output.short(each[name], MAX_TEXT) for name in ("prompt", "response")))
        for each in calls
    ]
    if rows:
        output.print_table("Calls to rate", ["Call", "Why this one", "Prompt", "Response"], rows)
    else:
        output.echo("no calls are waiting for a rating")
    for line in lines_of(known):
        output.print_text(line)


def review_rate(
    example_id: Annotated[str, typer.Argument(help="Id of the call.")],
    rating: Annotated[int, typer.Argument(help="1 (useless) to 5 (perfect).")],
) -> None:
    """Rate a captured call."""
    inbox = _inbox(command_workspace())
    inbox.rate(example_id, rating)
    output.echo(f"rated {rating}; {inbox.count():,} calls are waiting")


def review_quality(*, options: FilterOptions, judged: JudgeOptions, as_json: output.Json = False) -> None:
    """Estimate the mean rating of all calls of the inbox from the rated ones, and from a judge that they correct."""
    from fine_tuning.distillation.review_weights import enter_waiting
    from fine_tuning.evaluation.judge_prompts import BARE_RUBRIC
    from fine_tuning.store.column_types import now
    from fine_tuning.workflows import review_quality as estimates

    if judged.rubric is not None and judged.judge is None:
        raise UsageError("--rubric is for a judge; name one with --judge")
    workspace, filters = command_workspace(), options.filters()
    if judged.judge is None:
        enter_waiting(workspace.database, now())
        found = estimates.quality(workspace.database, filters)
    else:
        with output.count_progress("calls judged") as on_progress:
            found = estimates.judged_quality(
                workspace,
                judged.judge,
                judged.rubric or BARE_RUBRIC,
                filters,
                most=judged.most,
                on_progress=on_progress,
            )
    if as_json:
        output.print_json(asdict(found))
        return
    for line in estimates.lines_of(found):
        output.print_text(line)
