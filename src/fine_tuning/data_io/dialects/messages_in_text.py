"""Messages in a text, as the cells of tables hold them: as JSON, or between marks; told from a text that is neither.

A text that happens to be JSON of a message is what was asked or answered. Cells hold messages where the question is a
list of them that waits for its answer; then its answer is one too, where it is messages of the assistant alone.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from fine_tuning.data_io.broken_json import refuse_broken_json
from fine_tuning.data_io.dialects import chat_templates
from fine_tuning.data_io.dialects.calls_beside import CALL_KEYS
from fine_tuning.data_io.dialects.conversation import ROLES, read_answer, read_messages
from fine_tuning.data_io.dialects.transcripts import transcript
from fine_tuning.data_io.json_values import Row, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.messages import Message, prompt_messages
from fine_tuning.errors import DataError

_SAYS = ("content", "value", "parts", *CALL_KEYS)


def with_messages(row: Row) -> Row | None:
    """The row with the only column that holds a conversation under the name `messages`; None without just one."""
    found = [key for key, value in row.items() if isinstance(value, str | list) and _is_conversation(value)]
    return {("messages" if key == found[0] else key): value for key, value in row.items()} if len(found) == 1 else None


def _is_conversation(value: object) -> bool:
    roles = _roles(value)
    return roles is not None and "user" in roles and "assistant" in roles


class Side(NamedTuple):
    """The text of a column: a question, or an answer."""

    label: str
    text: str


def exchange_in_texts(asked: Side, answered: Side, *more: str) -> list[Message]:
    """The conversation of a question and its answer, each a text, messages as JSON, or turns between marks.

    Args:
        more: texts of the same question, such as its context, which stand behind it.

    Raises:
        DataError: a message cannot be read, or there are messages and more texts.
    """
    turns = turns_in_text(asked.text, asked.label, is_question=True)
    if turns is None:
        return [*_prompt_in_text(asked, *more), *answer_in_text(answered, is_chat=asks_in_messages(asked.text))]
    _refuse_more(asked.label, more)
    return [*turns, *answer_in_text(answered._replace(text=without_marks(answered.text, asked.text)), is_chat=False)]


def asks_in_messages(text: object) -> bool:
    """Whether a cell holds a request: a list of messages as JSON, the last of which waits for its answer."""
    roles = list_of_roles(text)
    return roles is not None and roles[-1] != "assistant"


def list_of_roles(text: object) -> list[str] | None:
    """The roles of the messages in a cell that holds a list of them as JSON; None for another one."""
    return _roles(text) if isinstance(text, str) and text.lstrip()[:1] == "[" else None


def _prompt_in_text(asked: Side, *more: str) -> list[Message]:
    """The request that a text is: messages where it holds a list of them, else one of the user.

    Args:
        more: as of `exchange_in_texts`.

    Raises:
        DataError: a message cannot be read, or there are messages and more texts.
    """
    label, text = asked
    if not asks_in_messages(text):
        refuse_broken_json(text, label)
        return prompt_messages("\n\n".join(each for each in (text, *more) if each))
    _refuse_more(label, more)
    return read_messages(text, label)


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


def without_marks(answer: str, asked: str) -> str:
    """The text of an answer to a question that may be written with marks, without the mark that ends its turn."""
    if chat_templates.has_marks(asked):
        return chat_templates.without_end(answer)
    return answer if transcript(asked, is_open=True) is None else chat_templates.without_end(answer).strip()


def answer_in_text(answered: Side, *, is_chat: bool) -> list[Message]:
    """The answer that a text is: turns of the assistant's between marks, or the text.

    Args:
        is_chat: the text may also be messages of the assistant as JSON. Any other JSON, such as a conversation that
            the model was asked to write, is the answer itself.

    Raises:
        DataError: a message cannot be read.
    """
    label, text = answered
    roles = _roles(text) if is_chat else None
    if roles is not None and roles[0] == "assistant" and set(roles) <= {"assistant", "tool"}:
        return read_answer(parse_embedded_json(text), label)
    turns = chat_templates.conversation_in(text) if chat_templates.has_marks(text) else None
    if turns is not None and {each["role"] for each in turns.messages} == {"assistant"}:
        return turns.messages
    return read_answer(text, label)


def _roles(value: object) -> list[str] | None:
    """The roles of the messages that a value is, also as JSON text; None where it is none."""
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
    return roles
