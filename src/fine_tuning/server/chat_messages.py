"""The messages of a chat completion, each alone and in their order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from fine_tuning._util.field_errors import place
from fine_tuning.server.api_errors import invalid
from fine_tuning.server.request_model import Listed, RequestModel, added_by_sdks
from fine_tuning.server.response_items import Readable, RefusalPart, part_kind
from fine_tuning.store.records.rows import JsonColumn

_OF_ROLE = {"refusal": "assistant", "tool_calls": "assistant", "tool_call_id": "tool"}
ROLES = Literal["system", "developer", "user", "assistant", "tool"]
_NO_CALL = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
_NO_ANSWER = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
    "The following tool_call_ids did not have response messages: "
)
MAX_MESSAGES = 2048


class TextPart(RequestModel):
    """A piece of text; other kinds of parts are refused, since the models read text alone."""

    type: Annotated[Literal["text"], Readable]
    text: str
    prompt_cache_breakpoint: JsonColumn | None = None


Part = Annotated[Annotated[TextPart, Tag("Text")] | Annotated[RefusalPart, Tag("Refusal")], Discriminator(part_kind)]
Parts = Annotated[list[Part], Field(min_length=1, fail_fast=True)]


class CalledFunction(RequestModel):
    """The function that the assistant called, by the name that it wrote: no answer is refused when it is sent back."""

    name: str
    arguments: str
    parsed_arguments: object = added_by_sdks()


class ToolCall(RequestModel):
    """A call that the assistant made."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction
    index: object = added_by_sdks()


class Message(RequestModel):
    """A message of the conversation; further fields of answers that OpenAI's SDKs send back are accepted."""

    role: ROLES
    content: str | Parts | None = None
    name: str | None = None
    tool_calls: Listed[ToolCall] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    annotations: list[object] | None = None
    audio: None = None
    function_call: None = None
    parsed: object = added_by_sdks()

    @property
    def refuses(self) -> bool:
        """Whether it says what a model said in place of an answer."""
        parts = self.content if isinstance(self.content, list) else []
        return bool(self.refusal) or any(isinstance(part, RefusalPart) for part in parts)

    def check(self, where: str) -> None:
        """Check that there is something to read, and nothing that its role has no place for.

        Raises:
            ApiError: 400, naming the field below `where`.
        """
        if self.content is None and not self.tool_calls and not self.refusal:
            message = f"Missing required parameter: '{where}.content'."
            raise invalid(message, f"{where}.content", "missing_required_parameter")
        given = {"refusal": self.refuses, "tool_calls": self.tool_calls, "tool_call_id": self.tool_call_id}
        for name, role in _OF_ROLE.items():
            if given[name] and self.role != role:
                raise invalid(f"{where}.{name} goes with role '{role}' only, not '{self.role}'", f"{where}.{name}")

    def plain(self) -> JsonColumn:
        """The message as chat templates expect it: "system" in place of "developer", parts joined to one text.

        A refusal is text as any other.
        """
        content = self.content
        if isinstance(content, list):
            content = "".join(part.text for part in content)
        given = self.model_dump(include={"name", "tool_calls", "tool_call_id"}, exclude_none=True)
        role = "system" if self.role == "developer" else self.role
        return {"role": role, "content": content or self.refusal or "", **given}


def check_order(messages: Sequence[Message]) -> None:
    """Check that each tool message answers a call of the turn before it, and that every call is answered.

    Raises:
        ApiError: 400, naming the message.
    """
    caller = 0  # the message with the latest calls
    called: set[str] = set()
    open_calls: dict[str, None] = {}
    for index, message in enumerate(messages):
        if message.role == "tool":
            _check_answer(message, called, place("messages", index))
            open_calls.pop(message.tool_call_id or "", None)
        elif message.role in {"user", "assistant"}:
            _check_answered(open_calls, caller)
            caller, open_calls = index, dict.fromkeys(call.id for call in message.tool_calls or [])
            called = {*open_calls}
    _check_answered(open_calls, caller)


def _check_answer(message: Message, called: set[str], where: str) -> None:
    param = f"{where}.tool_call_id"
    if message.tool_call_id is None:
        raise invalid(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")
    if not called:
        raise invalid(f"Invalid parameter: {_NO_CALL}", f"{where}.role")
    if message.tool_call_id not in called:
        raise invalid(f"Invalid '{param}': no call of the assistant message before it has this id.", param)


def _check_answered(open_calls: Collection[str], caller: int) -> None:
    if open_calls:
        raise invalid(_NO_ANSWER + ", ".join(open_calls), place("messages", caller, "tool_calls"))
