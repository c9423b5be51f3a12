"""Tools for models whose chat template has none."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import cast

from fine_tuning.data_io.formats import tool_prompt
from fine_tuning.data_io.messages import Message, Tool
from fine_tuning.export.modelfile import chat_template
from fine_tuning.serving.chat_types import ChatBody, Chunk, Delta, Messages, ToolCallDelta
from fine_tuning.serving.engine import Completion, Engine
from fine_tuning.serving.text_types import TextBody, TextChunk
from fine_tuning.store.records.rows import JsonColumn


def with_tools(engine: Engine, folder: Path | None) -> Engine:
    """The engine itself where its model's chat template has tools, else with tools as text.

    Args:
        folder: of the model's files; None for a host's model, of whose tools its host takes care.
    """
    has_tools = folder is None or isinstance(engine, PromptedTools) or _template_has_tools(folder)
    return engine if has_tools else PromptedTools(engine)


@lru_cache(maxsize=64)
def _template_has_tools(folder: Path) -> bool:
    return tool_prompt.template_supports_tools(chat_template(folder))


class PromptedTools:
    """An engine that describes tools in the system message; requests without tools are passed on.

    A required tool call is constrained by a grammar; an optional one is parsed from the answer.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.model = getattr(engine, "model", "")
        self.close = engine.close

    def complete(self, messages: Messages, *, temperature: float, max_tokens: int, **params: object) -> Completion:
        """Answer one conversation. See `Engine`."""
        return next(self.complete_many([messages], temperature=temperature, max_tokens=max_tokens, **params))

    def complete_many(
        self, batch: Sequence[Messages], *, temperature: float, max_tokens: int, **params: object
    ) -> Generator[Completion, None, None]:
        """Answer many conversations in order. See `Engine`."""
        bodies = [_without_tools(messages, params) for messages in batch]
        rest = {key: value for body in bodies[:1] for key, value in body.items() if key != "messages"}
        prompts = [body["messages"] for body in bodies]
        for answer in self._engine.complete_many(prompts, temperature=temperature, max_tokens=max_tokens, **rest):
            yield _with_calls(answer, params)

    def stream(
        self, messages: Messages, *, temperature: float, max_tokens: int, **params: object
    ) -> Generator[str, None, Completion]:
        """Answer one conversation piece by piece; one that may be a tool call in one piece. See `Engine`."""
        if not params.get("tools"):
            body: JsonColumn = {**_without_tools(messages, params)}
            return (yield from self._engine.stream(**body, temperature=temperature, max_tokens=max_tokens))
        answer = self.complete(messages, temperature=temperature, max_tokens=max_tokens, **params)
        if answer.text:
            yield answer.text
        return answer

    def chat_chunks(self, body: ChatBody) -> Generator[Chunk, None, None]:
        """Answer a request of OpenAI's chat API; an answer that may be a tool call is completed first. See `Engine`."""
        if not body.get("tools"):
            yield from self._engine.chat_chunks(_prompted(body))
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

    def text_chunks(self, body: TextBody) -> Generator[TextChunk, None, None]:
        """Continue prompts, which have no tools. See `Engine`."""
        return self._engine.text_chunks(body)


def _has_tools(body: ChatBody) -> bool:
    """Whether there are tools, or tool calls and results of earlier turns."""
    return bool(body.get("tools")) or any(
        message["role"] == "tool" or message.get("tool_calls") for message in body["messages"]
    )


def _without_tools(messages: Messages, params: Mapping[str, object]) -> ChatBody:
    return _prompted(cast("ChatBody", {"messages": messages, **params}))


def _with_calls(answer: Completion, params: Mapping[str, object]) -> Completion:
    tools = cast("Sequence[Tool]", params.get("tools") or [])
    calls = tool_prompt.parse_tool_calls(answer.text, tools) if params.get("tool_choice") != "none" else None
    return answer if not calls else replace(answer, text="", tool_calls=calls, finish_reason="tool_calls")


def _prompted(body: ChatBody) -> ChatBody:
    """The request with its tools in the system message, and a required call as a schema."""
    if not _has_tools(body):
        return body
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
