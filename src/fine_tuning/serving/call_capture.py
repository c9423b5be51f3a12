"""Capture answered calls as examples."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import FineTuningError
from fine_tuning.serving.answered_calls import Answer
from fine_tuning.serving.chat_types import Messages
from fine_tuning.store.workspace import Workspace

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CaptureSettings:
    """The rating (1 to 5), domain and task type of captured calls; without a rating nothing is captured."""

    rating: int | None
    domain: str
    task_type: str


def capture_call(workspace: Workspace, messages: Messages, answer: Answer, settings: CaptureSettings) -> None:
    """Capture a call; one that cannot be captured (an empty answer, no user message) is logged."""
    if settings.rating is None:
        return
    conversation = [*messages, {"role": "assistant", "content": answer["content"]}]
    try:
        DistillationDataCollector(workspace=workspace).capture_conversation(
            conversation, settings.domain, settings.task_type, settings.rating, model_used=answer["model"]
        )
    except FineTuningError as error:
        _log.warning("call of %s not captured: %s", answer["model"], error)
