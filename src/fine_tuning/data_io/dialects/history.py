"""Earlier turns that stand beside a question, as in Alpaca's rows."""

from __future__ import annotations

from fine_tuning.data_io.dialects.conversation import read_messages
from fine_tuning.data_io.json_values import is_list, is_object, parse_embedded_json
from fine_tuning.data_io.messages import Message, content_text, prompt_and_response_messages

_SYSTEM = {"system", "developer"}
_SPEAKERS = ("role", "from", "speaker")
_PAIRS = (
    *(("user", "assistant"), ("human", "assistant"), ("human", "ai"), ("question", "answer"), ("query", "response")),
    ("input", "output"),
)


def read_history(value: object) -> list[Message] | None:
    """The turns of a list of [question, answer], of objects with the two, or of messages; None for anything else."""
    given = parse_embedded_json(value)
    if not is_list(given):
        return None
    if all(is_object(each) and any(key in each for key in _SPEAKERS) for each in given):
        return read_messages(given, "history")
    found: list[Message] = []
    for turn in given:
        if is_object(turn):
            turn = next(([turn[key] for key in pair] for pair in _PAIRS if turn.keys() == set(pair)), None)
        if not is_list(turn) or len(turn) != 2:
            return None
        question, answered = turn
        if not isinstance(question, str) or not isinstance(answered, str):
            return None
        found += prompt_and_response_messages(question, answered)
    return found


def with_history(turns: list[Message], messages: list[Message]) -> list[Message] | None:
    """The conversation with these turns before its question; as it is where it begins with them.

    None if it has earlier turns of its own, which are others.
    """
    start = next((at for at, each in enumerate(messages) if str(each.get("role")) not in _SYSTEM), len(messages))
    system, conversation = messages[:start], messages[start:]
    questions = [at for at, each in enumerate(conversation) if each.get("role") != "assistant"]
    own = conversation[: questions[-1]] if questions else []
    stated = [each for each in turns if str(each.get("role")) in _SYSTEM]
    history = [each for each in turns if str(each.get("role")) not in _SYSTEM]
    if history and questions and _compared(history[-1:]) == _compared(conversation[questions[-1] : questions[-1] + 1]):
        history = history[:-1]  # the question itself
    if not history or _compared(own)[-len(history) :] == _compared(history):
        return None if stated and not system else messages
    if own or not questions or (system and stated and _compared(system) != _compared(stated)):
        return None
    return [*(system or stated), *history, *conversation]


def _compared(messages: list[Message]) -> list[tuple[str, str]]:
    return [(str(each.get("role")), content_text(each.get("content")).strip()) for each in messages]
