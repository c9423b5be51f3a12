"""Marks of a chat template around the texts of messages, where a template was applied too early: they are no text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.dialects import chat_templates, unread_keys
from fine_tuning.data_io.dialects.marked_calls import has_mark
from fine_tuning.data_io.dialects.transcripts import transcript
from fine_tuning.data_io.messages import Message, content_text

_WAITS, _TAIL = ("Assistant:", "ASSISTANT:", "### Response:"), 20  # characters that hold one, with space behind it


def without_marks(call: Call) -> Call:
    """The call whose messages have the texts between the marks: trainers and servers apply the template once more.

    A message may be one turn with its marks, or a text with the mark that ends one; a question may be all turns before
    the answer. Texts that speak of marks, or that have them in other places, stay as they are.

    Raises:
        DataError: a message is a text of Harmony.
    """
    marked = [each for each in call.messages if _is_marked(each)]
    marked += [each for each in call.rejected or () if _is_marked(each)]
    if not marked:
        return call
    request, answer = _split(call.messages)
    for each in marked:
        if each.get("role") == "assistant":
            chat_templates.refuse_harmony(str(each.get("content")), "content of the assistant")
    prompt: list[Message] = []
    for at, message in enumerate(request):
        prompt += _turns(message, request[:at], is_marked=prompt != request[:at])
    is_marked = prompt != request
    response = [_unmarked(message, prompt, is_marked=is_marked) for message in answer]
    rejected = call.rejected and [_unmarked(each, prompt, is_marked=is_marked) for each in call.rejected]
    if (prompt, response, rejected) == (request, answer, call.rejected):
        return call
    unread_keys.note({"marks of a chat template": True}, (), "content")
    return replace(call, messages=[*prompt, *response], rejected=rejected)


def _split(messages: Sequence[Message]) -> tuple[list[Message], list[Message]]:
    """The messages before the last question's end, and those behind."""
    length = max((at + 1 for at, each in enumerate(messages) if each.get("role") == "user"), default=0)
    return list(messages[:length]), list(messages[length:])


def _is_marked(message: Message) -> bool:
    content = message.get("content")
    return isinstance(content, str) and (has_mark(content) or _may_wait(message, content))


def _may_wait(message: Message, content: str) -> bool:
    """Whether a question may be a transcript that ends where the assistant is to answer."""
    return message.get("role") == "user" and content[-_TAIL:].rstrip().endswith(_WAITS)


def _turns(message: Message, before: Sequence[Message], *, is_marked: bool) -> list[Message]:
    """The turns of a message of the request: of the user's, all that stand before the answer."""
    content = message.get("content")
    if isinstance(content, str) and message.get("role") == "user" and chat_templates.has_marks(content):
        found = chat_templates.conversation_in(content)
        roles = [each.get("role") for each in found.messages] if found is not None else []
        if found is not None and not found.tools and roles[-1:] == ["user"] and (len(roles) == 1 or not before):
            *earlier, last = found.messages
            return [*earlier, cast("Message", {**message, **last})]
    is_first = all(each.get("role") == "system" for each in before)
    if isinstance(content, str) and is_first and _may_wait(message, content):
        *earlier, last = transcript(content, is_open=True) or [message]
        return [*earlier, cast("Message", {**message, **last})]
    return [_unmarked(message, before, is_marked=is_marked)]


def _unmarked(message: Message, before: Sequence[Message], *, is_marked: bool) -> Message:
    """The message without the marks of its own turn.

    Args:
        before: what is asked, which a text may repeat; a mark in it is what it is about.
        is_marked: the question was written with marks, so that those of an end alone are marks here, too.
    """
    content = message.get("content")
    if not isinstance(content, str) or not (is_marked or has_mark(content)):
        return message
    text = content
    if chat_templates.has_marks(content):
        found = chat_templates.conversation_in(content)
        turns = found.messages if found is not None and not found.tools else []
        is_own = bool(turns) and turns[-1].get("role") == message.get("role")
        if is_own and (len(turns) == 1 or _texts(turns[:-1]) in (_texts(before), _texts(before[1:]))):
            text = str(turns[-1].get("content") or "")
    elif is_marked or _ends_with_mark(content, before):
        text = chat_templates.without_end(content)
    return cast("Message", {**message, "content": text}) if text.strip() and text != content else message


def _texts(messages: Sequence[Message]) -> list[str]:
    return [content_text(each.get("content")).strip() for each in messages]


def _ends_with_mark(content: str, before: Sequence[Message]) -> bool:
    """Whether the mark of a turn's end follows the text at once, and nobody speaks of it."""
    end = chat_templates.end_of_turn(content)
    if end is None:
        return False
    text = content.rstrip().removesuffix(end)
    is_spoken_of = end in text or any(end in str(each.get("content")).rstrip().removesuffix(end) for each in before)
    return not is_spoken_of and text == text.rstrip(" \t`'\"(")
