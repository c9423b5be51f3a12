"""Text in the form that patterns expect: ASCII digits and signs, with every character in its place."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache

_FOLDED = re.compile(r"(?![0-9])\d|[\uff01-\uff5e\u3000]")


def folded(text: str) -> str:
    """The text with full-width characters and the digits of all scripts as ASCII; no longer and no shorter."""
    return text if text.isascii() or not _FOLDED.search(text) else text.translate(_table())


@cache
def _table() -> dict[int, str]:
    digits = {at: str(unicodedata.digit(chr(at))) for at in range(128, sys.maxunicode + 1) if chr(at).isdecimal()}
    return digits | {at: chr(at - 0xFEE0) for at in range(0xFF01, 0xFF5F)} | {0x3000: " "}
