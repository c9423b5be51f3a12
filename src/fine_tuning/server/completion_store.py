"""Completions that a caller asked to store: each becomes a captured example too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fine_tuning._util.checks import LONGEST_NAME
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import FineTuningError
from fine_tuning.server.chat_request import ChatRequest
from fine_tuning.server.context import Context
from fine_tuning.store import completions

DEFAULT_RATING = 5  # as for every captured call that does not say otherwise


class Collected:
    """The choices of a streamed answer, put together again."""

    def __init__(self, number: int) -> None:
        self._text = ["" for _ in range(number)]
        self._calls: list[dict[int, dict[str, Any]]] = [{} for _ in range(number)]
        self._reasons: list[str | None] = [None] * number
        self._logprobs: list[list[dict[str, Any]]] = [[] for _ in range(number)]
        self._begun: set[int] = set()

    def is_new(self, index: int) -> bool:
        """Whether nothing of this choice was added yet."""
        return index not in self._begun

    def add(self, choice: Mapping[str, Any]) -> None:
        """Add a chunk's choice."""
        index = choice["index"]
        self._begun.add(index)
        self._text[index] += choice["delta"].get("content") or ""
        for call in choice["delta"].get("tool_calls") or []:
            known = self._calls[index].setdefault(
                call["index"], {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
            )
            known["id"] += call.get("id") or ""
            for part in ("name", "arguments"):
                known["function"][part] += (call.get("function") or {}).get(part) or ""
        self._logprobs[index] += (choice["logprobs"] or {}).get("content") or []
        self._reasons[index] = choice["finish_reason"] or self._reasons[index]

    def choices(self) -> list[dict[str, Any]]:
        """The choices of the whole answer."""
        return [
            {
                "index": index,
                "message": {
                    "role": "assistant",
                    "content": text if text or not calls else None,
                    "refusal": None,
                    **({"tool_calls": list(calls.values())} if calls else {}),
                },
                "logprobs": {"content": logprobs, "refusal": None} if logprobs else None,
                "finish_reason": reason or "stop",
            }
            for index, (text, calls, reason, logprobs) in enumerate(
                zip(self._text, self._calls, self._reasons, self._logprobs, strict=True)
            )
        ]


def keep(server: Context, project: str, body: ChatRequest, answer: Mapping[str, Any]) -> None:
    """Store a call. Its first choice is captured, unless it cannot be (an empty answer): the call itself is kept."""
    request = body.model_dump(mode="json", by_alias=True, exclude_none=True)
    metadata = body.metadata or {}
    example = _capture(body, answer, metadata)
    with server.database.write() as tx:
        completions.add(
            tx,
            {
                "id": answer["id"],
                "project": project,
                "model": body.model,
                "request": request,
                "response": dict(answer),
                "metadata": dict(metadata),
                "example_id": example,
            },
        )


def _capture(body: ChatRequest, answer: Mapping[str, Any], metadata: Mapping[str, str]) -> str | None:
    message = {name: value for name, value in answer["choices"][0]["message"].items() if value is not None}
    asked = [each.plain() for each in body.messages]
    rating = metadata.get("rating", "")
    try:
        return DistillationDataCollector().capture_conversation(
            [*asked, message],
            (metadata.get("domain") or "general")[:LONGEST_NAME],
            (metadata.get("task_type") or "chat")[:LONGEST_NAME],
            int(rating) if rating in {"1", "2", "3", "4", "5"} else DEFAULT_RATING,
            {"completion": answer["id"], **metadata},
            model_used=body.model,
            tools=None if body.tools is None else [tool.model_dump(exclude_none=True) for tool in body.tools],
        )
    except FineTuningError:
        return None  # nothing to learn from; the stored completion says what happened
