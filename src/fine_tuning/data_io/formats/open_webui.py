"""Exports of Open WebUI: rated answers (Evaluations, Feedbacks) and chats.

Source: https://docs.openwebui.com/features/evaluation, and the export of its admin panel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from fine_tuning.data_io.beside import with_system
from fine_tuning.data_io.call import Call
from fine_tuning.data_io.dialects.conversation import read_messages
from fine_tuning.data_io.json_values import JsonObject, Row, first_value, is_list, is_object, object_or_empty
from fine_tuning.data_io.messages import Message
from fine_tuning.errors import DataError

NAME = "open-webui"
_THUMBS = {1: 5, -1: 1}
_KEPT = ("role", "content", "tool_calls", "tool_call_id", "name")
_DETAILS = ("reason", "comment", "tags", "details")
_REASONING = re.compile(r'\s*<details type="reasoning".*?</details>\s*', re.DOTALL)
_CALLS = ('<details type="tool_calls"', '<details type="code_interpreter"')


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return _is_feedback(row) or ("chat" in row and _history(row.get("chat")) is not None)


def _is_feedback(row: Row) -> bool:
    return is_object(row.get("data")) and ("snapshot" in row or "rating" in object_or_empty(row["data"]))


def calls(row: Row) -> Iterator[Call]:
    """The call of a row: up to the rated answer, or up to the last one of a chat.

    A rated answer with one other to the same question is also a preference pair.

    Raises:
        DataError: it is malformed, or has no snapshot of the chat.
    """
    if not _is_feedback(row):
        yield _call_of_chat(object_or_empty(row["chat"]), None, row)
        return
    data, meta = object_or_empty(row["data"]), object_or_empty(row.get("meta"))
    if row.get("type") not in (None, "rating"):
        return
    stored = object_or_empty(object_or_empty(row.get("snapshot")).get("chat"))
    chat = object_or_empty(stored.get("chat")) or stored
    answer_id = meta.get("message_id")
    if _history(chat) is None or not isinstance(answer_id, str):
        raise DataError("the feedback has no snapshot of its chat (snapshot.chat), or not the id of its message")
    call = _call_of_chat(chat, answer_id, stored)
    rating = _THUMBS.get(_number(data.get("rating")))
    known = {key: data[key] for key in _DETAILS if data.get(key)}
    call = replace(
        call,
        rating=rating,
        model=first_value(data, "model_id") or call.model,
        metadata={**call.metadata, **known, **({"feedback": row["id"]} if row.get("id") else {})},
    )
    yield _compared(call, chat, answer_id, _number(data.get("rating")))


def _number(value: object) -> int:
    """A thumb, which some versions keep as text; 0 for none."""
    return int(str(value)) if str(value) in {"1", "-1"} else 0


def _history(chat: object) -> JsonObject | None:
    messages = object_or_empty(object_or_empty(chat).get("history")).get("messages")
    return messages if is_object(messages) and messages else None


def _call_of_chat(chat: Row, last: str | None, stored: Row) -> Call:
    """The branch of the tree of messages that ends with a message; without one, with the one that was shown."""
    tree = _history(chat) or {}
    end = last or object_or_empty(chat.get("history")).get("currentId")
    branch = _branch(tree, end if isinstance(end, str) else next(reversed(tree)))
    while last is None and branch and branch[-1].get("role") != "assistant":
        branch.pop()  # a question that nobody answered yet
    if not branch or branch[-1].get("role") != "assistant":
        raise DataError("the chat has no answer")
    if branch[-1].get("error"):
        raise DataError("the answer is an error of the model's host")
    answer = branch[-1]
    params = object_or_empty(chat.get("params"))
    ids = {"chat": first_value(stored, "id") or chat.get("id"), "user_id": stored.get("user_id")}
    return Call(
        with_system({"system": chat.get("system") or params.get("system")}, _messages(branch)),
        model=answer.get("model"),
        captured_at=answer.get("timestamp") or stored.get("created_at"),
        rating=_THUMBS.get(_number(object_or_empty(answer.get("annotation")).get("rating"))),
        metadata={key: value for key, value in ids.items() if value},
    )


def _branch(tree: Row, end: str) -> list[JsonObject]:
    """The messages from the first to `end`, by their parents."""
    found: list[JsonObject] = []
    at: object = end
    while at is not None:
        message = tree.get(str(at))
        if not is_object(message) or len(found) > len(tree):
            raise DataError(f"the chat has no message {at!r}, which another one names")
        found.append(message)
        at = message.get("parentId")
    return found[::-1]


def _messages(branch: list[JsonObject]) -> list[Message]:
    return read_messages([_message(each, at) for at, each in enumerate(branch)], "messages")


def _message(given: JsonObject, at: int) -> JsonObject:
    """A message with its images, and without reasoning.

    Raises:
        DataError: it was made from something that is not in the export as the model had it.
    """
    kept = {key: given[key] for key in _KEPT if given.get(key) is not None}
    text = kept.get("content")
    if isinstance(text, str) and given.get("role") == "assistant":
        kept["content"] = text = _REASONING.sub("", text)
        if any(mark in text for mark in _CALLS):
            raise DataError(f"messages[{at}] has calls of tools as HTML, which cannot be read")
    if given.get("sources") or given.get("citations"):
        raise DataError(f"messages[{at}] was made from sources, which the export has not as the model had them")
    files = [object_or_empty(each) for each in found] if is_list(found := given.get("files")) else []
    if any(each.get("type") != "image" for each in files):
        raise DataError(f"messages[{at}] has a file, whose text is not in the export")
    if not files:
        return kept
    images = [{"type": "image_url", "image_url": {"url": each.get("url")}} for each in files]
    return {**kept, "content": [{"type": "text", "text": text}, *images]}


def _compared(call: Call, chat: Row, answer_id: str, thumb: int) -> Call:
    """The call with the answer that it was better or worse than; as it is, if there is none or more than one."""
    tree = _history(chat) or {}
    parent = object_or_empty(tree.get(str(object_or_empty(tree[answer_id]).get("parentId"))))
    children = parent.get("childrenIds")
    siblings = [each for each in children if each != answer_id] if is_list(children) else []
    others = [object_or_empty(tree.get(str(each))) for each in siblings]
    others = [each for each in others if each.get("content") and not each.get("error")]
    if len(others) != 1 or not thumb:
        return call
    other = read_messages([_message(dict(others[0]), 0)], "messages")
    if other == call.messages[-1:]:
        return call
    if thumb > 0:
        return replace(call, rejected=other)
    better = [*call.messages[:-1], *other]
    return replace(call, messages=better, rejected=call.messages[-1:], rating=None, model=others[0].get("model"))
