"""A call as the record that the store keeps: checked, and identified by the hash of its conversation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple, cast

from fine_tuning._util import checks
from fine_tuning.data_io.formats import row_text
from fine_tuning.data_io.messages import Message, Tool, prompt_and_response_messages, text_of
from fine_tuning.distillation.ratings import check_rating
from fine_tuning.errors import DataError, UsageError
from fine_tuning.store.projects import DEFAULT_PROJECT
from fine_tuning.store.records.examples import NewExample

_ESCAPED_NUL = b"\\u0000"  # as JSON writes it
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Facts(NamedTuple):
    """What is recorded of a call beside its conversation. Values are checked by `example_record`.

    Attributes:
        model_used: the model that responded.
        captured_at: UTC; now by default.
        apart: what tells the call from others with the same conversation; see `Call.unread_texts`.
        project: that captured it. The same conversation is another call in each project, with its own rating.
    """

    domain: object
    task_type: object
    rating: object
    metadata: object = None
    model_used: object = "unknown"
    captured_at: datetime | None = None
    apart: Mapping[str, object] = MappingProxyType({})
    project: str = DEFAULT_PROJECT


def example_record(messages: object, tools: object, facts: Facts) -> NewExample:
    """Check a call and give it its id.

    Args:
        messages: the conversation; the last message is the assistant's response.
        tools: the tools that the model could call, or None.

    Raises:
        UsageError: rating, domain, task type, model, tools or metadata is invalid, or prompt or response is empty.
            A text with a NUL character or half of a character is invalid everywhere: not every database can store it.
        DataError: the conversation does not end with a response.
    """
    rating = check_rating(facts.rating)
    if not messages:
        raise UsageError("prompt and response must not be empty")
    if tools is not None and not (isinstance(tools, list | tuple) and all(isinstance(t, Mapping) for t in tools)):
        raise UsageError("tools must be a list of objects")
    conversation = list(cast("Sequence[Message]", messages))
    functions = list(cast("Sequence[Tool]", tools or ()))
    prompt, response = prompt_and_response(conversation)
    if not prompt.strip() or not response.strip():
        raise UsageError("prompt and response must not be empty")
    example_id = _stored_id(conversation, functions, facts)
    metadata = checks.mapping("metadata", facts.metadata)
    if metadata:
        checks.storable("metadata", metadata)
    is_single_turn = len(conversation) == 2 and conversation == prompt_and_response_messages(prompt, response)
    return {
        "id": example_id,
        "prompt": prompt,
        "response": response,
        "messages": None if is_single_turn else conversation,
        "tools": functions or None,
        "domain": checks.name("domain", facts.domain),
        "task_type": checks.name("task_type", facts.task_type),
        "rating": rating,
        "metadata": metadata,
        "model_used": checks.name("model_used", facts.model_used),
        "captured_at": facts.captured_at or datetime.now(UTC),
        "project": facts.project,
    }


def example_id(messages: Sequence[Message], tools: Sequence[Tool] = ()) -> str:
    """`sha256:` and the hash of the conversation's canonical JSON (sorted keys, no spaces, UTF-8).

    Equal messages and tools have an equal id, wherever and whenever they were captured; this is the default project's.
    """
    return _id_of(_canonical(messages, tools, {}, DEFAULT_PROJECT, "surrogatepass"))


def _canonical(
    messages: Sequence[Message],
    tools: Sequence[Tool],
    apart: Mapping[str, object],
    project: str,
    errors: str = "strict",
) -> bytes:
    if not tools and not apart and project == DEFAULT_PROJECT and (plain := row_text.of_texts(messages)) is not None:
        return plain
    content: dict[str, object] = {"messages": list(messages)}
    if tools:
        content["tools"] = list(tools)
    if apart:
        content["apart"] = dict(apart)
    if project != DEFAULT_PROJECT:  # whose calls keep the ids that they had before there were projects
        content["project"] = project
    return _CANONICAL.encode(content).encode("utf-8", errors)


def _id_of(canonical: bytes) -> str:
    return "sha256:" + hashlib.sha256(canonical).hexdigest()


def _stored_id(messages: Sequence[Message], tools: Sequence[Tool], facts: Facts) -> str:
    """As `example_id`, of a conversation that every database can store.

    Raises:
        UsageError: it cannot be stored.
    """
    try:
        canonical = _canonical(messages, tools, facts.apart, facts.project)
    except UnicodeEncodeError:
        checks.storable("messages", messages)
        checks.storable("tools", tools)
        checks.storable("metadata", facts.apart)
        raise
    if _ESCAPED_NUL in canonical:  # or a backslash before the same digits
        checks.storable("messages", messages)
        checks.storable("tools", tools)
    return _id_of(canonical)


def prompt_and_response(messages: Sequence[Message]) -> tuple[str, str]:
    """The text of the last user message and of the assistant's response.

    Raises:
        DataError: the conversation does not end with an assistant message, or has no user message.
    """
    # `dict` is asked for first: to ask for `Mapping`, an abstract class, takes longer.
    if not all(isinstance(each, (dict, Mapping)) and isinstance(each.get("role"), str) for each in messages):
        raise DataError("each message must be an object with role and content")
    if messages[-1]["role"] != "assistant":
        raise DataError("a captured conversation must end with an assistant message")
    prompts = [message for message in messages if message["role"] == "user"]
    if not prompts:
        raise DataError("a captured conversation needs a user message")
    return text_of(prompts[-1]), text_of(messages[-1])
