"""Secrets in code behind a name that is read first: the value that is used where a setting is missing."""

from __future__ import annotations

import re

_FALLBACK = re.compile(
    # process.env.DB_PASS || "..."; getenv("DB_PASS") ?: "..."; {{ db_password | default('...') }}
    r"[\"'\]) ]{0,3}[ \t]*(?:\|\||\?\?|\?:|\bor\b|\|[ \t]*default[ \t]*\()[ \t]*"
    r"(?P<quote>[\"'])(?P<value>(?:(?!(?P=quote))[^\\\n]|\\.){4,500})(?P=quote)"
)
_BLOCK = re.compile(  # of Terraform: variable "db_password" { default = "..." }
    r"\"[ \t]*\{[^{}]{0,500}?\bdefault[ \t]*=[ \t]*\"(?P<value>(?:[^\"\\\n]|\\.){4,500})\""
)
_VARIABLE = re.compile(r"\bvariable[ \t]+\"$")


def match_after(text: str, start: int, end: int) -> re.Match[str] | None:
    """The fallback of a setting, as a match with the group `value`.

    Args:
        start, end: of the name of the setting.
    """
    is_variable = _VARIABLE.search(text, max(0, start - 20), start)
    return _BLOCK.match(text, end) if is_variable else _FALLBACK.match(text, end)
