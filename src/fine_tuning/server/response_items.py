"""Items of the Responses API that clients send: messages, function calls, their outputs, and references to items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, cast

from openai.types.responses.response_output_text import Annotation, Logprob
from openai.types.responses.response_reasoning_item import Content, Summary
from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
)

from fine_tuning.server.request_model import Listed, RequestModel, added_by_sdks
from fine_tuning.serving.wires.object_ids import new_id
from fine_tuning.serving.wires.response_objects import Status, all_with_bytes
from fine_tuning.store.records.rows import JsonColumn

ItemId = Annotated[str, Field(min_length=1, max_length=64)]
_UNREADABLE = ("image_url", "input_audio", "file", "input_image", "input_file")
CallId = Annotated[str, Field(min_length=1)]  # as the host of a model writes it


def _readable(kind: object) -> object:
    """Refuse the parts that OpenAI's models read beside text, in a word that says why."""
    if kind in _UNREADABLE:
        raise ValueError(f"{kind} is not supported: the models read text only")
    return kind


Readable = BeforeValidator(_readable)
"""Of the type of a part."""


def _each_is(kind: Any) -> AfterValidator:
    """Of a list that is kept and returned as it was sent: each item is of a type that the SDK reads."""
    reader: TypeAdapter[object] = TypeAdapter(kind)

    def check(values: list[JsonColumn]) -> list[JsonColumn]:
        for index, value in enumerate(values):
            try:
                reader.validate_python(value)
            except ValidationError:
                raise ValueError(f"item {index} is not as a response has it") from None
        return values

    return AfterValidator(check)


class TextPart(RequestModel):
    """A piece of text; other kinds of parts are refused, since the models read text alone."""

    type: Annotated[Literal["input_text", "output_text", "text"], Readable]
    text: str
    annotations: Annotated[Listed[JsonColumn], _each_is(Annotation)] | None = None
    logprobs: Annotated[Listed[JsonColumn], BeforeValidator(all_with_bytes), _each_is(Logprob)] | None = None
    prompt_cache_breakpoint: JsonColumn | None = None
    parsed: object = added_by_sdks()


class RefusalPart(RequestModel):
    """What a model said in place of an answer."""

    type: Literal["refusal"]
    refusal: str
    parsed: object = added_by_sdks()

    @property
    def text(self) -> str:
        """The refusal, which later answers read as text."""
        return self.refusal


def part_kind(value: object) -> str:
    """Whether a part is a refusal or text, as which every other type is refused."""
    return "Refusal" if _type_of(value) == "refusal" else "Text"


def _type_of(value: object) -> object:
    return value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)


Part = Annotated[Annotated[TextPart, Tag("Text")] | Annotated[RefusalPart, Tag("Refusal")], Discriminator(part_kind)]


class MessageItem(RequestModel):
    """A message of the conversation."""

    prefix: ClassVar[str] = "msg"

    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: str | Annotated[list[Part], Field(fail_fast=True)]
    id: ItemId | None = None
    status: Status | None = None
    phase: Literal["commentary", "final_answer"] | None = None

    @property
    def text(self) -> str:
        """All text of the message."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)

    def stored(self) -> JsonColumn:
        """The item as the API returns it, with typed parts."""
        texts = [TextPart(type="text", text=self.content)] if isinstance(self.content, str) else self.content
        shown: JsonColumn = {"type": "message", "role": self.role, "content": [self._part(part) for part in texts]}
        return shown | ({"phase": self.phase} if self.phase else {})

    def _part(self, part: TextPart | RefusalPart) -> JsonColumn:
        if isinstance(part, RefusalPart):
            return {"type": "refusal", "refusal": part.refusal}
        if self.role != "assistant":
            return {"type": "input_text", "text": part.text}
        more = {"annotations": part.annotations or [], "logprobs": part.logprobs or []}
        return {"type": "output_text", "text": part.text, **more}


class FunctionCallItem(RequestModel):
    """A call that the assistant made; further fields of answers that OpenAI's SDK sends back are accepted as null."""

    prefix: ClassVar[str] = "fc"

    type: Literal["function_call"]
    call_id: CallId
    name: str
    arguments: str
    id: ItemId | None = None
    status: Status | None = None
    namespace: None = None
    caller: None = None
    async_: Literal[False] | None = Field(default=None, validation_alias=AliasChoices("async", "async_"))
    created_by: str | None = None
    parsed_arguments: object = added_by_sdks()

    def stored(self) -> JsonColumn:
        """The item as the API returns it."""
        return {"type": self.type, "call_id": self.call_id, "name": self.name, "arguments": self.arguments}


class FunctionCallOutputItem(RequestModel):
    """What a function returned."""

    prefix: ClassVar[str] = "fco"

    type: Literal["function_call_output"]
    call_id: CallId
    output: str | Annotated[list[TextPart], Field(fail_fast=True)]
    id: ItemId | None = None
    status: Status | None = None
    name: str | None = None
    namespace: None = None
    caller: None = None
    created_by: str | None = None

    @property
    def text(self) -> str:
        """All text of the output."""
        return self.output if isinstance(self.output, str) else "".join(part.text for part in self.output)

    def stored(self) -> JsonColumn:
        """The item as the API returns it."""
        texts = self.output
        output = texts if isinstance(texts, str) else [{"type": "input_text", "text": part.text} for part in texts]
        return {"type": self.type, "call_id": self.call_id, "output": output}


class ReasoningItem(RequestModel):
    """The reasoning of another model, which is kept and not read."""

    prefix: ClassVar[str] = "rs"

    type: Literal["reasoning"]
    id: ItemId | None = None
    summary: Annotated[Listed[JsonColumn], _each_is(Summary)] = Field(default_factory=list)
    content: Annotated[Listed[JsonColumn], _each_is(Content)] | None = None
    encrypted_content: str | None = None
    status: Status | None = None

    def stored(self) -> JsonColumn:
        """The item as the API returns it."""
        more = self.model_dump(include={"content", "encrypted_content"}, exclude_none=True)
        return {"type": self.type, "summary": self.summary, **more}


class ItemReference(RequestModel):
    """An item of an earlier response or of a conversation, by its id."""

    type: Literal["item_reference"] | None = None
    id: ItemId


class UnsupportedItem(RequestModel):
    """Any other item: always an error, which names the kinds there are."""

    model_config = ConfigDict(extra="allow")

    type: Literal["message", "function_call", "function_call_output", "reasoning", "item_reference"]


_KINDS = {
    "message": "Message",
    "function_call": "FunctionCall",
    "function_call_output": "FunctionCallOutput",
    "reasoning": "Reasoning",
    "item_reference": "ItemReference",
}


def _item_kind(value: object) -> str:
    kind = _type_of(value)
    if kind is None:
        is_reference = isinstance(value, Mapping) and "id" in value and "role" not in value
        return "ItemReference" if is_reference or isinstance(value, ItemReference) else "Message"
    return _KINDS.get(str(kind), "Unsupported")


Item: TypeAlias = MessageItem | FunctionCallItem | FunctionCallOutputItem | ReasoningItem
SentItem = Annotated[
    Annotated[MessageItem, Tag("Message")]
    | Annotated[FunctionCallItem, Tag("FunctionCall")]
    | Annotated[FunctionCallOutputItem, Tag("FunctionCallOutput")]
    | Annotated[ReasoningItem, Tag("Reasoning")]
    | Annotated[ItemReference, Tag("ItemReference")]
    | Annotated[UnsupportedItem, Tag("Unsupported")],
    Discriminator(_item_kind),
]
_READER = TypeAdapter(list[SentItem])


def read(stored: Sequence[JsonColumn]) -> list[Item]:
    """Stored items as they were sent or answered."""
    return cast("list[Item]", _READER.validate_python(stored))


def identified(items: Sequence[Item], taken: Sequence[str] = ()) -> list[JsonColumn]:
    """The items as they are stored: each with its own id, or a new one where it has none or it is `taken`."""
    known, found = set(taken), []
    for item in items:
        name = item.id if item.id and item.id not in known else new_id(item.prefix)
        known.add(name)
        found.append({"id": name, "status": item.status or "completed", **item.stored()})
    return found
