"""Which field of a row leaves its question or an answer without a text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.json_values import Row, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.key_meanings import Meaning, meaning_of, plain
from fine_tuning.distillation.example_record import prompt_and_response
from fine_tuning.errors import DataError

_WORSE = re.compile(r"reject|worse|nonpreferred|dispreferred|losing|loser")
_ANSWER = re.compile(r"answer|response|output|completion|chosen|preferred|better|target|reply|assistant|winning|winner")
_HUMANS = {"user", "human", "prompter", "customer"}
_IN_MESSAGES = ("content", "value", "text", "parts")


def reason(call: Call, row: Row) -> str | None:
    """Why a call without a text of its question or an answer is refused, by its field; None if it has them all."""
    request = call.request_messages()
    if not request:
        return None
    try:
        prompt, response = prompt_and_response(call.messages)
        texts = {"question": prompt, "answer": response}
        if call.rejected is not None:
            texts["rejected answer"] = prompt_and_response([*request, *call.rejected])[1]
    except DataError:
        return None
    side = next((side for side, text in texts.items() if not text.strip()), None)
    if side is None:
        return None
    places = [place for place, of in _blank_fields(row) if of == side] or [f"the {side}"]
    return f"{' and '.join(places)} {'is' if len(places) == 1 else 'are'} empty; prompt and response must not be empty"


def _blank_fields(row: Row) -> Iterator[tuple[str, str]]:
    """The place of each blank text, and the side of the call that it is of."""
    for key, value in row.items():
        side = _side_of(key)
        found = parse_embedded_json(value)
        if isinstance(found, str):
            if side is not None and not found.strip():
                yield key, side
        elif is_list(found):
            for at, each in enumerate(found):
                if is_object(each):
                    yield from _in_message(each, f"{key}[{at}]", side)


def _in_message(message: Row, where: str, side: str | None) -> Iterator[tuple[str, str]]:
    speaker = message.get("role") or message.get("from")
    is_answer = side in ("answer", "rejected answer")
    of = "question" if str(speaker).lower() in _HUMANS else side if is_answer and side is not None else "answer"
    for key in _IN_MESSAGES:
        value = message.get(key)
        parts = value if is_list(value) else [value] if key in message else []
        texts = [part.get("text") if is_object(part) else part for part in parts]
        if key in message and all(text is None or (isinstance(text, str) and not text.strip()) for text in texts):
            yield f"{where}.{key}", of


def _side_of(key: str) -> str | None:
    name = plain(key)
    if _WORSE.search(name):
        return "rejected answer"
    if _ANSWER.search(name):
        return "answer"
    return "question" if meaning_of(key) is Meaning.SEEN else None
