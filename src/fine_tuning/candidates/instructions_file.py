"""Instructions that somebody has written into a text file, or that DSPy has found and saved as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fine_tuning._util.files import open_to_read, parse_json
from fine_tuning.errors import DataError, UsageError
from fine_tuning.serving.instructions import MAX_BYTES

OF_DSPY = ".json"
_GENERATED = re.compile(r"\$\{\w+\}")  # what DSPy writes where a field has no description


class ModelWithFile(NamedTuple):
    """A model, and the file with the instructions that it is asked with."""

    model: str
    file: Path


def model_with_file(given: str) -> ModelWithFile:
    """What MODEL=FILE says.

    Raises:
        UsageError: it is not of this form.
    """
    model, _, file = given.partition("=")
    if not model.strip() or not file.strip():
        raise UsageError(f"a prompt's file is given as MODEL=FILE, not {given!r}")
    return ModelWithFile(model, Path(file))


def read_instructions(file: Path) -> str:
    """The text of a file; of a .json file, what the program of DSPy in it tells its model.

    Raises:
        NotFoundError, StorageError: it cannot be read.
        DataError: it is no text, empty, larger than 4 MiB, or no program of DSPy that asks once.
    """
    with open_to_read(file) as stream:
        raw = stream.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise DataError(f"{file} has more than {MAX_BYTES >> 20} MiB: no model reads so much before each question")
    try:
        is_program = file.suffix.lower() == OF_DSPY
        text = _told_by_program(parse_json(raw)) if is_program else raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{file} is no text in UTF-8") from None
    except DataError as error:
        raise DataError(f"{file}: {error}") from None
    if not text.strip():
        raise DataError(f"{file} has no instructions: it is empty")
    return text


def _told_by_program(saved: object) -> str:
    """The instructions, the fields and the demonstrations of the one predictor of a program.

    DSPy's markers of fields are left out: the question comes as the application sends it, and the answer
    alone is wanted.
    """
    found = [*_predictors(saved)]
    if len(found) != 1:
        raise DataError(
            f"a program of DSPy that asks once is wanted (`program.save`), and this has {len(found)} predictors"
        )
    try:
        return "\n\n".join(_parts(found[0]))
    except (KeyError, TypeError, AttributeError, IndexError):
        raise DataError("this is no program as DSPy saves it since 2.5") from None


def _predictors(saved: object) -> Iterator[Mapping[str, Any]]:
    if not isinstance(saved, dict):
        return
    if "signature" in saved and "demos" in saved:
        yield saved
        return
    for value in saved.values():
        yield from _predictors(value)


def _parts(predictor: Mapping[str, Any]) -> Iterator[str]:
    fields = predictor["signature"]["fields"]
    yield predictor["signature"]["instructions"].strip()
    described = [
        f"{each['prefix']} {each['description']}" for each in fields if not _GENERATED.fullmatch(each["description"])
    ]
    if described:
        yield "\n".join(described)
    for demo in predictor["demos"]:
        shown = [f"{name}: {_text(value)}" for name, value in demo.items() if name != "augmented"]
        yield "\n".join(["Example:", *shown])
    yield f"Answer with the value of {fields[-1]['prefix'].rstrip(':')} alone."


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
