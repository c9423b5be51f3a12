"""Messages in a text, as the cells of tables hold them: as JSON, or between marks; told from a text that is neither.

A text that happens to be JSON of a message is what was asked or answered. Cells hold messages where the question is a
list of them that waits for its answer; then its answer is one too, where it is messages of the assistant alone.
Behind a plain question, a list of messages that repeats it is the whole conversation, and messages of the assistant
alone are the answer, unless the question asks for messages: then they are text.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from fine_tuning.data_io.broken_json import refuse_broken_json
from fine_tuning.data_io.dialects import chat_templates
from fine_tuning.data_io.dialects.calls_beside import CALL_KEYS
from fine_tuning.data_io.dialects.conversation import ROLES, read_answer, read_messages
from fine_tuning.data_io.dialects.transcripts import transcript
from fine_tuning.data_io.json_values import Row, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.messages import Message, content_text, prompt_messages
from fine_tuning.errors import DataError

_SAYS = ("content", "value", "parts", *CALL_KEYS)
_OF_MESSAGES = ('"role"', '"from"')
_ASKS_FOR_MESSAGES = re.compile(  # in the big languages
    r"json|\brole|\bmessag|assistant|\bchat|di[aá]log|convers|transcript|mensaje|nachricht|gespräch|диалог|сообщени"
    r"|对话|對話|消息|会話|メッセージ|대화|메시지|संवाद|محادثة|رسالة",
    re.IGNORECASE,
)


def with_messages(row: Row) -> Row | None:
    """The row with the only column that holds a conversation under the name `messages`; None without just one."""
    found = [key for key, value in row.items() if isinstance(value, str | list) and _is_conversation(value)]
    return {("messages" if key == found[0] else key): value for key, value in row.items()} if len(found) == 1 else None


def _is_conversation(value: object) -> bool:
    found = _read(value)
    return found is not None and {"user", "assistant"} <= {*found.roles}


class Listed(NamedTuple):
    """The messages that a cell holds as JSON, as they were written, and their roles."""

    value: object
    roles: list[str]

    @property
    def waits(self) -> bool:
        """Whether they are a request: the last one waits for its answer."""
        return self.roles[-1] != "assistant"

    @property
    def is_answer(self) -> bool:
        """Whether they are an answer alone: of the assistant, and of the tools that it called."""
        return self.roles[0] == "assistant" and set(self.roles) <= {"assistant", "tool"}


class Side(NamedTuple):
    """The text of a column: a question, or an answer."""

    label: str
    text: str


def exchange_in_texts(question: Side, answer: Side, *more: str) -> list[Message]:
    """The conversation of a question and its answer, each a text, messages as JSON, or turns between marks.

    Args:
        more: texts of the same question, such as its context, which stand behind it.

    Raises:
        DataError: a message cannot be read, or there are messages and more texts.
    """
    turns = turns_in_text(question.text, question.label, is_question=True)
    if turns is not None:
        _refuse_more(question.label, more)
        text = without_marks(answer.text, question.text)
        return [*turns, *answer_in_text(answer._replace(text=text), is_chat=False)]
    listed = listed_messages(question.text)
    if listed is not None and listed.waits:
        _refuse_more(question.label, more)
        return [*read_messages(listed.value, question.label), *answer_in_text(answer, is_chat=True)]
    refuse_broken_json(question.text, question.label)
    prompt = prompt_messages("\n\n".join(each for each in (question.text, *more) if each))
    return _with_question(answer, question, prompt) or [*prompt, *answer_in_text(answer, is_chat=False)]


def listed_messages(text: object) -> Listed | None:
    """The messages of a cell that holds a list of them as JSON; None for another one."""
    return _read(text) if isinstance(text, str) and text.lstrip()[:1] == "[" else None


def _with_question(answer: Side, question: Side, prompt: list[Message]) -> list[Message] | None:
    """The conversation whose answer, or all of which, the column of an answer holds as messages; None for a text.

    Raises:
        DataError: a message of it cannot be read, or they are another conversation than that of the question.
    """
    found = _read(answer.text) if any(mark in answer.text for mark in _OF_MESSAGES) else None
    if found is None:
        return None
    is_whole = is_list(found.value) and not found.waits and "user" in found.roles
    if is_whole:
        whole = read_messages(found.value, answer.label)
        questions = [content_text(each.get("content")).strip() for each in whole if each.get("role") == "user"]
        if content_text(prompt[-1].get("content")).strip() in questions:
            return whole
    if not (found.is_answer or is_whole) or _ASKS_FOR_MESSAGES.search(content_text(prompt[-1].get("content"))):
        return None
    if found.is_answer:
        return [*prompt, *read_answer(found.value, answer.label)]
    raise DataError(
        f"{answer.label} holds messages, and {question.label} is none of them; write the conversation as messages, and "
        f"{question.label} into metadata if it is no question"
    )


def _refuse_more(label: str, more: Collection[str]) -> None:
    if any(more):
        raise DataError(f"{label} holds messages, and there is text of the question beside it; write it into a message")


def turns_in_text(text: str, label: str, *, is_question: bool) -> list[Message] | None:
    """The turns of a text with the marks of a chat template, or of a transcript; None for another text.

    Args:
        is_question: a transcript ends where the assistant is to answer: a question may quote any other.

    Raises:
        DataError: it cannot be read, or also defines tools.
    """
    found = chat_templates.read(text, label)
    if found is None:
        return transcript(text, is_open=is_question)
    if found.tools:
        raise DataError(f"{label} also defines tools between the marks of its chat template; write them as tools")
    return found.messages


def without_marks(answer: str, question: str) -> str:
    """The text of an answer to a question that may be written with marks, without the mark that ends its turn."""
    if chat_templates.has_marks(question):
        return chat_templates.without_end(answer)
    return answer if transcript(question, is_open=True) is None else chat_templates.without_end(answer).strip()


def answer_in_text(answered: Side, *, is_chat: bool) -> list[Message]:
    """The answer that a text is: turns of the assistant's between marks, or the text.

    Args:
        is_chat: the text may also be messages of the assistant as JSON. Any other JSON, such as a conversation that
            the model was asked to write, is the answer itself.

    Raises:
        DataError: a message cannot be read.
    """
    label, text = answered
    found = _read(text) if is_chat else None
    if found is not None and found.is_answer:
        return read_answer(found.value, label)
    turns = chat_templates.conversation_in(text) if chat_templates.has_marks(text) else None
    if turns is not None and {each["role"] for each in turns.messages} == {"assistant"}:
        return turns.messages
    return read_answer(text, label)


def _read(value: object) -> Listed | None:
    """The messages that a value is, also as JSON text; None where it is none."""
    parsed = parse_embedded_json(value)
    given = [parsed] if is_object(parsed) else parsed
    if not is_list(given) or not given:
        return None
    roles: list[str] = []
    for each in given:
        role = ROLES.get(str(each.get("role") or each.get("from")).lower()) if is_object(each) else None
        if role is None or not is_object(each) or not any(key in each for key in _SAYS):
            return None
        roles.append(role)
    return Listed(parsed, roles)
