"""Column types that behave the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from math import isfinite

import pydantic_core
import sqlalchemy as sa
from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

from fine_tuning.errors import UsageError

# SQLite numbers rows by itself only for a column declared INTEGER.
BigId = BigInteger().with_variant(Integer, "sqlite")
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

_JSON = json.JSONEncoder(allow_nan=False, ensure_ascii=False)


def storable(text: str) -> str:
    """The text with U+FFFD in place of what UTF-8 or PostgreSQL cannot hold: NUL and halves of surrogate pairs.

    Predictions and users' JSON may hold either; the rest of the text is kept.
    """
    if text.isascii() and "\0" not in text:  # as most texts are, of which no copy is made
        return text
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


class Written(str):
    """The value of a Json column that is text already."""

    __slots__ = ()


def written(value: object) -> Written:
    """As `to_json`, in a third of its time, of a value of which it is known that it can be kept: running sums."""
    try:
        text = pydantic_core.to_json(value, inf_nan_mode="null").decode()
    except ValueError:  # half of a surrogate pair in a name
        return Written(to_json(value))
    return Written(to_json(value) if "\\u0000" in text else text)


def from_json(text: str | bytes) -> object:
    """The value of a Json column, in a third of the time of Python's own reader."""
    try:
        return pydantic_core.from_json(text)
    except ValueError:  # nested more deeply than it reads
        return json.loads(text)


def to_json(value: object) -> str:
    """Serialize the value of a Json column.

    Raises:
        UsageError: the value cannot be represented in JSON.
    """
    if isinstance(value, Written):
        return value
    try:
        text = _JSON.encode(value)
        text.encode()
    except ValueError:
        try:
            return json.dumps(storable_parts(value), ensure_ascii=False)
        except RecursionError:
            raise UsageError("cannot be kept as JSON: it contains itself, or is nested too deeply") from None
    except TypeError as error:
        raise UsageError(f"cannot be kept as JSON: {error}; use texts, numbers, lists and dicts") from None
    except RecursionError:
        raise UsageError("cannot be kept as JSON: it contains itself, or is nested too deeply") from None
    return json.dumps(storable_parts(value), ensure_ascii=False) if "\\u0000" in text else text


def storable_parts(value: object) -> object:
    """A value of JSON whose texts are `storable`, and whose numbers JSON has."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float):
        return value if isfinite(value) else None  # JSON has no nan; unknown is null
    if isinstance(value, dict):
        return {storable(str(key)): storable_parts(item) for key, item in value.items()}
    return [storable_parts(item) for item in value] if isinstance(value, list | tuple) else value


def _storable_or_none(value: str | None) -> str | None:
    return storable(value) if isinstance(value, str) else value


class _Storable(TypeDecorator[str]):
    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return _storable_or_none(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:  # noqa: ARG002
        """Without the functions that SQLAlchemy puts around `process_bind_param`: an import has millions of texts."""
        return _storable_or_none


class Text(_Storable):
    """Text of any length; see `storable`."""

    impl = sa.Text
    cache_ok = True  # SQLAlchemy reads it from each class itself


class String(_Storable):
    """Text of limited length; see `storable`."""

    impl = sa.String
    cache_ok = True


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC datetime; naive values are refused as ambiguous."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC on the way in."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: give it a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], object] | None:
        """On SQLite the text that SQLAlchemy's own type writes, which it puts together in Python, of each part."""
        if dialect.name != "sqlite":
            return super().bind_processor(dialect)

        def to_text(value: datetime | None) -> str | None:
            if value is not None and value.tzinfo is UTC:  # as nearly all are
                return value.isoformat(" ", "microseconds").removesuffix("+00:00")
            moment = self.process_bind_param(value, dialect)
            return None if moment is None else moment.isoformat(" ", "microseconds")

        return to_text

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Attach UTC on the way out."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 text of a stored time, e.g. `2026-11-23T13:45:00.123456+00:00`."""
    return None if moment is None else moment.isoformat()
