"""Whether rows of JSON were a table, whose structs have the keys of all objects in each.

Objects of plain JSON may have the same keys too, and nulls of their own: `{"city": "Paris", "unit": null}`. What tells
them apart are objects that have no reason to have the same keys: the arguments of different functions, and the
properties in their schemas; and nulls for parameters that the called function has not. Without such a reason the rows
stay as they are: a null too many can be seen, and one that was removed is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fine_tuning.data_io.dialects.tool_calls import called_function
from fine_tuning.data_io.dialects.tool_definitions import SCHEMA_KEYS
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, parse_embedded_json

_SCHEMA_TYPES = ("object", "OBJECT")  # no set: what a row has for a type may be a list


def were_a_table(rows: Iterable[Row]) -> bool:
    """Whether a row holds what only a table makes: arguments or schemas of one function with keys of another."""
    seen = _Functions()
    return any(seen.finds_union(parse_embedded_json(value)) for row in rows for value in row.values()) or seen.share()


class _Functions:
    """The arguments that functions are called with, and the properties that their definitions have."""

    def __init__(self) -> None:
        self._keys: dict[str, set[frozenset[str]]] = {}
        self._given: dict[str, set[str]] = {}
        self._null: dict[str, set[str]] = {}
        self._defined: dict[str, set[str]] = {}

    def finds_union(self, value: object) -> bool:
        """Take note of the functions in a value; whether a schema among them has a property that is null."""
        if is_list(value):
            return any(self.finds_union(each) for each in value)
        if not is_object(value):
            return False
        if (schema := _schema_of(value)) is not None:
            return self._define(str(value.get("name")), schema)
        called = called_function(value)
        if called is not None and is_object(called.arguments) and _schema_of(called.written) is None:
            self._call(called.name, called.arguments)
        return any(self.finds_union(each) for each in value.values())

    def _define(self, name: str, schema: JsonObject) -> bool:
        if is_object(properties := schema.get("properties")):
            self._defined.setdefault(name, set()).update(properties)
        return any(None in each.values() for each in _properties_in(schema))

    def _call(self, name: str, arguments: JsonObject) -> None:
        self._keys.setdefault(name, set()).add(frozenset(arguments))
        given = self._given.setdefault(name, set())
        given.update(key for key, value in arguments.items() if value is not None)
        self._null.setdefault(name, set()).update(key for key, value in arguments.items() if value is None)

    def share(self) -> bool:
        """Whether a call has null for what its function has not, or all calls have the same keys, though for others."""
        if any(defined and self._null.get(name, set()) - defined for name, defined in self._defined.items()):
            return True
        if len(self._keys) < 2 or len(set.union(*self._keys.values())) > 1:
            return False
        return any(self._are_of_other(name, other) for name in self._given for other in self._given if name != other)

    def _are_of_other(self, name: str, other: str) -> bool:
        """Whether a function has keys of another one: its definition does not have them, or without one, each has own.

        Where its definition has them, they are arguments like any other, and null where the model has said so.
        """
        own, foreign = self._given[name] - self._given[other], self._given[other] - self._given[name]
        defined = self._defined.get(name)
        return bool(foreign) and (bool(own) if defined is None else not foreign <= defined)


def _schema_of(value: JsonObject) -> JsonObject | None:
    """The schema in a function's definition; None for what is none."""
    if "name" not in value:
        return None
    found = (parse_embedded_json(value.get(key)) for key in SCHEMA_KEYS)
    return next((each for each in found if is_object(each) and each.get("type") in _SCHEMA_TYPES), None)


def _properties_in(schema: JsonObject) -> Iterator[JsonObject]:
    """The properties of a schema, and of those within it."""
    properties = schema.get("properties")
    if not is_object(properties):
        return
    yield properties
    for each in properties.values():
        if is_object(each):
            yield from _properties_in(each)
            if is_object(items := each.get("items")):
                yield from _properties_in(items)
