"""A row's text: parsed without losing anything, and its canonical form; or what is wrong with the text."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from fine_tuning.formats.findings import Finding
from fine_tuning.sources import LONGEST_ROW


class Parsed(NamedTuple):
    """A row and its canonical JSON (sorted keys, no spaces, UTF-8)."""

    row: dict[str, Any]
    canonical: bytes


class _NotFiniteError(ValueError):
    pass


class _DuplicateKeyError(ValueError):
    pass


def _refuse(constant: str) -> Any:
    raise _NotFiniteError(constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _DuplicateKeyError(next(key for key in keys if keys.count(key) > 1))
    return found


_FAST = json.JSONDecoder(parse_constant=_refuse)
_STRICT = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=_unique)
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def parse(text: bytes | None) -> Parsed | Finding:
    """The row, or why there is none."""
    if text is None:
        return Finding("too-long-line", "", f"longer than {LONGEST_ROW >> 20} MiB")
    try:
        decoded = text.decode("utf-8")
        row = _FAST.decode(decoded)
        if not isinstance(row, dict):
            return Finding("not-an-object", "", f"a {type(row).__name__}, not an object")
        if decoded.count('":') != _keys(row):  # equal for most rows, and soon counted; else look at every key
            _STRICT.decode(decoded)
        return Parsed(row, canonical(row))
    except UnicodeDecodeError as error:
        return Finding("not-utf8", "", f"byte {error.start} is not UTF-8")
    except UnicodeEncodeError:
        return Finding("lone-surrogate", "", "half a character (a lone surrogate)")
    except _NotFiniteError as error:
        return Finding("not-finite", "", f"{error} is no JSON number")
    except _DuplicateKeyError as error:
        return Finding("duplicate-key", str(error), "the key stands there more than once")
    except json.JSONDecodeError as error:
        return Finding("not-json", "", f"{error.msg} (column {error.colno})")
    except RecursionError:
        return Finding("too-deep", "", "nested too deeply")
    except ValueError as error:
        long = "digits" in str(error)  # Python's own limit; else a number such as 1e999
        return Finding("not-finite", "", "a number has thousands of digits" if long else "a number is too large")


def canonical(row: dict[str, Any]) -> bytes:
    """The row's JSON with sorted keys and no spaces, in UTF-8: the same value, the same bytes.

    Raises:
        UnicodeEncodeError: it holds half a character.
    """
    return _CANONICAL.encode(row).encode("utf-8")


def _keys(value: Any) -> int:
    """How many keys the objects in a value have."""
    if isinstance(value, dict):
        return len(value) + sum(_keys(item) for item in value.values() if isinstance(item, dict | list))
    if isinstance(value, list):
        return sum(_keys(item) for item in value if isinstance(item, dict | list))
    return 0
