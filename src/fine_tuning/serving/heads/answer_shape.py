"""What the answers of a task are made of: one label, or a JSON object whose fields are labels or copied from the text.

A field is named by its path in the object. Values are JSON texts, so that `1`, `"1"` and null stay apart.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import cast

from fine_tuning.data_io import strict_json
from fine_tuning.data_io.json_values import JsonObject, is_object

FieldPath = tuple[str, ...]
Values = Mapping[FieldPath, str]
WHOLE: FieldPath = ()  # the path of an answer that is one label
ABSENT = ""  # of a field that an object does not have; no JSON text is empty
MIN_SHARE = 0.95  # of answers that a shape, or a kind of field, has to describe
_SEPARATORS = ((", ", ": "), (",", ":"))
INDENTS = (None, 2, 4)


@dataclass(frozen=True)
class JsonStyle:
    """How the objects are written: arguments of `json.dumps`."""

    separators: tuple[str, str] = _SEPARATORS[0]
    indent: int | None = None
    ensure_ascii: bool = False

    def text(self, value: object) -> str:
        """The value in this style."""
        item = self.separators[0].rstrip() if self.indent is not None else self.separators[0]
        return json.dumps(
            value, separators=(item, self.separators[1]), indent=self.indent, ensure_ascii=self.ensure_ascii
        )


@dataclass(frozen=True)
class AnswerShape:
    """The fields of the answers in their order; one field `WHOLE` where an answer is one label.

    Attributes:
        style: of objects; None where an answer is one label.
    """

    paths: tuple[FieldPath, ...]
    style: JsonStyle | None = None

    @classmethod
    def of(cls, answers: Sequence[str]) -> AnswerShape:
        """The shape of answers: objects where nearly all are, else labels."""
        objects = [found for each in answers if (found := _object(each)) is not None]
        if len(objects) < MIN_SHARE * len(answers) or not objects:
            return cls((WHOLE,))
        orders = Counter(tuple(_leaves(each)) for each in objects)
        paths = list(orders.most_common(1)[0][0])
        paths += [path for order in orders for path in order if path not in paths]
        return cls(tuple(dict.fromkeys(paths)), _style(answers))

    def values(self, answer: str) -> Values | None:
        """The value of each field; None of an answer that has another shape."""
        if self.style is None:
            return {WHOLE: json.dumps(answer, ensure_ascii=False)}
        found = _object(answer)
        if found is None:
            return None
        leaves = _leaves(found)
        return {path: leaves.get(path, ABSENT) for path in self.paths} if leaves.keys() <= set(self.paths) else None

    def answer(self, values: Values) -> str:
        """The answer with these values."""
        if self.style is None:
            return str(json.loads(values[WHOLE]))
        found: JsonObject = {}
        for path in self.paths:
            if values[path] != ABSENT:
                _put(found, path, json.loads(values[path]))
        return self.style.text(found)


def is_label(values: Sequence[str]) -> bool:
    """Whether nearly all values of a field occur several times."""
    counts = Counter(values)
    return sum(count for count in counts.values() if count > 1) >= MIN_SHARE * len(values)


def written_as(value: str) -> str:
    """How a text or a number stands in a question; empty of another value."""
    found = json.loads(value) if value else None
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, int | float) and not isinstance(found, bool) else ""


def _object(answer: str) -> JsonObject | None:
    if not answer.lstrip().startswith("{"):
        return None
    try:
        found = strict_json.decode(answer)
    except ValueError:
        return None
    return found if is_object(found) else None


def _leaves(value: JsonObject) -> dict[FieldPath, str]:
    """The JSON text of everything that is no object, or an empty one, by its path."""
    found: dict[FieldPath, str] = {}
    for key, each in value.items():
        if is_object(each) and each:
            found |= {(key, *path): leaf for path, leaf in _leaves(each).items()}
        else:
            found[(key,)] = json.dumps(each, ensure_ascii=False, sort_keys=True)
    return found


def _put(into: JsonObject, path: FieldPath, value: object) -> None:
    for key in path[:-1]:
        into = cast("JsonObject", into.setdefault(key, {}))
    into[path[-1]] = value


def _style(answers: Iterable[str]) -> JsonStyle:
    """The style that writes most of the objects as they are."""
    objects = [(answer.strip(), found) for answer in answers if (found := _object(answer)) is not None]
    styles = [JsonStyle(*each) for each in product(_SEPARATORS, INDENTS, (False, True))]
    return max(styles, key=lambda style: sum(style.text(found) == answer for answer, found in objects))
