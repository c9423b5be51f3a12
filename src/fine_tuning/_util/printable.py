"""Texts of others on a terminal: what controls it is shown instead of sent.

A question that a client sent, a host's error or a name in a backup may hold codes that clear the screen, change what
was printed before, or write into the clipboard.
"""

from __future__ import annotations

import re

MAX_QUOTED = 500  # characters of a stranger's text in a message
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but the tabulator and the end of a line


def printable(text: str) -> str:
    """A text whose control characters are written as in JSON, which stays JSON."""
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def quoted(text: object) -> str:
    """What a host or a file says, as a message has it: one line, and no more of it than somebody reads."""
    line = " ".join(str(text)[: 10 * MAX_QUOTED].split())
    return line if len(line) <= MAX_QUOTED else f"{line[:MAX_QUOTED]}..."
