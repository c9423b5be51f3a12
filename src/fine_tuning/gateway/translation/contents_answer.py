"""An answer in the words of Gemini's generateContent: https://ai.google.dev/api/generate-content."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fine_tuning.data_io.json_values import JsonObject, is_object, parse_embedded_json
from fine_tuning.gateway.wire_errors import error_body
from fine_tuning.serving.chat_types import Chunk, Usage, summed
from fine_tuning.serving.wires import chat_objects
from fine_tuning.serving.wires.event_text import event
from fine_tuning.serving.wires.object_ids import new_id

_REASONS: Mapping[str, str] = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}
_MALFORMED = "MALFORMED_FUNCTION_CALL"


class ContentsAnswer:
    """See `Answer`. Texts are passed on as they come, calls when they are whole, as Gemini's are."""

    def __init__(self, model: str) -> None:
        self._head = {"modelVersion": model, "responseId": new_id("resp")}
        self._choices = chat_objects.ChoiceCollector(1)
        self._usage: Usage | None = None

    def add(self, chunk: Chunk) -> str:
        """See `Answer`."""
        self._usage = chunk.get("usage") or self._usage
        events = []
        for choice in chunk["choices"]:
            self._choices.add(chat_objects.chunk_choice(choice, 0, None))
            if text := choice["delta"].get("content"):
                events.append(event(self._response([{"text": text}])))
        return "".join(events)

    def end(self) -> str:
        """See `Answer`."""
        return event(self._response(self._calls() or [{"text": ""}], **self._last()))

    def fail(self, message: str) -> str:
        """See `Answer`."""
        return event(error_body("gemini", HTTPStatus.BAD_GATEWAY, message, "target_failed"))

    def whole(self) -> Mapping[str, object]:
        """See `Answer`."""
        text = self._choices.choices()[0]["message"].get("content")
        said: list[JsonObject] = [{"text": text}] if text else []
        return self._response([*said, *self._calls()], **self._last())

    def _response(self, parts: list[JsonObject], **last: object) -> JsonObject:
        usage = {} if not last or self._usage is None else {"usageMetadata": _counted(self._usage)}
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0, **last}
        return {"candidates": [candidate], **usage, **self._head}

    def _last(self) -> JsonObject:
        choice = self._choices.choices()[0]
        is_malformed = len(self._calls()) < len(choice["message"].get("tool_calls") or [])
        return {"finishReason": _REASONS.get(choice["finish_reason"], _MALFORMED if is_malformed else "STOP")}

    def _calls(self) -> list[JsonObject]:
        """The calls whose arguments are an object, which one that was cut off has not."""
        calls = self._choices.choices()[0]["message"].get("tool_calls") or []
        return [
            {"functionCall": {"id": each["id"], "name": each["function"]["name"], "args": arguments}}
            for each in calls
            if is_object(arguments := parse_embedded_json(each["function"]["arguments"] or "{}"))
        ]


def _counted(usage: Usage) -> JsonObject:
    """Token counts as Gemini states them: thoughts are beside the answer, what a cache had is in the prompt."""
    found = summed([usage])
    thoughts = found["completion_tokens_details"]["reasoning_tokens"]
    cached = found["prompt_tokens_details"]["cached_tokens"]
    return {
        "promptTokenCount": usage["prompt_tokens"],
        "candidatesTokenCount": usage["completion_tokens"] - thoughts,
        "totalTokenCount": usage["prompt_tokens"] + usage["completion_tokens"],
        **({"thoughtsTokenCount": thoughts} if thoughts else {}),
        **({"cachedContentTokenCount": cached} if cached else {}),
    }
