"""How much a text of JSON would build, counted before it is parsed: values take many times the bytes of their text."""

from __future__ import annotations

import re

MAX_CONTAINERS, MAX_KEYS, MAX_VALUES = 20_000, 50_000, 500_000  # objects and arrays; keys; commas between values
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[,:\[{]', re.DOTALL)


def is_bounded(text: bytes | bytearray) -> bool:
    """Whether a text has no more values than anyone needs; it may be no JSON."""
    if len(text) <= MAX_CONTAINERS or _is_within(
        text.count(b"[") + text.count(b"{"), text.count(b":"), text.count(b",")
    ):
        return True
    containers = keys = values = 0
    for token in _TOKEN.finditer(text):  # which leaves out what stands in texts
        sign = token[0]
        values += sign == b","
        keys += sign == b":"
        containers += sign in (b"[", b"{")
        if not _is_within(containers, keys, values):
            return False
    return True


def _is_within(containers: int, keys: int, values: int) -> bool:
    return containers <= MAX_CONTAINERS and keys <= MAX_KEYS and values < MAX_VALUES
