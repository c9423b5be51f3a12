"""The content of a tool's result, of text or of blocks in any vendor's words, as a message of the tool has it."""

from __future__ import annotations

import re

from fine_tuning.data_io.dialects.content import IMAGES, TEXTS, kind_of
from fine_tuning.data_io.dialects.tool_results import Result
from fine_tuning.data_io.json_values import JsonObject, first_value, is_list, is_object, to_json_text
from fine_tuning.data_io.messages import ContentPart
from fine_tuning.errors import DataError

_DATA = {"json", "output_json"}
_MEDIA = {
    *IMAGES,
    *("media", "image-data", "image-url", "image-file-id", "file-data", "file-url", "file-id"),  # Vercel's
    *("document", "video", "audio", "input_audio", "input_file", "search_result", "tool_reference"),
    *("resource", "resource_link", "s3Location"),
}
_OUTPUTS = {"text", "json", "error-text", "error-json", "content", "execution-denied"}  # Vercel's
_FAILURES = {"error-text", "error-json", "execution-denied"}
_DENIED = "Tool execution denied."
_SAYS_IT = re.compile(r"(?i)\W*\w*(?:error|exception|fail(?:ed|ure)?\b)")


def result_content(result: Result, where: str) -> str | list[ContentPart]:
    """The result of a call: its text, or its texts as parts; any other value as JSON.

    The result of a tool that failed begins with `Error: `, unless its text says so itself: messages have no other place
    for what Anthropic, Bedrock, LangChain, MCP and Vercel's SDK note beside the text.

    Raises:
        DataError: it holds an image, a document or other media, which a message of a tool cannot have.
    """
    found = _texts(_unwrapped(result.content), where)
    if not (result.is_error or _is_failure(result.content)):
        return found
    if isinstance(found, str):
        return found if _SAYS_IT.match(found) else f"Error: {found}".strip()
    first = str(found[0].get("text"))
    return found if _SAYS_IT.match(first) else [{**found[0], "text": f"Error: {first}"}, *found[1:]]


def _unwrapped(content: object) -> object:
    """The value of an output as Vercel's SDK writes it; another content unchanged."""
    if not is_object(content) or str(content.get("type")) not in _OUTPUTS:
        return content
    if content["type"] == "execution-denied":
        return content.get("reason") or _DENIED
    return content.get("value", content)


def _is_failure(content: object) -> bool:
    return is_object(content) and str(content.get("type")) in _FAILURES


def _texts(content: object, where: str) -> str | list[ContentPart]:
    blocks = _blocks(content)
    if blocks is None:
        return to_json_text(content)
    parts = [_part(block, kind, where) for block, kind in blocks]
    return str(parts[0]["text"]) if len(parts) == 1 else parts


def _blocks(content: object) -> list[tuple[JsonObject, str]] | None:
    """The blocks of a content with their types; None where it is a value of the tool's own."""
    if not is_list(content) or not content:
        return None
    found = [(each, _kind(each)) for each in content if is_object(each)]
    known = [(block, kind) for block, kind in found if kind is not None]
    return known if len(known) == len(content) else None


def _kind(block: JsonObject) -> str | None:
    kind = kind_of(block)
    if kind is None and len(block) == 1:  # as Bedrock writes them
        kind = next(iter(block))
    return kind if kind in TEXTS | _DATA | _MEDIA else None


def _part(block: JsonObject, kind: str, where: str) -> ContentPart:
    if kind in TEXTS:
        text = first_value(block, "text", "content")
        return {"type": "text", "text": "" if text is None else to_json_text(text)}
    if kind in _DATA:
        return {"type": "text", "text": to_json_text(block[kind] if kind in block else block.get("value"))}
    raise DataError(f"{where}: the result of a tool holds a part of type {kind!r}, which is no text")
