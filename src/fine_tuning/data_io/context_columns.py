"""Columns of text beside a question and its answer: the question's context, or text that nobody here knows.

A context is known by its name. Text under another name may be one too: it stays metadata, is named in every report, and
rows that differ in it are no duplicates.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from fine_tuning.data_io.blank_text import is_placeholder
from fine_tuning.data_io.conversation_texts import LONG, is_block
from fine_tuning.data_io.json_values import Row, first_value, is_list, is_object, parse_embedded_json, to_json_text
from fine_tuning.data_io.key_meanings import (
    Meaning,
    bounds,
    is_annotation,
    is_choice,
    is_context,
    is_premise,
    is_remark,
    is_test,
    meaning_of,
    steers,
)
from fine_tuning.data_io.messages import Message, content_text
from fine_tuning.errors import DataError

UNREAD = "unread_columns"
"""The key of metadata that lists the columns of unknown text of a captured call."""
_TEXTS = ("text", "content", "page_content", "pageContent", "passage", "body", "chunk", "snippet", "paragraph")
_A_LETTER = 2
_MARKS = re.compile(r"<[^<>]+>")  # that end a turn
_NAME_WORDS = 2  # of a table or a source
_FEW_SPACES = 4  # a name or a class has fewer
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def contexts(row: Row, question: str, answer: str, read: Collection[str]) -> dict[str, str]:
    """The columns of a row that hold the context of its question, each with what the question does not say of it yet.

    Args:
        read: columns that were read already.

    Raises:
        DataError: one holds something else than texts; the message names it.
    """
    found: dict[str, str] = {}
    for key, value in row.items():
        if key in read or not value or isinstance(value, bool | int | float) or not is_context(key):
            continue
        if is_token_ids(key, value):
            continue
        is_sure = meaning_of(key) is Meaning.SEEN
        if is_annotation(key, value, row) or not (is_sure or is_prose(value) or says_premise(key, value)):
            continue
        text = _text(key, value)
        if is_placeholder(text):
            found[key] = ""
            continue
        if not is_sure and _is_whole_row(text, question, answer):
            continue
        is_new = bool(text.strip()) and not is_block(text.strip(), question)
        found[key] = text if is_new else ""
    return found


def is_token_ids(key: str, value: object) -> bool:
    """Whether a column holds the tokens of a conversation, as Ollama's responses have them in `context`."""
    is_numbers = is_list(value) and all(isinstance(each, int) and not isinstance(each, bool) for each in value)
    return key.lower() == "context" and is_numbers


def _is_whole_row(text: str, question: str, answer: str) -> bool:
    """Whether a text is the question and its answer in a template, which may put words between the question's parts."""
    if question in text and answer in text:
        return True
    request, found, rest = _spaced(text).rpartition(_spaced(answer))
    is_last = bool(found) and not _MARKS.sub("", rest).strip()
    return is_last and all(_spaced(part) in request for part in question.split("\n\n"))


def _spaced(text: str) -> str:
    return " ".join(text.split())


def refuse_choices(row: Row, question: str) -> None:
    """Refuse the choices of a question that does not say them: without them, nobody could answer it.

    Raises:
        DataError: there are some; the message names the column.
    """
    for key in filter(is_choice, row):
        given = parse_embedded_json(row[key])
        if is_object(given) and not all(isinstance(each, str | list) for each in given.values()):
            continue  # the options of a request
        values = list(given.values()) if is_object(given) else given if is_list(given) else [given] if given else []
        texts = [text for each in values for text in (each if is_list(each) else [each])]
        if any(is_object(text) for text in texts):
            continue  # choices of a response
        if not all(isinstance(text, str | int | float) and str(text) in question for text in texts):
            raise DataError(f"{key} are part of the question; write them into it")


def _text(key: str, value: object) -> str:
    """The text of a context: a text, or texts with an empty line between; of a schema, its JSON."""
    if isinstance(value, str):
        parsed = parse_embedded_json(value)
        if not is_list(parsed) or not _texts(parsed):
            return value
        value = parsed
    if meaning_of(key) is None and (is_object(value) or (is_premise(key) and _texts(_as_list(value)) is None)):
        return to_json_text(value)
    texts = _texts(_as_list(value))
    if texts is None:
        raise DataError(f"{key} holds something else than text; write the context of the question as one text")
    return "\n\n".join(texts)


def _as_list(value: object) -> list[object]:
    return value if is_list(value) else [value]


def says_premise(key: str, value: object) -> bool:
    """Whether a column is a part of the question: it has the name of one, and says more than a name or a class does."""
    if not is_premise(key):
        return False
    if isinstance(value, str):
        return len(value.split()) > _NAME_WORDS or any(mark in value for mark in "(|\n{")
    return bool(value) and isinstance(value, list | dict)


def _texts(given: list[object]) -> list[str] | None:
    """The texts of a list of texts or of documents, with their titles; None where one has none."""
    found: list[str] = []
    for each in given:
        text = first_value(each, *_TEXTS) if is_object(each) else each
        if not isinstance(text, str):
            return None
        title = each.get("title") if is_object(each) else None
        found.append(f"{title}\n{text}" if isinstance(title, str) and title else text)
    return found


def is_prose(value: object) -> bool:
    """Whether a value is text that says more than a name, a class, an address or a time does."""
    if isinstance(value, str):
        spaces = value.count(" ") + value.count("\n")
        return len(value) >= LONG and (spaces >= _FEW_SPACES or bool(not value.isascii() and _UNSPACED.search(value)))
    if is_object(value):
        return any(map(is_prose, value.values()))
    return is_list(value) and any(map(is_prose, value))


def unread(row: Row, metadata: Row, messages: Sequence[Message], subjects: Collection[str] = ()) -> tuple[str, ...]:
    """The names of columns of text that stay metadata, and may be a part of the question.

    Args:
        metadata: of the call in the row, which also has what the row itself calls metadata.
        subjects: columns that the conversation speaks of, such as the status of an order.
    """
    stated = metadata.get(UNREAD)
    if is_list(stated):
        return tuple(key for key in map(str, stated) if key in metadata)
    found = [key for key, value in metadata.items() if key in row and (key in subjects or _may_ask(key, value))]
    if not found:
        return ()
    texts = [text for each in messages if (text := content_text(each.get("content")).strip())]
    request = " ".join(texts[:-1])
    return tuple(
        key
        for key in found
        if key in subjects
        or (not _is_copy(metadata[key], texts) and not (steers(key) and _is_word_of(str(metadata[key]), request)))
    )


def _may_ask(key: str, value: object) -> bool:
    """Whether a column may be a part of the question: text of an unknown name, or what steers the answer."""
    is_limit = isinstance(value, int | float) and not isinstance(value, bool) and bounds(key)
    if is_test(key) and isinstance(value, list | dict | str) and value:
        return True
    return (
        is_limit or (isinstance(value, str) and value != "" and steers(key)) or (is_prose(value) and not is_remark(key))
    )


def _is_word_of(value: str, request: str) -> bool:
    """Whether the question says a short value itself; a letter may be in it by chance."""
    is_telling = len(value) > _A_LETTER or value.isdigit()
    return is_telling and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", request, re.IGNORECASE) is not None


def _is_copy(value: object, texts: Sequence[str]) -> bool:
    """Whether a text is said in the conversation, or is all of it in some template."""
    if not isinstance(value, str):
        return False
    is_whole = all(part in value for text in texts for part in text.split("\n\n"))
    return is_whole or any(is_block(value.strip(), text) for text in texts)
