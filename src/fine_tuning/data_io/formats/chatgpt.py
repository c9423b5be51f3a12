"""Chats of ChatGPT's data export (`conversations.json`): messages by their ids, each with the one before it.

Source: https://help.openai.com/en/articles/7260999-how-do-i-export-my-chatgpt-history-and-data
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.finish_reasons import finish_reason
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    first_value,
    is_list,
    is_object,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.messages import Message
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.errors import DataError

NAME = "chatgpt"
_SPOKEN = ("system", "user", "assistant")
_TEXTS = ("text", "multimodal_text", "code")
_THOUGHTS = ("thoughts", "reasoning_recap")
_INSTRUCTIONS = ("user_editable_context", "model_editable_context")
_CITED = "\ue200cite"
_FINISHED = ("finished_successfully", "finished_partial_completion", "None")
_ELSEWHERE = "which is not in the export"


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    if "mapping" not in row:
        return False
    return any("author" in object_or_empty(each.get("message")) for each in _nodes(row).values())


def _nodes(row: Row) -> dict[str, Row]:
    mapping = parse_embedded_json(row.get("mapping"))
    return {key: each for key, each in mapping.items() if is_object(each)} if is_object(mapping) else {}


def calls(row: Row) -> Iterator[Call | Unread]:
    """The branch of a chat that is shown, up to its last answer; answers of other branches are counted.

    Raises:
        DataError: it is malformed, or has something whose text is not in the export.
    """
    nodes = _nodes(row)
    path = _path(nodes, _end(row, nodes))
    shown = [dict(object_or_empty(nodes[key].get("message"))) for key in path]
    last = max((at for at, each in enumerate(shown) if _is_answer(each)), default=None)
    if last is None:
        yield Unread("not chat calls")
        return
    answer, branch = shown[last], zip(path[: last + 1], shown, strict=False)
    messages = [found for key, each in branch if (found := _message(each, f"mapping.{key}")) is not None]
    facts = {"conversation_id": first_value(row, "conversation_id", "id"), "title": row.get("title")}
    facts["gizmo_id"] = row.get("gizmo_id")
    yield Call(
        messages,
        model=object_or_empty(answer.get("metadata")).get("model_slug") or row.get("default_model_slug"),
        captured_at=answer.get("create_time") or row.get("create_time"),
        metadata={key: value for key, value in facts.items() if value},
        finish_reason=_reason(answer),
    )
    for key, node in nodes.items():
        if key not in path and _is_answer(object_or_empty(node.get("message"))):
            yield Unread("other answers")


def _end(row: Row, nodes: dict[str, Row]) -> str:
    """The last node of the branch that is shown: the one that the chat names, else the newest without others behind."""
    named = row.get("current_node")
    if isinstance(named, str) and named in nodes:
        return named
    leaves = [key for key, each in nodes.items() if not each.get("children")] or [*nodes]
    return max(leaves, key=lambda key: _time(nodes[key]))


def _time(node: Row) -> float:
    time = object_or_empty(node.get("message")).get("create_time")
    return float(time) if isinstance(time, int | float) else 0.0


def _path(nodes: dict[str, Row], end: str) -> list[str]:
    found: list[str] = []
    at: object = end
    while at is not None:
        if not isinstance(at, str) or at not in nodes or at in found:
            raise DataError(f"the chat has no message {at!r}, which another one names")
        found.append(at)
        at = nodes[at].get("parent")
    return found[::-1]


def _is_answer(message: Row) -> bool:
    """Whether a message is the assistant's, and said to the user."""
    return _role(message) == "assistant" and _kind(message) in _TEXTS and _is_to_all(message) and bool(_texts(message))


def _role(message: Row) -> str:
    return str(object_or_empty(message.get("author")).get("role"))


def _kind(message: Row) -> str:
    return str(object_or_empty(message.get("content")).get("content_type"))


def _is_to_all(message: Row) -> bool:
    return message.get("recipient") in (None, "", "all")


def _texts(message: Row) -> list[object]:
    content = object_or_empty(message.get("content"))
    parts = content.get("parts")
    return [each for each in (parts if is_list(parts) else [content.get("text")]) if each not in (None, "")]


def _message(given: JsonObject, where: str) -> Message | None:
    """A message as the model had it; None for one without text, such as the empty one of the system, and for thoughts.

    Raises:
        DataError: it is of a tool of ChatGPT's, or holds a file.
    """
    role, kind = _role(given), _kind(given)
    if not given:  # the root of the tree
        return None
    if kind in _THOUGHTS:
        unread_keys.note({"reasoning": True}, (), "message")
        return None
    if kind in _INSTRUCTIONS:
        content = object_or_empty(given.get("content"))
        keys = ("user_profile", "user_instructions", "model_set_context")
        instructions = "\n\n".join(str(content[key]) for key in keys if content.get(key))
        return {"role": "system", "content": instructions} if instructions else None
    texts = _texts(given)
    if not texts and role in _SPOKEN:
        return None
    if role not in _SPOKEN or not _is_to_all(given) or kind not in _TEXTS:
        tool = object_or_empty(given.get("author")).get("name") or given.get("recipient") or kind
        raise DataError(f"{where} is of ChatGPT's tool {tool!r}, {_ELSEWHERE} as the model had it")
    return {"role": role, "content": "\n\n".join(_text(each, where) for each in texts)}


def _text(part: object, where: str) -> str:
    text = part.get("text") if is_object(part) else part
    if not isinstance(text, str):
        kind = part.get("content_type") if is_object(part) else type(part).__name__
        raise DataError(f"{where} holds a file ({kind}), {_ELSEWHERE}")
    if _CITED in text:
        raise DataError(f"{where} cites what ChatGPT has found, {_ELSEWHERE}")
    return text


def _reason(answer: Row) -> str | None:
    """Why the answer ended."""
    details = object_or_empty(object_or_empty(answer.get("metadata")).get("finish_details"))
    if str(answer.get("status")) not in _FINISHED:
        return "error"
    return finish_reason(details.get("type"))
