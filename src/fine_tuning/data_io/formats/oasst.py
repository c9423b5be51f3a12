"""Trees of messages of OpenAssistant's: a prompt and its replies, which have replies themselves, ranked by people.

Source: https://huggingface.co/datasets/OpenAssistant/oasst2 and
https://github.com/LAION-AI/Open-Assistant/tree/main/oasst-data
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from typing import NamedTuple

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, object_or_empty, parse_embedded_json
from fine_tuning.data_io.messages import Message
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.errors import DataError

NAME = "oasst"
_ROLES = {"prompter": "user", "assistant": "assistant"}
_FACTS = ("lang", "tree_state")
_UNRANKED = 1 << 30


class _Answered(NamedTuple):
    """The best answer to a question, the worst one that people ranked below it, and whether the thread goes on."""

    messages: list[Message]
    rejected: list[Message] | None
    goes_on: bool


def recognises(row: Row) -> bool:
    """Whether a row is of this format: a tree, or a message of one."""
    if "message_tree_id" not in row and "message_id" not in row:
        return False
    return _root(row) is not None or ("text" in row and str(row.get("role")) in _ROLES)


def _root(row: Row) -> JsonObject | None:
    prompt = parse_embedded_json(row.get("prompt"))
    return prompt if is_object(prompt) and str(prompt.get("role")) in _ROLES else None


def calls(row: Row) -> Iterator[Call | Unread]:
    """The threads of a tree along the best answers, and the pairs of the best and the worst answer to a question.

    Messages that were deleted, or that their reviewers rejected, are left out with their replies; other answers are
    counted.

    Raises:
        DataError: it is malformed, or one message without its tree.
    """
    root = _root(row)
    if root is None:
        raise DataError(
            "the row is one message of a tree, whose other messages are in other rows; sort the rows by "
            "message_tree_id, or import the file of trees (.trees.jsonl)"
        )
    if _is_out(root) or root.get("role") != "prompter":
        raise DataError(
            "prompt must be a message of the prompter that is neither deleted nor rejected by its reviewers"
        )
    stated: JsonObject = {"conversation_id": row.get("message_tree_id"), **{key: row.get(key) for key in _FACTS}}
    facts = {key: value for key, value in {**stated, "lang": root.get("lang")}.items() if value}
    found = list(_answered(root, []))
    for each in found:
        if isinstance(each, Unread):
            yield each
        elif not each.goes_on or each.rejected is not None:
            yield Call(each.messages, rejected=each.rejected, metadata=dict(facts))
    if not any(isinstance(each, _Answered) for each in found):
        yield Unread("not chat calls")


def _answered(question: JsonObject, before: list[Message]) -> Iterator[_Answered | Unread]:
    """The answers to a question and to those that follow its best answer."""
    prompt = [*before, _message(question)]
    answers = sorted(_replies(question, "assistant"), key=_rank)
    if not answers:
        return
    best, *others = answers
    worst = others[-1] if others and _rank(best) < _rank(others[-1]) < _UNRANKED else None
    conversation = [*prompt, _message(best)]
    later = [each for follow in _replies(best, "prompter") for each in _answered(follow, conversation)]
    rejected = None if worst is None or worst.get("text") == best.get("text") else [_message(worst)]
    yield _Answered(conversation, rejected, goes_on=any(isinstance(each, _Answered) for each in later))
    yield from (Unread("other answers") for each in others if each is not worst)
    yield from later


def _replies(message: JsonObject, role: str) -> list[JsonObject]:
    replies = parse_embedded_json(message.get("replies"))
    found = [object_or_empty(each) for each in replies] if is_list(replies) else []
    return [dict(each) for each in found if each.get("role") == role and not _is_out(each)]


def _is_out(message: Row) -> bool:
    """Whether a message was deleted, or rejected as spam by its reviewers; a table in CSV has both as text."""
    return str(message.get("deleted")).lower() == "true" or str(message.get("review_result")).lower() == "false"


def _rank(message: JsonObject) -> float:
    """The place of a reply among the others, the best is 0; those without one come last."""
    try:
        rank = float(str(message.get("rank")))
    except ValueError:
        return _UNRANKED
    return _UNRANKED if isnan(rank) else rank


def _message(given: JsonObject) -> Message:
    text = given.get("text")
    if not isinstance(text, str):
        raise DataError("a message of the tree has no text")
    return {"role": _ROLES[str(given["role"])], "content": text}
