"""How code, settings and scripts give a value to a name: `=`, `:=`, `?=`, `<-`, a type before them, or a command."""

from __future__ import annotations

import re

OPERATOR = r"(?:={1,3}|!==?|:{1,3}=|(?:[?+.]|\|\||\?\?|//)=|=>|<{1,2}-|->|:)"
"""A pattern of the signs between a name and its value."""
TYPE = r"(?:\[\w{0,10}\])?(?:(?:\s*\??:\s*|[ \t]+(?=[\w.&*<>?']+[ \t]*=))[A-Za-z&*?][\w.\[\]<>&*?' |]{0,30}?)?"
"""A pattern of the type that a name has in code: `password: str = ...`, `password string = ...`, `password[] = ...`."""
OF_SETTINGS = frozenset({"=", "?=", "::=", ":::="})
"""The operators that settings and makefiles have: what follows is text, never a name of code."""
_COMMAND = re.compile(
    r"(?:^|[\s;&|])(?:ENV|setx|setenv|set -\w+|(?:config|configure)(?:[ :]set| --\w+)?(?: --\w+)*(?: set)?)\s+$",
    re.MULTILINE,
)


def is_behind_command(text: str, start: int) -> bool:
    """Whether a name stands behind a command that sets it to the next word, such as `setx`.

    Args:
        start: of the name.
    """
    return _COMMAND.search(text, max(0, start - 40), start) is not None
