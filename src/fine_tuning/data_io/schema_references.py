"""References within a JSON schema: by a pointer, an anchor, or the address that the schema gives itself.

Source: https://datatracker.ietf.org/doc/html/rfc6901 for pointers, which are percent-encoded in a reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote

from fine_tuning.data_io.json_values import is_list, is_object

VALUES = {"const", "enum", "default", "examples", "example"}  # what is no schema, whatever it holds
MAPS = {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"}
_ADDRESSES = ("$id", "id")
_OF_A_WHOLE = {"$id", "$schema", "$anchor", "$dynamicAnchor"}  # within another schema they would mean something else
REFERENCES = ("$ref", "$dynamicRef")
Schema = Mapping[str, object]
Place = tuple[str | int, ...]


def resolved(target: str, root: Schema) -> object:
    """The part that a reference within a schema names; None without one."""
    path = path_of(target, root)
    return None if path is None else _found(path, root)


def path_of(target: str, root: Schema) -> tuple[str, ...] | None:
    """The names and places from the root of a schema to what a reference names; None for a reference elsewhere."""
    address = next((given.rstrip("#") for key in _ADDRESSES if isinstance(given := root.get(key), str)), "")
    fragment = target.removeprefix(address) if address else target
    if fragment in ("", "#"):
        return ()
    if fragment.startswith("#/"):
        return tuple(name.replace("~1", "/").replace("~0", "~") for name in unquote(fragment[2:]).split("/"))
    return _anchored(fragment, root) if fragment.startswith("#") else None


def pointer(path: tuple[str, ...]) -> str:
    """The reference to a path."""
    return "#" + "".join("/" + quote(name.replace("~", "~0").replace("/", "~1"), safe="$") for name in path)


def moved(schema: object, to: tuple[str, ...]) -> object:
    """A schema whose place is to be within another one: its references to its own parts point there."""
    return _moved(schema, schema if is_object(schema) else {}, to)


def _moved(part: object, root: Schema, to: tuple[str, ...], *, is_map: bool = False) -> object:
    if is_list(part):
        return [_moved(each, root, to) for each in part]
    if not is_object(part):
        return part
    found: dict[str, object] = {}
    for key, value in part.items():
        if key in REFERENCES and isinstance(value, str):
            path = path_of(value, root)
            found["$ref"] = value if path is None else pointer(to + path)
        elif key in VALUES and not is_map:
            found[key] = value
        elif key not in _OF_A_WHOLE or not isinstance(value, str):
            found[key] = _moved(value, root, to, is_map=key in MAPS and not is_map)
    return found if is_map else _with_newer_bounds(found)


def _with_newer_bounds(part: dict[str, object]) -> dict[str, object]:
    """The part with bounds that are numbers in place of those of the fourth draft, which the newest does not have."""
    for kind in ("Minimum", "Maximum"):
        if isinstance(is_exclusive := part.get(f"exclusive{kind}"), bool):
            part.pop(f"exclusive{kind}")
            if is_exclusive and kind.lower() in part:
                part[f"exclusive{kind}"] = part.pop(kind.lower())
    return part


def _found(path: tuple[str, ...], root: Schema) -> object:
    found: object = root
    for name in path:
        if is_list(found):
            found = found[int(name)] if name.isdecimal() and int(name) < len(found) else None
        else:
            found = found.get(name) if is_object(found) else None
    return found


def parts(schema: object, path: Place = (), *, is_map: bool = False) -> Iterator[tuple[Place, Schema]]:
    """Every object of a schema that is a schema or a map of such, with the path to it; no value that it names."""
    if is_list(schema):
        for place, each in enumerate(schema):
            yield from parts(each, (*path, place))
    elif is_object(schema):
        yield path, schema
        for key, each in schema.items():
            if is_map or key not in VALUES:
                yield from parts(each, (*path, key), is_map=key in MAPS and not is_map)


def _anchored(fragment: str, root: Schema) -> tuple[str, ...] | None:
    """The path to the part that an anchor is at, as any draft writes it."""
    for path, part in parts(root):
        anchors = (part.get("$anchor"), part.get("$dynamicAnchor"))
        if fragment[1:] in anchors or any(part.get(key) == fragment for key in _ADDRESSES):
            return tuple(map(str, path))
    return None
