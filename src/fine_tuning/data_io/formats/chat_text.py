"""Rows whose text is a whole conversation, or its question, with the marks of a chat template, or as a transcript."""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.dialects.chat_templates import Conversation, has_marks, is_harmony, read
from fine_tuning.data_io.dialects.transcripts import may_be_transcript, transcript
from fine_tuning.data_io.formats.second_answers import refuse_second
from fine_tuning.data_io.json_values import Row, text_or_scalar

NAME = "chat-text"
_TEXT_KEYS = ("text", "prompt", "content", "conversation")
_ANSWER_KEYS = ("completion", "response", "answer")
_OF_OTHERS = {"chosen", "messages", "output", "curated", "captured_at"}


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return _key(row) is not None


def _key(row: Row) -> str | None:
    keys = () if row.keys() & _OF_OTHERS else _TEXT_KEYS
    stated = {key: text for key in keys if isinstance(text := row.get(key), str)}
    found = next((key for key, text in stated.items() if has_marks(text) or is_harmony(text)), None)
    return found or next((key for key, text in stated.items() if key != "prompt" and _is_answered(text)), None)


def _is_answered(text: str) -> bool:
    """Whether a text is a transcript that ends with an answer."""
    turns = transcript(text) if may_be_transcript(text) else None
    return turns is not None and turns[-1]["role"] == "assistant"


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    key = str(_key(row))
    text = str(row[key])
    found = read(text, key)
    if found is None and (turns := transcript(text)) is not None:
        found = Conversation(turns, None)
    answer = next((each for each in _ANSWER_KEYS if row.get(each)), None)
    if found is not None and answer is not None:
        if found.messages[-1].get("role") == "assistant":
            refuse_second(row, found.messages)
        else:
            found = read(text, key, text_or_scalar(row, answer))
    if found is not None:
        yield call_from_row(row, (key, *_ANSWER_KEYS), found.messages, found.tools)
