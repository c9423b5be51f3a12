"""Content of messages in any vendor's words: text and images as OpenAI's parts, and calls and results among them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from fine_tuning._util.json_kinds import json_kind
from fine_tuning.data_io.dialects import ui_messages, unread_keys
from fine_tuning.data_io.dialects.found_by_host import refuse_cited
from fine_tuning.data_io.dialects.hosted_items import refusal
from fine_tuning.data_io.dialects.images import data_url, is_image_place
from fine_tuning.data_io.dialects.tool_calls import made_id, tool_call
from fine_tuning.data_io.dialects.tool_results import Result, result_of
from fine_tuning.data_io.json_values import JsonObject, Row, first_value, is_object, parse_embedded_json
from fine_tuning.data_io.messages import ContentPart, ToolCall
from fine_tuning.errors import DataError

TEXTS = {"text", "input_text", "output_text", "summary_text"}
_REASONING = {"thinking", "redacted_thinking", "reasoning", "reasoning_text", "reasoningContent", "thought"}
_CALL = {"tool_use", "tool_call", "tool-call", "function_call", "functionCall", "toolUse"}
_RAW_ARGUMENTS = ("rawInput", "partial_json")  # of Vercel's SDK, and of Anthropic's streams: text, with an empty input
_RESULT = {
    *("tool_result", "tool_call_response", "tool-result", "function_call_output"),
    *("functionResponse", "function_response", "toolResult"),
}
IMAGES = {"image_url", "input_image", "image", "inlineData", "inline_data", "fileData", "file_data"}
_ADDRESSES = ("http://", "https://", "data:image/", "gs://")
_OF_TEXTS = frozenset(  # what vendors write in a part of text
    """type text content cache_control id index status state logprobs signature thought phase
    thoughtSignature thought_signature providerMetadata providerOptions provider_specific_fields""".split()
)
_MARKS = {"step-start", "step_start", "cachePoint", "thoughtSignature", "thought_signature"}  # they hold nothing
_SERVER_CALL = "server_tool_use"  # of Anthropic
_RUN_BY_HOST = {"executableCode", "executable_code", "codeExecutionResult", "code_execution_result"}
_GUARDED = "guardContent"  # Bedrock's: what its guardrail looks at, which the model reads as any other part


@dataclass
class Content:
    """What a message's content holds.

    Attributes:
        parts: text and images, in order; what is neither is left to the checks.
        calls: of tools.
        results: of tools, which are messages of their own.
        refusal: of the model.
    """

    parts: list[ContentPart] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    refusal: str | None = None

    def value(self) -> str | list[ContentPart] | None:
        """As OpenAI has it: None where there is nothing, and one text as text."""
        if not self.parts:
            return None
        only = self.parts[0].get("text") if len(self.parts) == 1 and is_object(self.parts[0]) else None
        return only if isinstance(only, str) else self.parts


def read_content(parts: list[object], where: str, place: int) -> Content:
    """The content of a message that is a list of parts.

    Reasoning is left out: trainers take no part in it, and chat templates remove it from earlier turns.

    Args:
        where: for messages, such as `messages[2]`.
        place: of the message in its conversation, for the ids of calls without one.

    Raises:
        DataError: a part is neither text nor an image, such as audio; the message names it.
    """
    found = Content()
    for number, part in enumerate(parts):
        _add(found, part, f"{where}.content[{number}]", place)
    return found


_CANONICAL_KEYS = {"text": {"type", "text"}, "image_url": {"type", "image_url"}}


def is_canonical(parts: list[object]) -> bool:
    """Whether parts are texts and images as OpenAI has them, or what is left to the checks."""
    return all(
        is_object(part)
        and part.keys() <= _CANONICAL_KEYS.get(str(part.get("type")), set())
        and (part.get("type") == "text" or _is_usable(part.get("image_url")))
        for part in parts
    )


def _is_usable(image: object) -> bool:
    """Whether an image has an address, or none at all, which the checks say."""
    url = image.get("url") if is_object(image) else image
    return not isinstance(url, str) or url.startswith(_ADDRESSES)


def has_result(parts: list[object]) -> bool:
    """Whether a result of a tool is among the parts."""
    return any(is_object(part) and kind_of(part) in _RESULT for part in parts)


def kind_of(part: Row) -> str | None:
    """The type of a part: what it says, else the key that holds its content, as Bedrock and Gemini write it."""
    kind = part.get("type")
    if isinstance(kind, str):
        return kind
    keyed = (*_CALL, *_RESULT, *IMAGES, *_REASONING, _GUARDED, "text", *_RUN_BY_HOST, *_MARKS)
    return next((key for key in keyed if part.get(key) not in (None, False)), None)


def _add(found: Content, part: object, where: str, place: int) -> None:
    if isinstance(part, str):
        found.parts.append({"type": "text", "text": part})
        return
    kind = kind_of(part) if is_object(part) else None
    if not is_object(part):
        raise DataError(f"{where} must be text or an object, not {json_kind(part)}")
    if kind is None:
        if keys := sorted(key for key, value in part.items() if value is not None):
            raise DataError(f"{where}: a part that holds {', '.join(keys)} is neither text nor an image")
    elif kind in _RUN_BY_HOST:
        raise DataError(f"{where}: {kind} belongs to its host, which wrote and ran the code beside the conversation")
    elif kind == _SERVER_CALL or ui_messages.is_run_by_host(part):
        raise DataError(refusal(kind, where))
    elif kind == _GUARDED:
        _add(found, _unguarded(part[_GUARDED]), f"{where}.{_GUARDED}", place)
    elif is_image_place(part):
        found.parts.append(cast("ContentPart", {key: value for key, value in part.items() if value is not None}))
    elif kind in TEXTS:
        refuse_cited(part, where)
        unread_keys.note(part, _OF_TEXTS, "part")
        text = first_value(part, "text", "content")
        found.parts.append(cast("ContentPart", {"type": "text", "text": "" if text is None else text}))
    elif kind == "refusal":
        found.refusal = str(part.get("refusal") or "")
    elif kind in _CALL or ui_messages.is_invocation(part):
        _add_call(found, part, where, place)
    elif kind in _RESULT:
        found.results.append(_result(part, kind))
    elif kind in IMAGES or _is_image_file(part, kind):
        found.parts.append(_image(part, kind, where))
    elif kind not in _REASONING | _MARKS and not ui_messages.is_of_the_page(kind):
        if isinstance(text := part.get("text"), str):
            unread_keys.note(part, _OF_TEXTS, "part")
            found.parts.append({"type": "text", "text": text})
        else:
            raise DataError(f"{where}: a part of type {kind!r} is neither text nor an image")
    elif kind in _REASONING:
        unread_keys.note({kind: True}, (), "part")


def _unguarded(given: object) -> object:
    """The text or image for a guardrail of Bedrock's as any other part; the text may say what it is for."""
    inner = given.get("text") if is_object(given) else None
    return {"text": inner.get("text")} if is_object(inner) else given


def _add_call(found: Content, part: JsonObject, where: str, place: int) -> None:
    """A call; in Vercel's UI messages its result stands beside it."""
    invocation = part.get("toolInvocation")
    given = invocation if is_object(invocation) else part
    kind = str(part.get("type"))
    if kind.startswith("tool-") and kind not in _CALL and "toolName" not in given and "name" not in given:
        given = {"name": kind.removeprefix("tool-"), **given}
    raw = next((key for key in _RAW_ARGUMENTS if given.get(key) not in (None, "")), None)
    if raw is not None and not given.get("input"):
        if not is_object(parse_embedded_json(given[raw])):
            raise DataError(f"{where}: the model wrote a call whose arguments ({raw}) are no JSON object; leave it out")
        given = {**given, "input": given[raw]}
    call = tool_call({key: value for key, value in given.items() if key != "type"}, made_id(place, len(found.calls)))
    if call is None:
        raise DataError(f"{where}: a call of a tool needs the tool's name")
    found.calls.append(call)
    result = ui_messages.result_in(given) if given is not part or "state" in given else None
    if result is not None:
        found.results.append(Result(call["id"], call["function"]["name"], result, ui_messages.has_failed(given)))


def _result(part: JsonObject, kind: str) -> Result:
    inner = part.get(kind)
    given = inner if is_object(inner) else part
    found = result_of(given)
    if kind in {"tool_result", "toolResult"} and found.content == []:  # no blocks
        found = found._replace(content="")
    is_own = given is inner or kind == "tool_call_response"  # elsewhere the id is of the part
    own = given.get("id") if is_own else None
    return found._replace(call_id=str(own)) if found.call_id is None and own else found


def _is_image_file(part: Row, kind: str) -> bool:
    return kind == "file" and str(_media_type(part)).startswith("image/")


def _media_type(image: Row) -> object:
    return first_value(image, "media_type", "mediaType", "mimeType", "mime_type", "contentType")


def _image(part: Row, kind: str, where: str) -> ContentPart:
    inner = first_value(part, kind, "image_url", "source") or part
    detail: object = None
    if is_object(inner):
        kind_of_data = _media_type(inner)
        if isinstance(kind_of_data, str) and not kind_of_data.startswith("image/"):
            raise DataError(f"{where}: {kind_of_data} is neither text nor an image")
        detail = inner.get("detail")
        inner = _address(inner)
    elif isinstance(inner, str) and ":" not in inner[:8] and (stated := _media_type(part)):
        inner = f"data:{stated};base64,{inner}"
    if detail is None:
        detail = part.get("detail")
    if not isinstance(inner, str) or not inner.startswith(_ADDRESSES):
        raise DataError(f"{where}: an image must be an address or data: URL; a file's path says nothing elsewhere")
    return cast(
        "ContentPart", {"type": "image_url", "image_url": {"url": inner, **({"detail": detail} if detail else {})}}
    )


def _address(image: Row) -> object:
    """The address of an image, or its content as a data: URL."""
    source = image.get("source")
    if is_object(source):  # Bedrock's
        image = {**image, **source}
    if url := first_value(image, "url", "fileUri", "file_uri"):
        return url
    data = first_value(image, "data", "bytes")
    if isinstance(data, str) and data.startswith(("http://", "https://", "data:")):
        return data
    if isinstance(data, str) and _media_type(image) is None and (known := data_url(data)) is not None:
        return known
    kind = _media_type(image) or f"image/{image.get('format') or 'png'}"
    return f"data:{kind};base64,{data}" if isinstance(data, str) else None
