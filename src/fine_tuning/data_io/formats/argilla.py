"""Records of Argilla: fields, and people's responses and suggestions to its questions; of versions 2 and 1.

Source: https://docs.argilla.io/latest/how_to_guides/import_export/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import TypeGuard, TypeVar

from fine_tuning.data_io.broken_json import refuse_broken_json
from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.corrections import ANSWERED, WRITTEN_BY_HAND, asks_for_correction
from fine_tuning.data_io.dialects.chat_templates import has_marks
from fine_tuning.data_io.dialects.conversation import read_answer, read_messages
from fine_tuning.data_io.dialects.messages_in_text import turns_in_text
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    is_list,
    is_object,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.messages import Message, prompt_messages
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.data_io.verdicts import is_positive, rating_of_verdicts
from fine_tuning.errors import DataError

NAME = "argilla"
_PROMPTS = ("prompt", "instruction", "question", "query", "input", "messages", "conversation", "chat")
_RATINGS = ("rating", "quality", "overall_rating", "overall", "score")
_CHOICES = ("preference", "ranking", "choice", "better", "best")
_CHOSEN = ("chosen", "rejected")
_OF_RECORDS = {"id", "status", "_server_id", "inserted_at", "updated_at"}
_SCALE = {1, 2, 3, 4, 5}
_Value = TypeVar("_Value")
_ADDED = ("input", "context")  # to the question


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    row = _nested(row)
    return is_object(_parsed(row, "fields")) and ("responses" in row or "suggestions" in row)


def _nested(row: Row) -> Row:
    """The record; a flat one, as exported to tables, with its fields and the answers to its questions apart."""
    if not any(key.endswith((".responses", ".suggestion")) for key in row):
        return row
    responses: JsonObject = {}
    for key, values in row.items():
        states = row.get(f"{key}.status")
        if key.endswith(".responses") and is_list(values):
            stated = states if is_list(states) else [None] * len(values)
            pairs = zip(values, stated, strict=False)
            responses[key.removesuffix(".responses")] = [{"value": each, "status": state} for each, state in pairs]
    suggested: JsonObject = {
        key.removesuffix(".suggestion"): {"value": value} for key, value in row.items() if key.endswith(".suggestion")
    }
    fields: JsonObject = {key: value for key, value in row.items() if "." not in key and key not in _OF_RECORDS}
    return {"id": row.get("id"), "fields": fields, "responses": responses, "suggestions": suggested}


def _parsed(row: Row, key: str) -> object:
    return parse_embedded_json(row.get(key))


def calls(row: Row) -> Iterator[Call | Unread]:
    """The call of a record; one that was discarded, or whose responses all were, has none to learn from.

    A text that an annotator wrote stands for the response, and a rating on a scale of 1 to 5 is the call's.

    Raises:
        DataError: it is malformed, or has no question, or no answer.
    """
    row = _nested(row)
    fields = object_or_empty(_parsed(row, "fields"))
    answers = _answers(_parsed(row, "responses"))
    if answers is None or (row.get("status") == "discarded" and not answers):
        yield Unread("excluded", field="status" if row.get("status") == "discarded" else "responses")
        return
    suggested = _suggestions(_parsed(row, "suggestions"))
    stated: dict[str, list[object]] = {**{key: [value] for key, value in suggested.items()}, **answers}
    name = next((key for key in _PROMPTS if fields.get(key)), None)
    if name is None:
        raise DataError(f"the record has no question: none of its fields is {', '.join(_PROMPTS)}")
    request = _request(fields, name)
    used = {name, *(_added(fields, name) if isinstance(parse_embedded_json(fields[name]), str) else ())}
    texts = ((key, _written(key, answers[key], fields)) for key in _asked_for_texts(answers))
    by, written = next((each for each in texts if each[1] is not None), ("", None))
    pair = _pair(fields, stated)
    if pair is not None:
        chosen, rejected, keys = pair
        used |= keys
    else:
        chosen, rejected = _answer(fields, suggested, written, request), None
        used |= set(ANSWERED)
    ratings = (_median(key, stated.get(key, [])) for key in _RATINGS)
    rating = next((each for each in ratings if each is not None), None)
    if rating is None:
        rating = rating_of_verdicts({key: _agreed(key, given) for key, given in answers.items() if key not in used})
    if written is not None and (rating is None or by not in ANSWERED):  # else it may be of the text that is corrected
        rating = WRITTEN_BY_HAND
    metadata = object_or_empty(_parsed(row, "metadata"))
    ids = {"record": row.get("id"), "status": row.get("status"), "answers": _one_or_all(answers)}
    beside = {key: value for key, value in fields.items() if key not in used}
    extra = {key: value for key, value in ids.items() if value}
    call = call_from_row({**beside, "metadata": {**metadata, **extra}}, (), [*request, *chosen], None, rejected)
    yield replace(call, rating=rating)


def _is_rating(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value in _SCALE


def _median(question: str, given: list[object]) -> int | None:
    """The median of people's ratings, of two neighbours the lower one; None without any.

    Raises:
        DataError: one is on another scale than 1 to 5, or the two in the middle are further apart.
    """
    for each in given:
        if isinstance(each, int | float) and not isinstance(each, bool) and each not in _SCALE:
            raise DataError(
                f"{question} is {each}, whose scale is not known; write the ratings from 1 to 5, or leave them out and "
                "pass --rating"
            )
    ratings = sorted(each for each in given if _is_rating(each))
    if not ratings:
        return None
    low, high = ratings[(len(ratings) - 1) // 2], ratings[len(ratings) // 2]
    if high - low > 1:
        raise DataError(f"{question} has the ratings {', '.join(map(str, ratings))}, of which none is in the middle")
    return low


def _agreed(question: str, given: list[object]) -> object:
    """The verdict of most annotators; another answer as it is.

    Raises:
        DataError: as of `_most_frequent`.
    """
    verdicts = Counter(verdict for each in given if (verdict := is_positive(each)) is not None)
    if len(given) == 1:
        return given[0]
    agreed: bool | None = _most_frequent(question, verdicts)
    return agreed


def _asked_for_texts(questions: Collection[str]) -> list[str]:
    """The questions that ask for an answer in text, first those for a corrected one, such as `corrected-response`."""
    corrected = [each for each in questions if each not in ANSWERED and asks_for_correction(each)]
    return [*corrected, *(each for each in ANSWERED if each in questions)]


def _written(question: str, given: list[object], fields: Row) -> str | None:
    """The text that people wrote, or most of those who wrote one; None without any.

    A verdict, such as no, and the name of a field, as of the better one of two, are no such text.

    Raises:
        DataError: they wrote different ones, and none is the most frequent.
    """
    texts = [each for each in given if isinstance(each, str) and each.strip()]
    if question not in ANSWERED:
        texts = [each for each in texts if each not in fields and is_positive(each) is None]
    return _most_frequent(question, Counter(texts))


def _most_frequent(question: str, given: Counter[_Value]) -> _Value | None:
    """The value that most people gave; None without any.

    Raises:
        DataError: two are given as often as each other.
    """
    ranked = given.most_common(2)
    if len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
        raise DataError(f"{question} has different answers of {given.total()} annotators, and none is the majority's")
    return ranked[0][0] if ranked else None


def _answers(given: object) -> dict[str, list[object]] | None:
    """All submitted answers to each question; None if there were answers and all are discarded."""
    found: dict[str, list[object]] = {}
    discarded = kept = 0
    if is_object(given):  # version 2: by question
        for question, each in given.items():
            for answer in each if is_list(each) else [each]:
                value = object_or_empty(answer)
                if value.get("status") == "discarded":
                    discarded += 1
                elif value.get("value") is not None and value.get("status") != "draft":
                    kept += 1
                    found.setdefault(question, []).append(value["value"])
    for each in given if is_list(given) else []:  # version 1: by annotator
        response = object_or_empty(each)
        if response.get("status") == "discarded":
            discarded += 1
        elif response.get("status") != "draft":
            kept += 1
            for question, answer in object_or_empty(response.get("values")).items():
                if (given_value := object_or_empty(answer).get("value")) is not None:
                    found.setdefault(question, []).append(given_value)
    return None if discarded and not kept else found


def _one_or_all(answers: dict[str, list[object]]) -> JsonObject:
    """The answer to each question of one annotator, or the list of those of several."""
    return {question: given[0] if len(given) == 1 else given for question, given in answers.items()}


def _suggestions(given: object) -> JsonObject:
    if is_object(given):
        return {question: object_or_empty(each).get("value") for question, each in given.items()}
    listed = [object_or_empty(each) for each in given] if is_list(given) else []
    return {str(each["question_name"]): each.get("value") for each in listed if "question_name" in each}


def _request(fields: Row, key: str) -> list[Message]:
    value = parse_embedded_json(fields[key])
    if not isinstance(value, str):
        return read_messages(value, f"fields.{key}")
    turns = None if _added(fields, key) else turns_in_text(value, f"fields.{key}", is_question=False)
    if turns is not None and (turns[-1]["role"] == "assistant" or not has_marks(value)):
        return turns  # else the answer's marks are of the same template: see `marked_turns`
    refuse_broken_json(value, f"fields.{key}")
    return prompt_messages("\n\n".join([value, *(str(fields[each]) for each in _added(fields, key))]))


def _added(fields: Row, name: str) -> list[str]:
    """The fields that belong to a question in text."""
    return [each for each in _ADDED if each != name and isinstance(fields.get(each), str) and fields[each]]


def _answer(fields: Row, suggested: JsonObject, written: str | None, request: list[Message]) -> list[Message]:
    """The answer: what an annotator wrote, else the field's, else what was suggested, else the end of the chat."""
    if written is not None:
        return [{"role": "assistant", "content": written}]
    sources: tuple[Row, ...] = (fields, suggested)
    for source in sources:
        key = next((key for key in ANSWERED if source.get(key)), None)
        if key is not None:
            return read_answer(source[key], key)
    if request[-1].get("role") == "assistant":
        return []
    raise DataError(f"the record has no answer: none of its fields or responses is {', '.join(ANSWERED)}")


def _pair(fields: Row, stated: Mapping[str, list[object]]) -> tuple[list[Message], list[Message], set[str]] | None:
    """The better and the worse response of a comparison; None if the record is none."""
    if all(fields.get(key) for key in _CHOSEN):
        chosen, rejected = (read_answer(fields[key], key) for key in _CHOSEN)
        return chosen, rejected, set(_CHOSEN)
    compared = sorted(key for key in fields if key.rstrip("-_0123456789abAB") in ANSWERED and key not in ANSWERED)
    if len(compared) != 2:
        return None
    name = next((key for key in _CHOICES if stated.get(key)), "")
    best = _most_frequent(name, Counter(_best(choice, compared) for choice in stated.get(name, [])))
    if best is None:
        raise DataError(f"the record compares {' and '.join(compared)}, and no answer says which is better")
    worse = next(key for key in compared if key != best)
    return read_answer(fields[best], best), read_answer(fields[worse], worse), set(compared)


def _best(choice: object, compared: list[str]) -> str | None:
    """The field that a label names, or that a ranking has alone at its top."""
    if isinstance(choice, str):
        return choice if choice in compared else None
    ranked = [object_or_empty(each) for each in choice] if is_list(choice) else []
    first = [each.get("value") for each in ranked if each.get("rank") == 1]
    if not first and is_list(choice) and all(isinstance(each, str) for each in choice):
        first = choice[:1]
    return str(first[0]) if len(first) == 1 and first[0] in compared else None
