"""Tools for models whose chat template has none."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import cast

from fine_tuning.data_io.formats import tool_prompt
from fine_tuning.data_io.messages import Message
from fine_tuning.serving.chat_types import ChatBody, Chunk, Delta, ToolCallDelta
from fine_tuning.serving.engine import Engine
from fine_tuning.store.records.rows import JsonColumn


class PromptedTools:
    """An engine whose chat describes tools in the system message; everything else is passed on.

    A required tool call is constrained by a grammar; an optional one is parsed from the answer.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.model = getattr(engine, "model", "")
        self.complete, self.stream, self.complete_many = engine.complete, engine.stream, engine.complete_many
        self.close = engine.close

    def chat_chunks(self, body: ChatBody) -> Generator[Chunk, None, None]:
        """Answer a request of OpenAI's chat API; an answer that may be a tool call is completed first. See `Engine`."""
        if not body.get("tools"):
            yield from self._engine.chat_chunks(body if not _has_tools(body) else _prompted(body))
            return
        text: dict[int, str] = {}
        reasons: dict[int, str | None] = {}
        usage: list[Chunk] = []
        with closing(self._engine.chat_chunks(_prompted(body))) as pieces:
            for piece in pieces:
                if piece.get("usage") and not piece["choices"]:
                    usage.append(piece)
                for choice in piece["choices"]:
                    index = choice["index"]
                    text[index] = text.get(index, "") + (choice["delta"].get("content") or "")
                    reasons[index] = choice.get("finish_reason") or reasons.get(index)
                yield {"choices": []}  # lets the caller check whether its client is still connected
        for index, content in sorted(text.items()):
            calls = tool_prompt.parse_tool_calls(content, body["tools"]) if body.get("tool_choice") != "none" else None
            numbered = [cast("ToolCallDelta", {"index": place, **call}) for place, call in enumerate(calls or [])]
            delta: Delta = {"tool_calls": numbered} if calls else {"content": content}
            yield {"choices": [{"index": index, "delta": delta, "finish_reason": None}]}
            reason = "tool_calls" if calls else reasons[index]
            yield {"choices": [{"index": index, "delta": {}, "finish_reason": reason}]}
        yield from usage


def _has_tools(body: ChatBody) -> bool:
    """Whether there are tools, or tool calls and results of earlier turns."""
    return bool(body.get("tools")) or any(
        message["role"] == "tool" or message.get("tool_calls") for message in body["messages"]
    )


def _prompted(body: ChatBody) -> ChatBody:
    """The request with its tools in the system message, and a required call as a schema."""
    choice, tools = body.get("tool_choice", "auto"), body.get("tools") or []
    if choice == "none":
        tools = []
    elif isinstance(choice, Mapping):
        tools = [tool for tool in tools if tool["function"]["name"] == choice["function"]["name"]]
    plain: JsonColumn = {
        key: value for key, value in body.items() if key not in {"tools", "tool_choice", "parallel_tool_calls"}
    }
    plain["messages"] = tool_prompt.with_tools_as_text(cast("Sequence[Message]", body["messages"]), tools)
    if tools and choice != "auto":
        parallel = body.get("parallel_tool_calls", True) and not isinstance(choice, Mapping)
        schema = {"name": "tool_calls", "schema": tool_prompt.tool_call_schema(tools, parallel=parallel)}
        plain["response_format"] = {"type": "json_schema", "json_schema": schema}
    return cast("ChatBody", plain)
