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
from fine_tuning.data_io.finish_reasons import reason_of_row
from fine_tuning.data_io.formats.several_calls import read_each
from fine_tuning.data_io.json_values import JsonObject, Row, first_value, is_list, is_object, object_or_empty
from fine_tuning.data_io.messages import Message
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.data_io.verdicts import THUMBS_DOWN, THUMBS_UP, is_positive
from fine_tuning.errors import DataError

NAME = "open-webui"
_THUMBS = {1: THUMBS_UP, -1: THUMBS_DOWN}
_NO_THUMB = {"0", "0.0", "-0.0"}
_KEPT = ("role", "content", "tool_calls", "tool_call_id", "name")
_DETAILS = ("reason", "comment", "tags", "details")
_FOUND = ("urls", "items")
_REASONING = re.compile(r'\s*<details type="reasoning".*?</details>\s*', re.DOTALL)
_CALLS = ('<details type="tool_calls"', '<details type="code_interpreter"')


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return _is_feedback(row) or _chat_in(row) is not None


def _is_feedback(row: Row) -> bool:
    return is_object(row.get("data")) and ("snapshot" in row or "rating" in object_or_empty(row["data"]))


def _chat_in(row: Row) -> JsonObject | None:
    """The chat of a row of an export, or the row where it is a chat itself; None for another row."""
    if "chat" not in row and not _has_branches(row):
        return None
    chat = dict(object_or_empty(row["chat"]) if "chat" in row else row)
    tree = _tree(chat)
    if "chat" in row and object_or_empty(chat.get("history")).get("messages") is tree:
        return chat or None
    messages = [object_or_empty(each) for each in tree.values()]
    return chat if messages and all("role" in each for each in messages) else None


def _has_branches(chat: Row) -> bool:
    """Whether a message names those after it."""
    tree, shown = object_or_empty(chat.get("history")).get("messages"), chat.get("messages")
    messages = tree.values() if is_object(tree) and tree else shown if is_list(shown) else ()
    return any(is_object(each) and "childrenIds" in each for each in messages)


def calls(row: Row) -> Iterator[Call | Unread]:
    """The call of a row: up to the rated answer, or up to the last one that a chat shows.

    Of a chat, each other answer that is rated is a call of its own; those that are neither shown nor rated are counted.
    Of the answers to one question, one rated up and one rated down are also a preference pair; so are the rated answer
    of a feedback and the only other one.

    Raises:
        DataError: it is malformed, or has no snapshot of the chat.
    """
    if _is_feedback(row):
        yield from _rated(row)
        return
    chat = _chat_in(row) or {}
    tree = _tree(chat)
    rated = [key for key, each in tree.items() if _is_answer(each) and _rating(each) is not None]
    try:
        shown = [_last_answer(tree, chat)]
    except DataError as error:
        if not rated:
            raise
        shown = []
        yield Unread("malformed", f"the answer that is shown: {error}")
    ends = [*shown, *(key for key in rated if key not in shown)]
    parts: list[tuple[str, Row]] = [(f"the answer {end}", {"end": end}) for end in ends]
    yield from read_each(parts, lambda part: _with_pairs(chat, str(part["end"]), row))
    read = {key for end in ends for key in _known_path(tree, end)}
    for key, each in tree.items():
        if key not in read and _is_answer(each) and object_or_empty(each).get("content"):
            yield Unread("other answers")


def _with_pairs(chat: Row, end: str, stored: Row) -> Iterator[Call]:
    """The call of an answer; of one rated up, once with each answer to the same question that is rated down."""
    call = _call_of_chat(chat, end, stored)
    worse = [] if call.rating != THUMBS_UP else _opposed(chat, end, call)
    yield from (replace(call, rejected=other) for other in worse) if worse else iter([call])


def _opposed(chat: Row, end: str, call: Call) -> list[list[Message]]:
    """The answers to the same question that are rated otherwise than this one, and can be read."""
    tree = _tree(chat)
    found = []
    for other in _siblings(tree, end):
        if _rating(other) not in (None, call.rating) and not other.get("error"):
            try:
                answer = read_messages([_message(other, 0)], "messages")
            except DataError:
                continue  # its own call is refused with the reason
            if answer != call.messages[-1:] and answer not in found:
                found.append(answer)
    return found


def _siblings(tree: JsonObject, end: str) -> list[JsonObject]:
    """The other answers to the same question."""
    parent = object_or_empty(tree[end]).get("parentId")
    children = object_or_empty(tree.get(str(parent))).get("childrenIds")
    listed = children if is_list(children) else [*tree]
    others = [dict(object_or_empty(tree.get(str(key)))) for key in listed if key != end]
    return [each for each in others if _is_answer(each) and each.get("parentId") == parent]


def _known_path(tree: JsonObject, end: str) -> list[str]:
    """As `_path`, and nothing where a message is missing."""
    try:
        return _path(tree, end)
    except DataError:
        return [end]


def _rated(row: Row) -> Iterator[Call]:
    """The call of a feedback."""
    data, meta = object_or_empty(row["data"]), object_or_empty(row.get("meta"))
    if row.get("type") not in (None, "rating"):
        return
    stored = object_or_empty(object_or_empty(row.get("snapshot")).get("chat"))
    chat = object_or_empty(stored.get("chat")) or stored
    answer_id = meta.get("message_id")
    if not _tree(chat) or not isinstance(answer_id, str):
        raise DataError("the feedback has no snapshot of its chat (snapshot.chat), or not the id of its message")
    call = _call_of_chat(chat, answer_id, stored)
    thumb = _thumb(data.get("rating"))
    known = {key: data[key] for key in _DETAILS if data.get(key)}
    if not thumb and data.get("rating") and str(data["rating"]).strip() not in _NO_THUMB:
        known["feedback_rating"] = data["rating"]  # on a scale that is not known
    call = replace(
        call,
        rating=_THUMBS.get(thumb),
        model=first_value(data, "model_id") or call.model,
        metadata={**call.metadata, **known, **({"feedback": row["id"]} if row.get("id") else {})},
    )
    yield _compared(call, chat, answer_id, thumb)


def _thumb(value: object) -> int:
    """1 for a thumb up and -1 for one down, in whatever spelling; 0 for none."""
    verdict = None if not isinstance(value, bool) and str(value).strip() in _NO_THUMB else is_positive(value)
    return 0 if verdict is None else 1 if verdict else -1


def _rating(message: object) -> int | None:
    """The thumb beside an answer as a rating."""
    return _THUMBS.get(_thumb(object_or_empty(object_or_empty(message).get("annotation")).get("rating")))


def _tree(chat: Row) -> JsonObject:
    """The messages of a chat by their ids; one without a tree has those that it shows, each after the one before."""
    tree = object_or_empty(chat.get("history")).get("messages")
    if is_object(tree) and tree:
        return tree
    shown = chat.get("messages")
    found = [dict(each) for each in shown if is_object(each)] if is_list(shown) else []
    if not is_list(shown) or len(found) != len(shown):
        return {}
    ids = [str(each.get("id")) for each in found]
    keys = ids if len(set(ids)) == len(ids) else [str(at) for at in range(len(ids))]
    return {key: {**each, "parentId": before} for key, each, before in zip(keys, found, [None, *keys], strict=False)}


def _is_answer(message: object) -> bool:
    return object_or_empty(message).get("role") == "assistant"


def _last_answer(tree: JsonObject, chat: Row) -> str:
    """The last answer of the branch that a chat shows; a question after it has none yet."""
    end = object_or_empty(chat.get("history")).get("currentId")
    path = _path(tree, end if isinstance(end, str) and end else next(reversed(tree)))
    answers = [key for key in path if _is_answer(tree[key])]
    if not answers:
        raise DataError("the chat has no answer")
    return answers[-1]


def _call_of_chat(chat: Row, end: str, stored: Row) -> Call:
    """The branch of the tree of messages that ends with an answer."""
    tree = _tree(chat)
    branch = [dict(object_or_empty(tree[key])) for key in _path(tree, end)]
    answer = branch[-1]
    if not _is_answer(answer):
        raise DataError("the chat has no answer")
    if answer.get("error"):
        raise DataError("the answer is an error of the model's host")
    params, annotation = object_or_empty(chat.get("params")), object_or_empty(answer.get("annotation"))
    facts = {
        "chat": first_value(stored, "id") or chat.get("id"),
        "user_id": stored.get("user_id"),
        **{key: annotation.get(key) for key in _DETAILS},
    }
    return Call(
        with_system({"system": chat.get("system") or params.get("system")}, _messages(branch)),
        model=answer.get("model"),
        captured_at=answer.get("timestamp") or stored.get("created_at"),
        rating=_rating(answer),
        finish_reason=reason_of_row({"messages": branch}, ("messages",)),
        metadata={key: value for key, value in facts.items() if value},
    )


def _path(tree: Row, end: str) -> list[str]:
    """The ids of the messages from the first to `end`, by their parents."""
    found: list[str] = []
    at: object = end
    while at is not None:
        message = tree.get(str(at))
        if not is_object(message) or len(found) > len(tree):
            raise DataError(f"the chat has no message {at!r}, which another one names")
        found.append(str(at))
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
    if merged := object_or_empty(given.get("merged")).get("content"):  # of several models, as later turns had it
        kept["content"] = merged
    text = kept.get("content")
    if isinstance(text, str) and given.get("role") == "assistant":
        kept["content"] = text = _REASONING.sub("", text)
        if any(mark in text for mark in _CALLS):
            raise DataError(f"messages[{at}] has calls of tools as HTML, which cannot be read")
    if given.get("sources") or given.get("citations") or _has_searched(given):
        raise DataError(f"messages[{at}] was made from sources, which the export has not as the model had them")
    files = [object_or_empty(each) for each in found] if is_list(found := given.get("files")) else []
    if any(each.get("type") != "image" for each in files):
        raise DataError(f"messages[{at}] has a file, whose text is not in the export")
    if not files:
        return kept
    images = [{"type": "image_url", "image_url": {"url": each.get("url")}} for each in files]
    return {**kept, "content": [{"type": "text", "text": text}, *images]}


def _has_searched(given: Row) -> bool:
    """Whether a message's history of states says that something was found for it."""
    states = given.get("statusHistory")
    return any(first_value(object_or_empty(each), *_FOUND) for each in (states if is_list(states) else []))


def _compared(call: Call, chat: Row, answer_id: str, thumb: int) -> Call:
    """The call with the answer that it was better or worse than; as it is, if there is none or more than one."""
    others = [each for each in _siblings(_tree(chat), answer_id) if each.get("content") and not each.get("error")]
    opposed = [each for each in others if _rating(each) == _THUMBS[-thumb]] if thumb else []
    if not opposed and len(others) == 1 and _rating(others[0]) is None:
        opposed = others
    if len(opposed) != 1 or not thumb:
        return call
    other = read_messages([_message(opposed[0], 0)], "messages")
    if other == call.messages[-1:]:
        return call
    if thumb > 0:
        return replace(call, rejected=other)
    better = [*call.messages[:-1], *other]
    return replace(call, messages=better, rejected=call.messages[-1:], rating=None, model=opposed[0].get("model"))
