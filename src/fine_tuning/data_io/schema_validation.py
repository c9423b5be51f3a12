"""Validation by a JSON schema that ends: neither its patterns nor its references can hold it up, nothing is fetched."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from functools import lru_cache, partial
from math import isfinite
from typing import Any

import regex

from fine_tuning._util import timed_patterns
from fine_tuning._util.timed_patterns import PATTERN_SECONDS, PatternTimeout
from fine_tuning.data_io.schema_checks import Validator
from fine_tuning.data_io.unevaluated_parts import unevaluated_items, unevaluated_properties

VALIDATION_SECONDS = 3.0
_deadline: ContextVar[float] = ContextVar("_deadline")


class ValidationTimeout(Exception):  # noqa: N818 - what happened to a validation
    """A value could not be validated within the limit; the message says what took the time."""


@contextmanager
def time_limit(seconds: float = VALIDATION_SECONDS) -> Iterator[None]:
    """Bound the validations of the block, by validators that are `bounded`; they raise ValidationTimeout."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    except RecursionError:  # a choice that contains itself, or a value that is nested as deeply
        raise ValidationTimeout("a reference cannot be resolved: it refers to itself") from None
    finally:
        _deadline.reset(token)


def validator(kind: Validator, schema: object, **more: object) -> Validator:
    """A validator of a draft that fetches nothing, and ends; use it in a `time_limit`."""
    from referencing import Registry

    return bounded(kind)(schema, registry=Registry(), **more)


@lru_cache(maxsize=16)
def bounded(kind: Validator) -> Validator:
    """The class of validators of the same draft whose every keyword looks at the time; use it in a `time_limit`."""
    from jsonschema.validators import extend

    keywords = {**kind.VALIDATORS, "pattern": _pattern, "patternProperties": _pattern_properties}
    if "multipleOf" in keywords:
        keywords["multipleOf"] = _multiple_of
    if others := kind.VALIDATORS.get("additionalProperties"):
        keywords["additionalProperties"] = partial(_additional_properties, others)
    if "unevaluatedProperties" in keywords:
        keywords["unevaluatedProperties"] = partial(unevaluated_properties, _is_found)
        keywords["unevaluatedItems"] = unevaluated_items
    if "uniqueItems" in keywords:
        keywords["uniqueItems"] = _unique_items
    return extend(kind, {name: partial(_timed, check) for name, check in keywords.items()})


def _timed(
    check: Callable[..., Iterator[Exception] | None], validator: Validator, value: object, instance: object, schema: Any
) -> Iterator[Exception]:
    if time.monotonic() > _deadline.get():
        raise ValidationTimeout("validating by the schema takes too long; make its references and choices fewer")
    yield from check(validator, value, instance, schema) or ()


def _pattern(_validator: Validator, pattern: str, instance: object, _schema: object) -> Iterator[Exception]:
    from jsonschema import ValidationError

    if isinstance(instance, str) and not _is_found(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Validator, patterns: Mapping[str, object], instance: object, _schema: object
) -> Iterator[Exception]:
    if not isinstance(instance, dict):
        return
    for pattern, part in patterns.items():
        for name, value in instance.items():
            if _is_found(pattern, name):
                yield from validator.descend(value, part, path=name, schema_path=pattern)


def _multiple_of(_validator: Validator, divisor: float, instance: object, _schema: object) -> Iterator[Exception]:
    """Of numbers as they are written: as floats, 10.2 is no multiple of 0.1."""
    from jsonschema import ValidationError

    if isinstance(instance, bool) or not isinstance(instance, int | float):
        return
    if not isfinite(instance) or Fraction(str(instance)) % Fraction(str(divisor)):
        yield ValidationError(f"{instance!r} is not a multiple of {divisor!r}")


def _unique_items(_validator: Validator, is_unique: object, instance: object, _schema: object) -> Iterator[Exception]:
    """In linear time: jsonschema compares each item with all others where they cannot be sorted."""
    from jsonschema import ValidationError

    if is_unique and isinstance(instance, list) and len({_identity(each) for each in instance}) < len(instance):
        yield ValidationError(f"{instance!r:.200} has non-unique elements")


def _identity(value: object) -> Hashable:
    """Equal for equal JSON values alone: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, list):
        return ("list", *map(_identity, value))
    if isinstance(value, dict):
        return frozenset((name, _identity(each)) for name, each in value.items())
    return (isinstance(value, bool), value)


def _additional_properties(
    check: Callable[..., Iterator[Exception] | None],
    validator: Validator,
    allowed: object,
    instance: object,
    schema: Mapping[str, Any],
) -> Iterator[Exception]:
    """As jsonschema's check, which would match all patterns without a limit, of the names that match none."""
    patterns = schema.get("patternProperties")
    if patterns and isinstance(instance, dict):
        instance = {
            name: value for name, value in instance.items() if not any(_is_found(pattern, name) for pattern in patterns)
        }
        schema = {name: part for name, part in schema.items() if name != "patternProperties"}
    yield from check(validator, allowed, instance, schema) or ()


def _is_found(pattern: str, text: str) -> bool:
    left = _deadline.get() - time.monotonic()
    try:
        return timed_patterns.search(pattern, text, seconds=min(left, PATTERN_SECONDS))
    except (PatternTimeout, regex.error, OverflowError) as error:
        raise ValidationTimeout(f"the pattern {pattern!r} of the schema cannot be matched: {error}") from None
