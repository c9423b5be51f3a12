"""A call of the gateway: its facts, its times, what was asked and answered, and what was said of it."""

from __future__ import annotations

import json
from asyncio import to_thread

from nicegui import ui

from fine_tuning.dashboard import components, formatting, layout
from fine_tuning.dashboard.actions import state
from fine_tuning.data_io.messages import messages_of_example
from fine_tuning.errors import NotFoundError
from fine_tuning.gateway import call_texts
from fine_tuning.gateway.whole_call import WholeCall, whole_call
from fine_tuning.store.records.gateway_calls import CallFeedback, GatewayCall


@ui.page("/calls/{call_id}")
async def show(call_id: str) -> None:
    """One call."""
    with layout.page("Calls", call_id):
        try:
            found = await to_thread(whole_call, state().workspace.database, call_id)
        except NotFoundError as error:
            components.empty(str(error), "ft-cli calls tail")
            return
        components.facts(_facts(found.call))
        _show_times(found.call)
        _show_messages(found)
        _show_feedback(found.feedback)


def _facts(call: GatewayCall) -> dict[str, object]:
    return {
        "Time": call["started_at"],
        "Project": call["project"],
        "Upstream": call["upstream"],
        "Path": call["path"],
        "Model": call["model"],
        "Route": call["route"] and f"{call['route']}, {call['role']}: {call['target']}",
        "Status": call_texts.status(call),
        "Taken by the client": call["is_delivered"],
        "Prompt tokens": call["prompt_tokens"],
        "Completion tokens": call["completion_tokens"],
        "Cost": formatting.usd(call["cost"]),
        "Unit": call["unit"],
        "Conversation": call["conversation"],
        "Own id": call["own_id"],
        "Metadata": json.dumps(call["metadata"], ensure_ascii=False) if call["metadata"] else None,
    }


def _show_times(call: GatewayCall) -> None:
    """The spans of a call: until the first byte, and from there to the end."""
    total, first = call["seconds"], call["first_byte_seconds"]
    if total is None:
        return
    components.heading("Times")
    spans = [["until the first byte of the answer", first], ["the answer", None if first is None else total - first]]
    components.table("Times of the call", ["Span", "Seconds"], [*spans, ["in all", total]])


def _show_messages(found: WholeCall) -> None:
    components.heading("Asked and answered")
    if found.example is None:
        components.text(f"Not captured: {found.call['not_captured'] or 'it is kept no longer'}.").classes("dim")
        return
    with ui.element("article").classes("card").props('aria-label="Messages"'):
        for message in messages_of_example(found.example):
            components.text(str(message.get("role")), "strong")
            components.text(call_texts.message_text(message), "pre")


def _show_feedback(feedback: list[CallFeedback]) -> None:
    components.heading("Feedback")
    if not feedback:
        components.text("None yet.").classes("dim")
        return
    columns = ["Time", "Rating", "Correction", "Metrics", "Comment", "Status"]
    rows = [
        [
            each["created_at"],
            each["rating"],
            each["correction"],
            ", ".join(f"{name} {value:g}" for name, value in each["metrics"].items()) or None,
            each["comment"],
            each["status"] if each["reason"] is None else f"{each['status']}: {each['reason']}",
        ]
        for each in feedback
    ]
    components.table("Feedback, oldest first", columns, rows)
