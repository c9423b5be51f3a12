"""Tools for a model whose chat template does not know any."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from typing import Any

from fine_tuning.data_io.formats import tool_prompt
from fine_tuning.serving.engine import Engine


class ToolsInWords:
    """An engine's chat, with tools said in the conversation; everything else is passed on.

    A call that the request demands is made certain by a grammar; one that the model may make is read from its answer.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.model = getattr(engine, "model", "")
        self.complete, self.stream, self.complete_many = engine.complete, engine.stream, engine.complete_many
        self.close = engine.close

    def chat_pieces(self, body: Mapping[str, Any]) -> Generator[dict[str, Any], None, None]:
        """Answer a request of OpenAI's chat API; an answer that may be a call is made whole first. See `Engine`."""
        if not body.get("tools"):
            yield from self._engine.chat_pieces(body if not _has_tools(body) else _said(body))
            return
        text: dict[int, str] = {}
        reasons: dict[int, str | None] = {}
        usage = []
        with closing(self._engine.chat_pieces(_said(body))) as pieces:
            for piece in pieces:
                if piece.get("usage") and not piece["choices"]:
                    usage.append(piece)
                for choice in piece["choices"]:
                    index = choice["index"]
                    text[index] = text.get(index, "") + (choice["delta"].get("content") or "")
                    reasons[index] = choice.get("finish_reason") or reasons.get(index)
                yield {"choices": []}  # whoever listens can leave meanwhile
        for index, said in sorted(text.items()):
            calls = tool_prompt.parse_tool_calls(said, body["tools"]) if body.get("tool_choice") != "none" else None
            numbered = [{"index": place, **call} for place, call in enumerate(calls or [])]
            delta = {"tool_calls": numbered} if calls else {"content": said}
            yield {"choices": [{"index": index, "delta": delta, "finish_reason": None}]}
            reason = "tool_calls" if calls else reasons[index]
            yield {"choices": [{"index": index, "delta": {}, "finish_reason": reason}]}
        yield from usage


def _has_tools(body: Mapping[str, Any]) -> bool:
    """Whether there is something to say in words: tools, or calls and results of an earlier turn."""
    return bool(body.get("tools")) or any(
        message["role"] == "tool" or message.get("tool_calls") for message in body["messages"]
    )


def _said(body: Mapping[str, Any]) -> dict[str, Any]:
    choice, tools = body.get("tool_choice", "auto"), body.get("tools") or []
    if choice == "none":
        tools = []
    elif isinstance(choice, Mapping):
        tools = [tool for tool in tools if tool["function"]["name"] == choice["function"]["name"]]
    plain = {key: value for key, value in body.items() if key not in {"tools", "tool_choice", "parallel_tool_calls"}}
    plain["messages"] = tool_prompt.with_tools_as_text(body["messages"], tools)
    if tools and choice != "auto":
        parallel = body.get("parallel_tool_calls", True) and not isinstance(choice, Mapping)
        wanted = {"name": "tool_calls", "schema": tool_prompt.tool_call_schema(tools, parallel=parallel)}
        plain["response_format"] = {"type": "json_schema", "json_schema": wanted}
    return plain
