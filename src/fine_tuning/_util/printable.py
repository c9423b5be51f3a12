"""Texts of others on a terminal: what controls it is shown instead of sent.

A question that a client sent, a host's error or a name in a backup may hold codes that clear the screen, change what
was printed before, or write into the clipboard.
"""

from __future__ import annotations

import re

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but the tabulator and the end of a line


def printable(text: str) -> str:
    """A text whose control characters are written as in JSON, which stays JSON."""
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
