"""Messages as JSON in a text, as the cells of tables hold them, told from a text that happens to be JSON."""

from __future__ import annotations

from fine_tuning.data_io.broken_json import refuse_broken_json
from fine_tuning.data_io.dialects.calls_beside import CALL_KEYS
from fine_tuning.data_io.dialects.conversation import ROLES, read_answer, read_messages
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


def prompt_in_text(text: str, label: str, *more: str) -> list[Message]:
    """The request that a text is: messages where it is JSON of messages, else one of the user.

    Args:
        more: texts of the same question, such as its context, which stand behind it.

    Raises:
        DataError: a message cannot be read, or there are messages and more texts.
    """
    if _roles(text) is None:
        refuse_broken_json(text, label)
        return prompt_messages("\n\n".join(each for each in (text, *more) if each))
    if any(more):
        raise DataError(f"{label} holds messages, and there is text of the question beside it; write it into a message")
    return read_messages(text, label)


def answer_in_text(text: str, label: str) -> list[Message]:
    """The answer that a text is: messages where it is JSON of the assistant's, else the text.

    Any other JSON, such as a conversation that the model was asked to write, is the answer itself.

    Raises:
        DataError: a message cannot be read.
    """
    roles = _roles(text)
    is_answer = roles is not None and roles[0] == "assistant" and set(roles) <= {"assistant", "tool"}
    return read_answer(parse_embedded_json(text) if is_answer else text, label)


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
