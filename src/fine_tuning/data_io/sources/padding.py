"""What a table makes of the objects in its cells: keys of all objects in each, null where one has none, and floats.

pandas has no whole number beside a missing one: it makes floats of such a column, 1.0 of 1.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from fine_tuning.data_io import strict_json
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object
from fine_tuning.data_io.sources.raw_row import RawRow, to_json_bytes
from fine_tuning.data_io.sources.required_nulls import with_required_nulls
from fine_tuning.data_io.sources.union_evidence import were_a_table

Path = tuple[str, ...]
"""Where a value is in a row: the names of its keys, and a mark for each list around it."""


class Column(NamedTuple):
    """What a table did to a column: the places of whole numbers that it made floats, and whether it added nulls."""

    whole: frozenset[Path]
    has_nulls: bool


Padding = dict[str, Column]
"""The columns that a table has changed."""
_IN_LIST = "[]"
_SAMPLE_ROWS, _SAMPLE_BYTES = 2000, 4 << 20
_LARGEST_WHOLE = 1 << 53  # beyond, floats have lost digits


class Floats:
    """The places of floats and of missing values in the rows of a table."""

    def __init__(self) -> None:
        self._whole: set[Path] = set()
        self._fractional: set[Path] = set()
        self._missing: set[Path] = set()

    def see(self, value: object, path: Path) -> None:
        """Take note of a value."""
        if isinstance(value, dict):
            for key, each in value.items():
                self.see(each, (*path, str(key)))
        elif isinstance(value, list):
            for each in value:
                self.see(each, (*path, _IN_LIST))
        elif value is None or (isinstance(value, float) and math.isnan(value)):
            self._missing.add(path)
        elif isinstance(value, float):
            (self._whole if _is_whole(value) else self._fractional).add(path)

    def whole_numbers(self, *, of_pandas: bool) -> frozenset[Path]:
        """The places whose floats are whole and were integers: pandas made them, or some are missing beside them."""
        found = self._whole - self._fractional
        return frozenset(path for path in found if of_pandas or self._is_missing_somewhere(path))

    def _is_missing_somewhere(self, path: Path) -> bool:
        start = max((at for at, name in enumerate(path) if name == _IN_LIST), default=0) + 1
        return any(path[:end] in self._missing for end in range(start, len(path) + 1))


def _is_whole(value: float) -> bool:
    return value.is_integer() and abs(value) < _LARGEST_WHOLE


def with_integers(value: object, places: frozenset[Path], path: Path = ()) -> object:
    """A JSON value with the floats at these places as integers."""
    if is_object(value):
        return {key: with_integers(each, places, (*path, key)) for key, each in value.items()}
    if is_list(value):
        return [with_integers(each, places, (*path, _IN_LIST)) for each in value]
    return int(value) if isinstance(value, float) and path in places and _is_whole(value) else value


def padding_of(rows: Iterable[Row]) -> Padding:
    """The columns of rows that a table has changed, and was then written as JSON.

    In a padded column all objects at one place have the same keys, and a key is null in one that is not in another.
    Without evidence that the rows were a table there are none: objects of plain JSON may be alike, too.
    """
    rows = list(rows)
    if not were_a_table(rows):
        return {}
    columns: dict[str, list[object]] = {}
    for row in rows:
        for key, value in row.items():
            columns.setdefault(key, []).append(value)
    found: Padding = {}
    for key, values in columns.items():
        shapes = _Shapes()
        if not all(shapes.fits(value, ()) for value in values):
            continue
        floats = Floats()
        for value in values:
            floats.see(value, (key,))
        whole, has_nulls = floats.whole_numbers(of_pandas=False), shapes.are_padded()
        if whole or has_nulls:
            found[key] = Column(whole, has_nulls)
    return found


class _Shapes:
    """The keys of the objects at each place of a column, and which are null."""

    def __init__(self) -> None:
        self._keys: dict[Path, frozenset[str]] = {}
        self._null: set[Path] = set()
        self._given: set[Path] = set()

    def fits(self, value: object, path: Path) -> bool:
        """Whether a value has the same keys as those before it; take note of it."""
        if is_list(value):
            return all(self.fits(each, (*path, _IN_LIST)) for each in value)
        if not is_object(value):
            return True
        keys = frozenset(value)
        if self._keys.setdefault(path, keys) != keys:
            return False
        for key, each in value.items():
            (self._null if each is None else self._given).add((*path, key))
        return all(self.fits(each, (*path, key)) for key, each in value.items())

    def are_padded(self) -> bool:
        """Whether a key is null in one object and not in another."""
        return bool(self._null & self._given)


def unpadded(row: Row, padding: Padding) -> JsonObject:
    """A row without what a table has added to its padded columns."""
    found: JsonObject = {
        key: with_integers(_without_nulls(value) if column.has_nulls else value, column.whole, (key,))
        if (column := padding.get(key))
        else value
        for key, value in row.items()
    }
    return with_required_nulls(found)


def _without_nulls(value: object) -> object:
    if is_object(value):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if is_list(value) else value


def without_padding(rows: Iterable[RawRow]) -> Iterator[RawRow]:
    """The rows of a JSON file; those of a table without its padding. The first rows decide which it is."""
    rest = iter(rows)
    sample: list[RawRow] = []
    failure: Exception | None = None
    size = 0
    try:
        while len(sample) < _SAMPLE_ROWS and size < _SAMPLE_BYTES:
            sample.append(next(rest))
            size += len(sample[-1].text or b"")
    except StopIteration:
        pass
    except Exception as error:  # noqa: BLE001 - raised below, after the rows before it
        failure = error
    texts = [row.text for row in sample if row.text is not None]
    padding = padding_of(_parsed(texts)) if any(b"null" in text for text in texts) else {}
    for row in chain(sample, rest if failure is None else ()):
        yield _rewritten(row, padding) if padding else row
    if failure is not None:
        raise failure


def _parsed(texts: Iterable[bytes]) -> Iterator[JsonObject]:
    for text in texts:
        row = _parse(text)
        if row is not None:
            yield row


def _rewritten(row: RawRow, padding: Padding) -> RawRow:
    """A row as the table had it before; one that is no valid JSON as it is, for the checks to say so."""
    if row.text is None or (b"null" not in row.text and b".0" not in row.text):
        return row
    found = _parse(row.text)
    if found is None:
        return row
    plain = unpadded(found, padding)
    if b"\\u" in row.text:  # an escape may be half a character, which the checks name
        return row._replace(text=json.dumps(plain).encode())
    return row._replace(text=to_json_bytes(plain))


def _parse(text: bytes) -> JsonObject | None:
    try:
        row = strict_json.decode(text.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return row if is_object(row) else None
