"""Finished tasks of an application as captured calls, rated by their review."""

from __future__ import annotations

from dataclasses import dataclass

from fine_tuning._util import checks
from fine_tuning.data_io.messages import Message, prompt_and_response_messages
from fine_tuning.distillation.example_record import Facts

MIN_RESPONSE_CHARACTERS = 50
_RESPONSE_KEYS = ("code", "output", "content")
_METADATA_KEYS = ("retry_count", "review_attempts", "execution_time", "chart_type", "output_format")


@dataclass(frozen=True)
class TaskCompletion:
    """A finished task as a call."""

    messages: list[Message]
    facts: Facts


def task_completion(task_result: object, task_request: object, model_used: str) -> TaskCompletion | None:
    """A task as a call: rated 5; 4 if its result has `review_feedback`, 3 if it has `review_issues`.

    Returns:
        None for a failed task, one without a prompt, and a response under 50 characters.

    Raises:
        UsageError: result or request is not a mapping.
    """
    result, request = checks.mapping("task_result", task_result), checks.mapping("task_request", task_request)
    if not result.get("success"):
        return None
    response = next((str(result[key]) for key in _RESPONSE_KEYS if result.get(key)), "")
    prompt = str(request.get("user_request") or "")
    if len(response) < MIN_RESPONSE_CHARACTERS or not prompt.strip():
        return None
    facts = Facts(
        domain=request.get("domain") or "data_analysis",
        task_type=request.get("task_type") or "visualization",
        rating=3 if result.get("review_issues") else 4 if result.get("review_feedback") else 5,
        metadata={key: result[key] for key in _METADATA_KEYS if key in result},
        model_used=model_used,
    )
    return TaskCompletion(prompt_and_response_messages(prompt, response), facts)
