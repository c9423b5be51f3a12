"""An answer in the words of the application's API, as it comes and as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol, cast

from fine_tuning.data_io.json_values import object_or_empty
from fine_tuning.gateway.translation.canonical_request import CanonicalRequest
from fine_tuning.gateway.translation.contents_answer import ContentsAnswer
from fine_tuning.gateway.wire_errors import anthropic_body, error_body
from fine_tuning.serving.chat_types import Chunk, Usage, summed
from fine_tuning.serving.wires import chat_objects, message_objects, response_objects
from fine_tuning.serving.wires.event_text import DONE, event, typed_events
from fine_tuning.serving.wires.message_events import MessageEvents
from fine_tuning.serving.wires.message_objects import MessageUsage
from fine_tuning.serving.wires.response_events import ResponseEvents
from fine_tuning.serving.wires.response_objects import Response


class Answer(Protocol):
    """An answer that grows by its chunks; the texts are the events of its stream."""

    def add(self, chunk: Chunk) -> str:
        """Of a chunk."""

    def end(self) -> str:
        """After the last one; raises ProviderError where the answer cannot be written."""

    def fail(self, message: str) -> str:
        """Of an answer that failed, after which nothing comes."""

    def whole(self) -> Mapping[str, object]:
        """The complete answer."""


class _ChatAnswer:
    def __init__(self, request: CanonicalRequest, model: str) -> None:
        self._request = request
        self._head = chat_objects.head(model, "chat.completion.chunk")
        self._choices = chat_objects.ChoiceCollector(1)
        self._usage: Usage | None = None

    def add(self, chunk: Chunk) -> str:
        self._usage = chunk.get("usage") or self._usage
        events = []
        for choice in chunk["choices"]:
            is_new, may_call = self._choices.is_new(0), bool(self._request.tools)
            opening = chat_objects.opening_of(choice, may_call=may_call) if is_new else None
            shown = chat_objects.chunk_choice(choice, 0, opening)
            self._choices.add(shown)
            nothing = {"usage": None} if self._request.with_usage else {}
            events.append(event({**self._head, "choices": [shown], **nothing}))
        return "".join(events)

    def end(self) -> str:
        if not self._request.with_usage or self._usage is None:
            return DONE
        return event({**self._head, "choices": [], "usage": self._usage}) + DONE

    def fail(self, message: str) -> str:
        return event(error_body("openai", HTTPStatus.BAD_GATEWAY, message, "target_failed"))

    def whole(self) -> Mapping[str, object]:
        usage = {} if self._usage is None else {"usage": self._usage}
        return {**self._head, "object": "chat.completion", "choices": self._choices.choices(), **usage}


class _MessageAnswer:
    def __init__(self, model: str) -> None:
        self._events = MessageEvents(message_objects.begun(model), usage=_apart)

    def add(self, chunk: Chunk) -> str:
        return typed_events(self._events.add(chunk))

    def end(self) -> str:
        return typed_events(self._events.end())

    def fail(self, message: str) -> str:
        return typed_events([cast("Mapping[str, object]", anthropic_body(HTTPStatus.BAD_GATEWAY, message))])

    def whole(self) -> Mapping[str, object]:
        return self._events.message


def _apart(counts: Usage) -> MessageUsage:
    """Token counts as Anthropic bills them: what was read from a cache or written to one is beside the input."""
    details = summed([counts])["prompt_tokens_details"]
    read, written = details["cached_tokens"], details["cache_write_tokens"]
    found: MessageUsage = {
        "input_tokens": counts["prompt_tokens"] - read - written,
        "output_tokens": counts["completion_tokens"],
    }
    if read or written:
        found |= {"cache_read_input_tokens": read, "cache_creation_input_tokens": written}
    return found


class _ResponseAnswer:
    def __init__(self, request: CanonicalRequest, model: str) -> None:
        self._events = ResponseEvents(_response(request.body, model))

    def add(self, chunk: Chunk) -> str:
        return typed_events(self._events.add(chunk))

    def end(self) -> str:
        return typed_events(self._events.end())

    def fail(self, message: str) -> str:
        return typed_events(self._events.fail(message))

    def whole(self) -> Mapping[str, object]:
        return self._events.response


_REPEATED = (
    *("instructions", "max_output_tokens", "max_tool_calls", "metadata", "parallel_tool_calls", "prompt_cache_key"),
    *("safety_identifier", "temperature", "tool_choice", "tools", "top_p", "user"),
)


def _response(body: Mapping[str, object], model: str) -> Response:
    """A response without an answer yet, which repeats what was asked for; nothing is stored."""
    begun = response_objects.begun(model)
    repeated = {key: body[key] for key in _REPEATED if body.get(key) is not None}
    objects = {
        "text": {**begun["text"], **object_or_empty(body.get("text"))},
        "reasoning": {**begun["reasoning"], **object_or_empty(body.get("reasoning"))},
    }
    return cast("Response", {**begun, **repeated, **objects})


def answer_of(request: CanonicalRequest, model: str) -> Answer:
    """An answer without a chunk yet, of this model."""
    if request.api == "messages":
        return _MessageAnswer(model)
    if request.api == "contents":
        return ContentsAnswer(model)
    return _ResponseAnswer(request, model) if request.api == "responses" else _ChatAnswer(request, model)
