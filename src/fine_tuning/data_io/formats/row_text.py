"""A row's JSON text: strict parsing without loss, the reason if it is invalid, and the canonical form of a row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pydantic_core

from fine_tuning._util.json_kinds import json_kind
from fine_tuning.data_io import strict_json
from fine_tuning.data_io.formats.findings import Finding
from fine_tuning.data_io.json_values import JsonObject, Row, is_list
from fine_tuning.data_io.sources.raw_row import MAX_ROW_BYTES, REFUSED, WRONG_CELLS
from fine_tuning.data_io.strict_json import DuplicateKeyError, NotFiniteError

_SHOWN_BYTES = 16  # before one that is not UTF-8
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def parse(text: bytes | None) -> JsonObject | Finding:
    """The row, or why it is invalid."""
    if text is None:
        return Finding("too-long-line", "", f"longer than {MAX_ROW_BYTES >> 20} MiB")
    try:
        return _parse_object(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        before = text[max(0, error.start - _SHOWN_BYTES) : error.start].decode("utf-8", "ignore")
        return Finding("not-utf8", "", f"byte {error.start} (0x{text[error.start]:02X}, after `{before}`) is not UTF-8")
    except UnicodeEncodeError:
        return Finding("lone-surrogate", "", "half a character (a lone surrogate)")
    except NotFiniteError as error:
        return Finding("not-finite", "", f"{error} is not a JSON number")
    except DuplicateKeyError as error:
        return Finding("duplicate-key", str(error), "the key occurs more than once")
    except json.JSONDecodeError as error:
        return Finding("not-json", "", f"{error.msg} (column {error.colno})")
    except RecursionError:
        return Finding("too-deep", "", "nested too deeply")
    except ValueError:  # Python's limit on the digits of an integer
        return Finding("not-finite", "", "a number has thousands of digits")


def _parse_object(text: str) -> JsonObject | Finding:
    row = strict_json.decode(text)
    if not isinstance(row, dict):
        return Finding("not-an-object", "", f"{json_kind(row)}, not an object")
    if WRONG_CELLS in row:
        return Finding("wrong-cells", "", str(row[WRONG_CELLS]))
    if is_list(refused := row.get(REFUSED)):
        code, message = map(str, refused)
        return Finding(code, "", message)
    if "\\u" in text:  # only an escape can stand for a lone surrogate
        canonical(row)
    return row


def canonical(row: Row) -> bytes:
    """The row's JSON with sorted keys and no spaces, in UTF-8: equal rows have equal bytes.

    Raises:
        UnicodeEncodeError: it has a lone surrogate.
    """
    if len(row) == 1 and is_list(messages := row.get("messages")) and (plain := of_texts(messages)) is not None:
        return plain
    return _CANONICAL.encode(row).encode("utf-8")


def of_texts(messages: Sequence[object]) -> bytes | None:
    """The canonical JSON of messages that are a role and a text each, as most are, in a quarter of the time.

    None of others, and of texts with half of a character.
    """
    texts = [
        {"content": content, "role": role}
        for each in messages
        if isinstance(each, (dict, Mapping))
        and len(each) == 2
        and isinstance(content := each.get("content"), str)
        and isinstance(role := each.get("role"), str)
    ]
    try:
        return pydantic_core.to_json({"messages": texts}) if len(texts) == len(messages) else None
    except ValueError:
        return None
