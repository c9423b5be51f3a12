"""A row's text: parsed without losing anything, or what is wrong with it; and the canonical form of a row."""

from __future__ import annotations

import json
from math import isinf
from typing import Any

from fine_tuning.data_io.formats.findings import Finding
from fine_tuning.data_io.sources import LONGEST_ROW


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


def _finite(number: str) -> float:
    value = float(number)
    if isinf(value):  # such as 1e999
        raise _NotFiniteError(number)
    return value


_STRICT = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_unique)
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def parse(text: bytes | None) -> dict[str, Any] | Finding:
    """The row, or why there is none."""
    if text is None:
        return Finding("too-long-line", "", f"longer than {LONGEST_ROW >> 20} MiB")
    try:
        return _read(text.decode("utf-8"))
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
    except ValueError:  # Python's own limit
        return Finding("not-finite", "", "a number has thousands of digits")


def _read(text: str) -> dict[str, Any] | Finding:
    row = _STRICT.decode(text)
    if not isinstance(row, dict):
        return Finding("not-an-object", "", f"a {type(row).__name__}, not an object")
    if "\\u" in text:  # only an escape can say half a character
        canonical(row)
    return row


def canonical(row: dict[str, Any]) -> bytes:
    """The row's JSON with sorted keys and no spaces, in UTF-8: the same value, the same bytes.

    Raises:
        UnicodeEncodeError: it holds half a character.
    """
    return _CANONICAL.encode(row).encode("utf-8")
