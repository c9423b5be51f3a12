"""Tools for models whose chat template has none."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import cast

from fine_tuning.data_io.formats import tool_prompt
from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.data_io.messages import Message, Tool
from fine_tuning.export.chat_template import chat_template
from fine_tuning.serving.bounded_templates import with_bounded_template
from fine_tuning.serving.cascade_engine import CascadeEngine
from fine_tuning.serving.chat_types import ChatBody, Chunk, ChunkChoice, Delta, Messages, end_of
from fine_tuning.serving.chat_wire import JoinedToolCalls
from fine_tuning.serving.checked_answers import CheckedAnswers
from fine_tuning.serving.checked_calls import CheckedCalls
from fine_tuning.serving.engine import Completion, Engine
from fine_tuning.serving.engine_around import EngineAround
from fine_tuning.serving.heads.head_engine import HeadEngine
from fine_tuning.serving.llama_cpp_engine import LlamaCppEngine
from fine_tuning.serving.prompt_engine import PromptEngine
from fine_tuning.serving.response_grammar import ANY_OBJECT, json_rule
from fine_tuning.serving.tool_call_reader import ToolCallReader
from fine_tuning.store.records.rows import JsonColumn

# Otherwise a model repeats the calls of earlier turns, or their words in other ones.
_NO_CALLS = r"""%llguidance {}
start: ANSWER
ANSWER: /(?s:.*)/ & ~/(?s:.*)\{\s*"tool(?s:.*)/
"""
# Text does not begin as JSON does: the first character decides between both.
_TEXT_OR_CALLS = r"""%llguidance {}
start: ANSWER | calls
ANSWER: /(?s:[^{].*)?/ & ~/(?s:.*)\{\s*"tool(?s:.*)/
"""


def with_tools_and_checks(engine: Engine, folder: Path | None) -> Engine:
    """The engine with answers and calls checked, and with tools as text where its model's chat template has none.

    Args:
        folder: of the model's files; None for a host's model, of whose tools and answers its host takes care. A
            classifier head has neither, and a cascade's second model its own.
    """
    if folder is None or isinstance(engine, _COMPLETE):
        return engine
    has_tools = _template_has_tools(folder)
    bounded = with_bounded_template(engine, folder)
    if not isinstance(engine, LlamaCppEngine):
        return bounded if has_tools else PromptedTools(bounded)
    checked = CheckedAnswers(bounded)
    with_tools = checked if has_tools else PromptedTools(checked, has_grammars=True)
    return CheckedCalls(with_tools, checks_required=has_tools)


@lru_cache(maxsize=64)
def _template_has_tools(folder: Path) -> bool:
    return tool_prompt.template_supports_tools(chat_template(folder))


class PromptedTools(EngineAround):
    """An engine that describes tools in the system message; requests without tools are passed on.

    A required tool call is constrained by a grammar, and so is an optional one where a tool is strict; others are read
    from the answer.

    Args:
        has_grammars: whether the engine takes llguidance's grammars.
    """

    def __init__(self, engine: Engine, *, has_grammars: bool = False) -> None:
        super().__init__(engine)
        self._has_grammars = has_grammars

    def complete(self, messages: Messages, *, temperature: float, max_tokens: int, **params: object) -> Completion:
        """Answer one conversation. See `Engine`."""
        return next(self.complete_many([messages], temperature=temperature, max_tokens=max_tokens, **params))

    def complete_many(
        self, batch: Sequence[Messages], *, temperature: float, max_tokens: int, **params: object
    ) -> Generator[Completion, None, None]:
        """Answer many conversations in order. See `Engine`."""
        given = [cast("ChatBody", {"messages": messages, **params}) for messages in batch]
        bodies = [self._prompted(each) for each in given]
        rest = {key: value for body in bodies[:1] for key, value in body.items() if key != "messages"}
        prompts = [body["messages"] for body in bodies]
        answers = self._engine.complete_many(prompts, temperature=temperature, max_tokens=max_tokens, **rest)
        for body, answer in zip(given, answers, strict=True):
            yield _divided(answer, body) if _has_tools(body) else answer

    def stream(
        self, messages: Messages, *, temperature: float, max_tokens: int, **params: object
    ) -> Generator[str, None, Completion]:
        """Answer one conversation piece by piece; the words of a tool call are no text. See `Engine`."""
        given = cast("ChatBody", {"messages": messages, **params})
        body: JsonColumn = {**self._prompted(given)}
        pieces = self._engine.stream(**body, temperature=temperature, max_tokens=max_tokens)
        if not _has_tools(given):
            return (yield from pieces)
        reader, deltas = _reader(given), list[Delta]()
        with closing(pieces):
            while True:
                try:
                    added = reader.add(next(pieces))
                except StopIteration as end:
                    answer: Completion = end.value
                    break
                deltas += added
                yield from _texts(added)
        left = _ended(reader, answer.finish_reason)
        yield from _texts(left)
        return _joined(answer, reader, [*deltas, *left])

    def chat_chunks(self, body: ChatBody) -> Generator[Chunk, None, None]:
        """Answer a request of OpenAI's chat API. See `Engine`."""
        if not _has_tools(body):
            yield from self._engine.chat_chunks(body)
            return
        readers: dict[int, ToolCallReader] = {}
        with closing(self._engine.chat_chunks(self._prompted(body))) as chunks:
            for chunk in chunks:
                found: list[ChunkChoice] = []
                for choice in chunk["choices"]:
                    if (reader := readers.get(choice["index"])) is None:
                        reader = readers[choice["index"]] = _reader(body)
                    found += _read(choice, reader)
                # Without choices, a chunk lets the caller check whether its client is still connected.
                yield {**chunk, "choices": found[:1]}
                for other in found[1:]:
                    yield {"choices": [other]}

    def _prompted(self, body: ChatBody) -> ChatBody:
        """The request with its tools in the system message, and a required call, or none, as a form of the answer."""
        if not _has_tools(body):
            return body
        choice, tools = body.get("tool_choice", "auto"), _callable(body)
        left_out = {"tools", "tool_choice", "parallel_tool_calls"}
        plain: JsonColumn = {key: value for key, value in body.items() if key not in left_out}
        plain["messages"] = tool_prompt.with_tools_as_text(cast("Sequence[Message]", body["messages"]), tools)
        if (form := self._form(body, tools, is_required=choice != "auto")) is not None:
            plain["response_format"] = form
        return cast("ChatBody", plain)

    def _form(self, body: ChatBody, tools: Sequence[Tool], *, is_required: bool) -> JsonColumn | None:
        """The form of an answer that may call these tools; None for that of the request."""
        given = body.get("response_format")
        parallel = _limit(body) is None
        if tools and is_required:
            return _json_form(tool_prompt.tool_call_schema(tools, parallel=parallel))
        if tools and given is not None and given["type"] in {"json_object", "json_schema"}:
            schema = ANY_OBJECT
            if "json_schema" in given:
                schema = given["json_schema"].get("schema") or {}
            return _json_form(tool_prompt.tool_call_schema(tools, parallel=parallel, other=schema))
        if not self._has_grammars or given is not None:
            return None
        if not tools:
            return {"type": "grammar", "grammar": _NO_CALLS}
        if not any(tool["function"].get("strict") for tool in tools):
            return None
        calls = json_rule(tool_prompt.tool_call_schema(tools, parallel=parallel))
        return {"type": "grammar", "grammar": f"{_TEXT_OR_CALLS}calls: {calls}\n"}


def _json_form(schema: JsonObject) -> JsonColumn:
    return {"type": "json_schema", "json_schema": {"name": "tool_calls", "schema": schema}}


def _has_tools(body: ChatBody) -> bool:
    """Whether there are tools, or tool calls and results of earlier turns."""
    return bool(body.get("tools")) or any(
        message["role"] == "tool" or message.get("tool_calls") for message in body["messages"]
    )


def _callable(body: ChatBody) -> Sequence[Tool]:
    """The tools that the answer may call."""
    choice, tools = body.get("tool_choice", "auto"), body.get("tools") or []
    if isinstance(choice, Mapping):
        return [tool for tool in tools if tool["function"]["name"] == choice["function"]["name"]]
    return [] if choice == "none" else tools


def _limit(body: ChatBody) -> int | None:
    """How many tools the answer may call."""
    if not _callable(body):
        return 0
    is_one = not body.get("parallel_tool_calls", True) or isinstance(body.get("tool_choice"), Mapping)
    return 1 if is_one else None


def _reader(body: ChatBody) -> ToolCallReader:
    return ToolCallReader(_limit(body))


def _ended(reader: ToolCallReader, reason: str | None) -> list[Delta]:
    return reader.end(is_cut=reason == "length")


def _read(choice: ChunkChoice, reader: ToolCallReader) -> Iterator[ChunkChoice]:
    """An engine's choice with the text as what it is."""
    reason = choice.get("finish_reason")
    deltas = reader.add(choice["delta"].get("content") or "")
    logprobs = choice.get("logprobs")
    if logprobs and not deltas:
        deltas = [{}]  # of text that is held back
    for place, delta in enumerate(deltas):
        yield {"index": choice["index"], "delta": delta, "logprobs": None if place else logprobs}
    if reason is not None:
        end = end_of(choice)
        for delta in _ended(reader, end):
            yield {"index": choice["index"], "delta": delta}
        # A text of `stop` may also follow calls, which it does not cut off.
        shown = reason if end == "length" and not reader.is_complete else _reason(reader, reason)
        last: ChunkChoice = {"index": choice["index"], "delta": {}, "finish_reason": shown}
        yield {**last, "stop_reason": choice["stop_reason"]} if "stop_reason" in choice else last


def _reason(reader: ToolCallReader, reason: str | None) -> str | None:
    return "tool_calls" if reader.calls and reason != "length" else reason


def _divided(answer: Completion, body: ChatBody) -> Completion:
    """A complete answer with its calls apart from its text."""
    reader = _reader(body)
    return _joined(answer, reader, [*reader.add(answer.text), *_ended(reader, answer.finish_reason)])


def _joined(answer: Completion, reader: ToolCallReader, deltas: Sequence[Delta]) -> Completion:
    """The answer with what `reader` made of it."""
    calls = JoinedToolCalls()
    for delta in deltas:
        calls.add(delta.get("tool_calls") or [])
    text, reason = "".join(_texts(deltas)), _reason(reader, answer.finish_reason)
    return replace(answer, text=text, tool_calls=calls.joined(), finish_reason=reason)


def _texts(deltas: Iterable[Delta]) -> Iterator[str]:
    return (text for delta in deltas if (text := delta.get("content")))


_COMPLETE = PromptedTools | CheckedAnswers | CheckedCalls | HeadEngine | CascadeEngine | PromptEngine
