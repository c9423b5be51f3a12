"""Messages of Anthropic's API: the blocks of their content, and the messages of a chat completion that they amount to.

Source: https://docs.anthropic.com/en/api/messages
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from fine_tuning.data_io.dialects.result_content import result_content
from fine_tuning.data_io.dialects.tool_calls import arguments_text
from fine_tuning.data_io.dialects.tool_results import Result
from fine_tuning.server import chat_messages as chat
from fine_tuning.server.api_errors import invalid
from fine_tuning.server.request_model import Listed, RequestModel, added_by_sdks, type_of
from fine_tuning.store.records.rows import JsonColumn

Id = Annotated[str, Field(min_length=1)]


class Block(RequestModel):
    """What all blocks have in common."""

    cache_control: JsonColumn | None = None


class TextBlock(Block):
    """A piece of text; what cites sources in it is accepted where an answer is sent back, and left out."""

    type: Literal["text"]
    text: str
    citations: Listed[JsonColumn] | None = None
    parsed_output: object = added_by_sdks()


class ToolUseBlock(Block):
    """A call that the assistant made."""

    type: Literal["tool_use"]
    id: Id
    name: str
    input: JsonColumn
    caller: JsonColumn | None = None
    toolset_name: str | None = None

    def for_chat(self) -> chat.ToolCall:
        """The call as chat completions take it."""
        function = chat.CalledFunction(name=self.name, arguments=arguments_text(self.input))
        return chat.ToolCall(id=self.id, function=function)


class ThinkingBlock(Block):
    """The thinking of another model, which is not read."""

    type: Literal["thinking", "redacted_thinking"]
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class OtherBlock(RequestModel):
    """Any other block: always an error, since the models read text and calls alone."""

    model_config = ConfigDict(extra="allow")

    type: str


_KINDS = {
    "text": "Text",
    "tool_use": "ToolUse",
    "tool_result": "ToolResult",
    "thinking": "Thinking",
    "redacted_thinking": "Thinking",
}


def _kind(value: object) -> str:
    kind = type_of(value)
    return "Text" if kind is None else _KINDS.get(kind, "Other")  # a text names the type that is missing


ResultPart = Annotated[
    Annotated[TextBlock, Tag("Text")] | Annotated[OtherBlock, Tag("Other")],
    Discriminator(lambda value: "Text" if _kind(value) == "Text" else "Other"),
]


class ToolResultBlock(Block):
    """What a tool returned."""

    type: Literal["tool_result"]
    tool_use_id: Id
    content: str | Annotated[list[ResultPart], Field(fail_fast=True)] | None = None
    is_error: bool | None = None
    toolset_name: str | None = None

    def for_chat(self, where: str) -> chat.Message:
        """The message of the tool, which says in its text whether the tool failed, as rows to train on do.

        Raises:
            ApiError: 400, it holds something other than text.
        """
        given: object = self.content or ""
        if isinstance(self.content, list) and self.content:
            given = [{"type": "text", "text": each.text} for each in _texts(self.content, f"{where}.content")]
        found = result_content(Result(self.tool_use_id, None, given, bool(self.is_error)), where)
        text = found if isinstance(found, str) else "".join(str(part.get("text")) for part in found)
        return chat.Message(role="tool", tool_call_id=self.tool_use_id, content=text)


ContentBlock = Annotated[
    Annotated[TextBlock, Tag("Text")]
    | Annotated[ToolUseBlock, Tag("ToolUse")]
    | Annotated[ToolResultBlock, Tag("ToolResult")]
    | Annotated[ThinkingBlock, Tag("Thinking")]
    | Annotated[OtherBlock, Tag("Other")],
    Discriminator(_kind),
]
_OF_ROLE = {ToolUseBlock: "assistant", ThinkingBlock: "assistant", ToolResultBlock: "user"}


class SentMessage(RequestModel):
    """A message of the conversation."""

    role: Literal["user", "assistant", "system"]
    content: str | Annotated[list[ContentBlock], Field(fail_fast=True)]

    def blocks(self, where: str) -> list[TextBlock | ToolUseBlock | ToolResultBlock]:
        """What a model reads of it.

        Raises:
            ApiError: 400, a block is not supported, or of another role.
        """
        if isinstance(self.content, str):
            return [TextBlock(type="text", text=self.content)]
        found: list[TextBlock | ToolUseBlock | ToolResultBlock] = []
        for index, block in enumerate(self.content):
            place = f"{where}.content.{index}"
            if isinstance(block, OtherBlock):
                _refuse(block, place)
            role = _OF_ROLE.get(type(block), self.role)
            if role != self.role:
                raise invalid(f"{place}: a block of type '{block.type}' goes with role '{role}' only", f"{place}.type")
            if not isinstance(block, ThinkingBlock | OtherBlock):
                found.append(block)
        return found


def _texts(blocks: Sequence[object], where: str) -> Iterator[TextBlock]:
    for index, block in enumerate(blocks):
        if isinstance(block, OtherBlock):
            _refuse(block, f"{where}.{index}")
        if isinstance(block, TextBlock):
            yield block


def _refuse(block: OtherBlock, where: str) -> None:
    message = f"{where}: a block of type '{block.type}' is not supported: the models read text and tool calls alone"
    raise invalid(message, f"{where}.type", "unsupported_value")


def chat_messages(system: str | Sequence[TextBlock] | None, sent: Sequence[SentMessage]) -> list[chat.Message]:
    """The messages of the chat completion: results of tools are messages of their own; thinking is left out.

    Raises:
        ApiError: 400, a block is not supported, a call has no result right after it, the assistant spoke last, or there
            are too many.
    """
    found = [chat.Message(role="system", content=_content(system))] if system else []
    turns = _Turns(found)
    for index, message in enumerate(sent):
        turns.add(message, f"messages.{index}")
    turns.check_end()
    if len(found) > chat.MAX_MESSAGES:
        counted = f"{len(found)} messages, each result of a tool among them; there may be {chat.MAX_MESSAGES}"
        raise invalid(f"messages: {counted}", "messages")
    return found


def _content(text: str | Sequence[TextBlock]) -> str | list[chat.Part]:
    return text if isinstance(text, str) else [chat.TextPart(type="text", text=block.text) for block in text]


class _Turns:
    """Appends the messages of a conversation to `found`, whose calls and results belong together."""

    def __init__(self, found: list[chat.Message]) -> None:
        self._found = found
        self._where = ""  # of the latest message
        self._called = ""  # where the latest calls are
        self._open: list[str] = []

    def add(self, message: SentMessage, where: str) -> None:
        """Add a message."""
        self._where = where
        blocks = message.blocks(where)
        if not blocks and message.role != "assistant":
            raise invalid(f"{where}: all messages must have non-empty content", f"{where}.content")
        results = [block for block in blocks if isinstance(block, ToolResultBlock)]
        texts = [block for block in blocks if isinstance(block, TextBlock)]
        calls = [block for block in blocks if isinstance(block, ToolUseBlock)]
        if results and not all(isinstance(block, ToolResultBlock) for block in blocks[: len(results)]):
            raise invalid(f"{where}: `tool_result` blocks must come before all others", f"{where}.content")
        for block in results:
            self._add_result(block)
        if texts:
            self._check_answered()
            self._found.append(chat.Message(role=message.role, content=_content(texts)))
        if calls:
            self._add_calls(calls)

    def _add_result(self, block: ToolResultBlock) -> None:
        if block.tool_use_id not in self._open:
            reason = "each `tool_result` must have its `tool_use` in the message before it, and only one"
            raise invalid(
                f"{self._where}: unexpected `tool_use_id` found in `tool_result` blocks: {block.tool_use_id}; {reason}",
                f"{self._where}.content",
            )
        self._open.remove(block.tool_use_id)
        self._found.append(block.for_chat(self._where))

    def _add_calls(self, blocks: Sequence[ToolUseBlock]) -> None:
        self._called = self._where
        if not self._found or self._found[-1].role != "assistant":
            self._check_answered()
            self._found.append(chat.Message(role="assistant"))
        turn = self._found[-1]
        turn.tool_calls = [*(turn.tool_calls or []), *(block.for_chat() for block in blocks)]
        self._open += [block.id for block in blocks]

    def _check_answered(self) -> None:
        if self._open:
            raise invalid(
                f"{self._called}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                + ", ".join(self._open),
                f"{self._called}.content",
            )

    def check_end(self) -> None:
        """Check that there is something to answer."""
        self._check_answered()
        if self._found and self._found[-1].role == "assistant":
            message = "the models here do not continue a message of the assistant (prefill)"
            raise invalid(f"{message}; the conversation must end with a user message", "messages")
        if not any(each.role in {"user", "tool"} for each in self._found):
            raise invalid("messages: there must be a user message to answer", "messages")
