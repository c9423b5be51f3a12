"""From a prompt as users pass it to the messages of a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.serving.chat_types import Messages
from fine_tuning.store.records.rows import JsonColumn

MAX_TEMPERATURE = 2


@dataclass(frozen=True)
class Sampling:
    """How an answer is sampled: temperature (0 is greedy) and the maximum tokens of the answer."""

    temperature: float
    max_tokens: int


def checked_sampling(temperature: float, max_tokens: int) -> Sampling:
    """The two settings, if they are in range.

    Raises:
        UsageError: one is not.
    """
    checks.count("max_tokens", max_tokens, 1)
    checked = checks.amount("temperature", temperature)
    if checked is None or checked > MAX_TEMPERATURE:
        raise UsageError(f"temperature must be between 0 and {MAX_TEMPERATURE}, not {temperature}")
    return Sampling(checked, max_tokens)


def messages_of(prompt: str | Messages, system_prompt: str | None) -> list[JsonColumn]:
    """The conversation of a prompt, with the system prompt first.

    Raises:
        UsageError: the prompt is empty, or is neither text nor messages.
    """
    system: list[JsonColumn] = [{"role": "system", "content": system_prompt}] if system_prompt else []
    if isinstance(prompt, str):
        if not prompt.strip():
            raise UsageError("prompt must not be empty")
        return [*system, {"role": "user", "content": prompt}]
    if not prompt or not all(isinstance(m, Mapping) and isinstance(m.get("role"), str) for m in prompt):
        raise UsageError("prompt must be text, or chat messages that each have a role and content")
    return [*system, *(dict(message) for message in prompt)]
