"""Predictions that are JSON: valid, conforming to a schema, with the fields of the reference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from fine_tuning.data_io import schema_validation
from fine_tuning.data_io.equal_answers import NOT_JSON, canonical, normal_form, parse
from fine_tuning.data_io.schema_validation import ValidationTimeout
from fine_tuning.errors import UsageError

JsonSchemaValidator = Any  # jsonschema.Draft202012Validator, which has no types


def is_valid(prediction: str) -> bool:
    """Whether the prediction is JSON; a code fence around it is ignored."""
    return parse(prediction) is not NOT_JSON


def conforms(prediction: str, schema: object) -> bool:
    """Whether the prediction is JSON that conforms to a JSON schema.

    Raises:
        UsageError: it is no JSON schema, refers to what is not in it, or takes too long to validate.
    """
    from referencing.exceptions import Unresolvable

    value = parse(prediction)
    if value is NOT_JSON:
        return False
    try:
        validator = _validator(json.dumps(schema, sort_keys=True))
        with schema_validation.time_limit():
            return bool(validator.is_valid(value))
    except ValidationTimeout as error:
        raise UsageError(f"the JSON schema: {error}") from None
    except Unresolvable as error:
        named = str(error).removeprefix("Unresolvable: ")
        raise UsageError(f"the JSON schema refers to {named}, which is not in it and is not fetched; add it") from None
    except (OverflowError, ValueError):
        return False  # a number too large to be compared


def field_f1(prediction: str, reference: str) -> float:
    """F1 of the fields (path and value of each leaf) that prediction and reference share, 0 to 1.

    Raises:
        UsageError: the reference is not JSON.
    """
    expected = parse(reference)
    if expected is NOT_JSON:
        raise UsageError("the reference is not JSON")
    predicted = parse(prediction)
    if predicted is NOT_JSON:
        return 0.0
    try:
        ours, theirs = set(_leaves(predicted)), set(_leaves(expected))
    except RecursionError:
        return 0.0  # as of deeper JSON, which the parser refuses
    return 2 * len(ours & theirs) / (len(ours) + len(theirs))


@lru_cache(maxsize=64)
def _validator(schema: str) -> JsonSchemaValidator:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    loaded = json.loads(schema)
    try:
        Draft202012Validator.check_schema(loaded)
    except SchemaError as error:
        raise UsageError(f"not a JSON schema: {error.message}") from None
    return schema_validation.validator(Draft202012Validator, loaded)


def _leaves(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, normal_form(key)))
    elif isinstance(value, list) and value:
        for position, item in enumerate(value):
            yield from _leaves(item, (*path, position))
    else:
        yield path, canonical(value)
