"""Commands for the calls that the gateway passed on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.commands.options import with_options
from fine_tuning.gateway import call_texts

if TYPE_CHECKING:
    from fine_tuning.store.gateway_calls import Filters
    from fine_tuning.store.records.examples import Example
    from fine_tuning.store.records.gateway_calls import CallFeedback, GatewayCall
    from fine_tuning.store.workspace import Workspace

EVERY_SECONDS = 1.0
COLUMNS = ("Time", "Call", "Upstream", "Role", "Model", "Status", "Seconds#", "Tokens#", "Cost#", "Captured")


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    calls = typer.Typer(help="Calls that the gateway passed on.", no_args_is_help=True)
    calls.command("tail")(with_options(tail))
    calls.command("show")(show)
    calls.command("export")(with_options(export))
    app.add_typer(calls, name="calls", rich_help_panel="Data")


@dataclass(frozen=True)
class FilterOptions:
    """Which calls."""

    project: Annotated[str | None, typer.Option(help="Only calls of this project.")] = None
    model: Annotated[str | None, typer.Option(help="Only calls that this model answered.")] = None
    unit: Annotated[str | None, typer.Option(help="Only calls of this unit (the header x-ft-unit).")] = None
    conversation: Annotated[str | None, typer.Option(help="Only calls of this conversation (x-ft-conversation).")] = (
        None
    )
    failed: Annotated[bool | None, typer.Option("--failed/--answered", help="Only calls that failed, or did not.")] = (
        None
    )
    route: Annotated[str | None, typer.Option(help="Only calls of this route.")] = None
    since: Annotated[str | None, typer.Option(help="Only calls at or after this time (ISO 8601).")] = None
    upstream: Annotated[str | None, typer.Option(help="Only calls to this upstream.")] = None
    text: Annotated[str | None, typer.Option(help="Only calls with this text in the question or the answer.")] = None

    def filters(self) -> Filters:
        """As the store takes them."""
        from fine_tuning.store.gateway_calls import Filters
        from fine_tuning.store.projects import check_project

        return Filters(
            None if self.project is None else check_project(self.project),
            self.model,
            self.unit,
            self.conversation,
            self.failed,
            output.moment("--since", self.since),
            route=self.route,
            upstream=self.upstream,
            text=self.text,
        )


def tail(
    *,
    options: FilterOptions,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many of the newest calls.", min=1)] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new calls until Ctrl-C.")] = False,
    as_json: output.Json = False,
) -> None:
    """Show the newest calls, the newest last."""
    from fine_tuning.store import gateway_calls

    workspace, filters = command_workspace(), options.filters()
    with workspace.database.read() as tx:
        found = gateway_calls.newest(tx, filters, limit)[::-1]
    if follow:
        _follow(workspace, filters, found, _as_line if as_json else _as_text)
    elif as_json:
        output.print_json(found)
    elif found:
        output.print_table("Calls", COLUMNS, map(_row, found))
    else:
        output.echo("no calls; the gateway passes on those to ADDRESS/openai/v1 and the like: ft-cli serve")


def _follow(
    workspace: Workspace, filters: Filters, begun: list[GatewayCall], shown: Callable[[GatewayCall], str]
) -> None:
    from fine_tuning.store import gateway_calls

    calls, known = begun, set[str]()
    while True:
        for call in calls:
            if call["id"] not in known:
                output.echo(shown(call))
        known = {call["id"] for call in calls} or known
        time.sleep(EVERY_SECONDS)
        with workspace.database.read() as tx:
            calls = gateway_calls.newest(tx, filters, 1000)[::-1]


def _row(call: GatewayCall) -> list[Any]:
    tokens = call_texts.tokens(call)
    return [
        f"{call['started_at']:%Y-%m-%d %H:%M:%S}",
        call["id"],
        call["upstream"],
        call["role"],
        call["model"],
        call_texts.status(call),
        None if call["seconds"] is None else f"{call['seconds']:.2f}",
        None if tokens is None else f"{tokens:,}",
        None if call["cost"] is None else f"${call['cost']:.6f}",
        call_texts.captured(call),
    ]


def _as_text(call: GatewayCall) -> str:
    return "  ".join("-" if cell is None else str(cell) for cell in _row(call))


def _as_line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def show(call_id: Annotated[str, typer.Argument(help="Id of the call.")], *, as_json: output.Json = False) -> None:
    """Show a call whole: its facts, what was asked and answered, and what was said of it."""
    from fine_tuning.data_io.messages import messages_of_example
    from fine_tuning.gateway.whole_call import whole_call

    call, example, feedback = whole_call(command_workspace().database, call_id)
    messages = [] if example is None else messages_of_example(example)
    if as_json:
        whole = None if example is None else {**example, "messages": messages}
        output.print_json({"call": call, "example": whole, "feedback": feedback})
        return
    facts = {name: value for name, value in call.items() if value not in (None, {}, "")}
    output.print_facts(f"Call {call_id}", facts)
    for message in messages:
        output.print_text(f"{message.get('role')}: {call_texts.message_text(message)}")
    for each in feedback:
        output.print_facts("Feedback", _feedback_facts(each))


def _feedback_facts(feedback: CallFeedback) -> dict[str, Any]:
    names = ("created_at", "rating", "correction", "metrics", "comment", "status", "reason")
    return {name: feedback[name] for name in names if feedback[name] not in (None, {})}  # type: ignore[literal-required]


def export(
    file: Annotated[Path, typer.Argument(help="File to write, as JSON Lines.")], *, options: FilterOptions
) -> None:
    """Write calls with what was asked and answered, oldest first, one a line."""
    from fine_tuning._util.files import atomic_write

    workspace, count = command_workspace(), 0
    with atomic_write(file, "wb") as target, output.count_progress("calls written") as on_progress:
        for line in _lines(workspace, options.filters()):
            target.write(line)
            count += 1
            on_progress(count)
    output.echo(f"{count:,} calls in {file}")


def _lines(workspace: Workspace, filters: Filters) -> Iterator[bytes]:
    from fine_tuning.store import examples, gateway_calls

    with workspace.database.read() as tx, workspace.database.read() as other:
        for call in gateway_calls.each(tx, filters):
            example = None if call["example_id"] is None else examples.get(other, call["example_id"])
            training_row = {} if example is None else _as_training_data(call, example)
            yield f"{_as_line({**call, **training_row})}\n".encode("utf-8", "surrogatepass")


def _as_training_data(call: GatewayCall, example: Example) -> dict[str, object]:
    """An example under the names that imports know, so that a poor answer is no good one where it is read again."""
    from fine_tuning.data_io.messages import messages_of_example

    facts = {name: example[name] for name in ("tools", "metadata", "domain", "task_type", "rating")}
    return {"messages": messages_of_example(example), **facts, "captured_at": call["started_at"]}
