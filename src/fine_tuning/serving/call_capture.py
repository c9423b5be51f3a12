"""Capture answered calls as examples."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import FineTuningError
from fine_tuning.serving.answered_calls import Answer
from fine_tuning.store.column_types import storable
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.workspace import Workspace

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CaptureSettings:
    """The rating (1 to 5), domain and task type of captured calls; without a rating nothing is captured."""

    rating: int | None
    domain: str
    task_type: str


def capture_call(workspace: Workspace, request: JsonColumn, answer: Answer, settings: CaptureSettings) -> None:
    """Capture a call; one that cannot be captured (an empty answer, no user message) is logged."""
    if settings.rating is None:
        return
    content = storable(answer["content"])
    message: JsonColumn = {"role": "assistant", "content": content}
    if answer["tool_calls"]:
        message |= {"content": content or None, "tool_calls": list(answer["tool_calls"])}
    facts = (settings.domain, settings.task_type, settings.rating, facts_of(answer))
    try:
        DistillationDataCollector(workspace=workspace).capture_conversation(
            [*request["messages"], message], *facts, model_used=answer["model"], tools=request.get("tools")
        )
    except FineTuningError as error:
        _log.warning("call of %s not captured: %s", answer["model"], error)


def facts_of(answer: Answer) -> dict[str, object]:
    """What a captured call notes of its answer: the provider, the version, and what it cost, where these are known."""
    facts = {"provider": answer["provider"], "version": answer["version"], "cost": answer["cost"]}
    return {name: value for name, value in facts.items() if value is not None}
