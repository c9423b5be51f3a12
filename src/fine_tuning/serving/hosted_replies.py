"""What a host answers, checked before it is used: the SDK takes every value as it comes."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from fine_tuning.data_io.json_values import JsonObject, as_number, is_list, is_object


class _Reply(BaseModel):
    """What engines use is checked, the rest is kept."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())


class Message(_Reply):
    """The message of an answer; some hosts send its content in parts."""

    content: str | list[JsonObject] | None = None
    refusal: Any = None
    tool_calls: list[JsonObject] | None = None


class Choice(_Reply):
    """One answer."""

    message: Message
    finish_reason: str | None = None
    logprobs: Any = None


class ChatReply(_Reply):
    """A chat completion; what is odd about its usage is unknown, see `usage_of`."""

    choices: list[Choice] = Field(min_length=1)
    usage: Any = None
    service_tier: Any = None
    model: Any = None
    system_fingerprint: Any = None

    @property
    def served_by(self) -> str | None:
        """The model and fingerprint that the host reports."""
        stated = (each for each in (self.model, self.system_fingerprint) if isinstance(each, str) and each)
        return " ".join(stated) or None

    @property
    def logprobs(self) -> list[tuple[str, float]] | None:
        """Each token of the first answer with its log probability; None where they are not given, or are none."""
        found = self.choices[0].logprobs
        tokens = found.get("content") if is_object(found) else None
        if not is_list(tokens):
            return None
        pairs = [(each.get("token"), as_number(each.get("logprob"))) for each in tokens if is_object(each)]
        known = [(token, value) for token, value in pairs if isinstance(token, str) and value is not None]
        return known if len(known) == len(tokens) else None


class _Function(_Reply):
    name: str | None = None
    arguments: str | None = None


class _CallPart(_Reply):
    """A part of a tool call; Gemini's hosts leave its index out, and send each call whole."""

    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(_Reply):
    content: str | None = None
    tool_calls: list[_CallPart] | None = None


class _ChunkChoice(_Reply):
    index: int = 0
    delta: _Delta = Field(default_factory=_Delta)  # Azure leaves it out where it only reports a filter
    finish_reason: str | None = None


class ChatPiece(_Reply):
    """A chunk of a chat completion."""

    choices: list[_ChunkChoice] = Field(default_factory=list)
    usage: JsonObject | None = None

    def chunk(self) -> dict[str, Any]:
        """The chunk as engines give it: each choice with a delta, each part of a call with its index."""
        found = self.model_dump(mode="json", exclude_unset=True)
        for choice in found.setdefault("choices", []):
            choice.setdefault("index", 0)
            for place, part in enumerate(choice.setdefault("delta", {}).get("tool_calls") or ()):
                part["index"] = place if part.get("index") is None else part["index"]
        return found


class _TextLogprobs(_Reply):
    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float] | None] | None = None


class _TextChoice(_Reply):
    index: int
    text: str
    logprobs: _TextLogprobs | None = None
    finish_reason: str | None = None


class TextPiece(_Reply):
    """A chunk of a continued prompt."""

    choices: list[_TextChoice] = Field(default_factory=list)
    usage: JsonObject | None = None
