"""Templates: texts with places such as `{{ item.answer }}` and `{{ sample.output_text }}`.

A place is a path and no expression. Values are put in once: what they contain is never read as a template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator

from fine_tuning.data_io.json_values import is_list, is_object
from fine_tuning.evaluation.graders.grading import GradingFailed, Row
from fine_tuning.evaluation.graders.model_sample import VARIABLES

_OPENING, _CLOSING = "{{", "}}"
_STEP = re.compile(r"""\.([\w-]+)|\[(\d+)\]|\["([^"\]]+)"\]|\['([^'\]]+)'\]""")
_ROOT = re.compile(r"\w+")
_ADVICE = 'write a path such as item.answer, item["two words"], sample.output_text or sample.output_json.field'
MAX_LENGTH = 32 << 20  # of a text, twice what a request has
_SHOWN = 60  # characters of a place in an error
_SHOWN_KEYS = 8
Step = str | int


def check_template(text: str) -> str:
    """The text, if its places are paths into `item` and `sample`.

    Raises:
        ValueError: a place is not, or does not end.
    """
    list(_parts(text))
    return text


Template = Annotated[str, AfterValidator(check_template)]


def render(template: str, row: Row) -> str:
    """The text with its places filled in: texts as they are, other values as JSON.

    Raises:
        GradingFailed: the row has no value at a path; the message names it. Or the text would be too long: a value may
            stand at thousands of places.
    """
    texts, length = [], 0
    for part in _parts(template):
        texts.append(part if isinstance(part, str) else _text(_value(part, row)))
        length += len(texts[-1])
        if length > MAX_LENGTH:
            raise GradingFailed("other_error", f"a template makes a text of more than {MAX_LENGTH:,} characters")
    return "".join(texts)


def _parts(text: str) -> Iterator[str | tuple[Step, ...]]:
    first, *rest = text.split(_OPENING)
    yield first
    for part in rest:
        place, closing, after = part.partition(_CLOSING)
        if not closing:
            raise ValueError(f"a place that begins with {_OPENING} does not end with {_CLOSING}")
        yield _path(place.strip())
        yield after


def _path(place: str) -> tuple[Step, ...]:
    root = _ROOT.match(place)
    if root is None or root[0] not in {"item", "sample"}:
        raise ValueError(f"{_shown(place)} is no path into item or sample; {_ADVICE}")
    steps: list[Step] = [root[0]]
    position = root.end()
    while position < len(place):
        if (found := _STEP.match(place, position)) is None:
            raise ValueError(f"{_shown(place)} is no path; {_ADVICE}")
        name, index, *quoted = found.groups()
        steps.append(int(index) if index else name or quoted[0] or quoted[1])
        position = found.end()
    if steps[0] == "sample" and len(steps) > 1 and steps[1] not in VARIABLES:
        raise ValueError(f"sample has no {steps[1]!r}; it has {', '.join(VARIABLES)}")
    return tuple(steps)


def _value(path: tuple[Step, ...], row: Row) -> object:
    found: object = row.item if path[0] == "item" else row.sample.variables()
    for position, step in enumerate(path[1:], 1):
        if is_object(found) and str(step) in found:
            found = found[str(step)]
        elif is_list(found) and str(step).isdecimal() and int(step) < len(found):
            found = found[int(step)]
        elif path[:2] == ("sample", "output_json") and position == 1:
            raise GradingFailed("sample_parse_error", f"{_written(path)}: the model sample is no valid JSON")
        else:
            missing = f"{_written(path[:position])} {_contents(found, step)}"
            raise GradingFailed("invalid_variable_error", f"{_written(path)} is missing: {missing}")
    return found


def _contents(value: object, step: Step) -> str:
    if is_object(value):
        keys = ", ".join(" ".join(key.split())[:_SHOWN] for key in list(value)[:_SHOWN_KEYS]) or "nothing"
        return f"has no {step!r}, it has {keys}"
    if is_list(value):
        return f"is a list of {len(value)} without {step!r}"
    return f"is {'null' if value is None else 'a single value'}, without {step!r}"


def _written(path: tuple[Step, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)[1:]


def _shown(place: str) -> str:
    place = " ".join(place.split())
    return _OPENING + " " + (place if len(place) <= _SHOWN else f"{place[:_SHOWN]}...") + " " + _CLOSING


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
