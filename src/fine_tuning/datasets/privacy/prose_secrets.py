"""Passwords behind their name in prose of any language: in typeset quotes, behind a dash, behind a particle."""

# ruff: noqa: RUF001 - signs of many scripts

from __future__ import annotations

import re

from fine_tuning.datasets.privacy.copulas import IS
from fine_tuning.datasets.privacy.secret_values import is_secret_word
from fine_tuning.datasets.privacy.secret_words import LABELS

_PARTICLE = rf"(?:{IS}|[をとも를을]|(?:修改|更改|设置|設定|重置|改|设|設|换|换)(?:成|为|為)|[:：=]|[-\u2013\u2014])"
_QUOTES = (
    r"[「『【《«»‹›❝“„”\u2018\u201a][ \t]?(?P<typeset>[^\s「」『』«»‹›“„”\u2018\u2019\u201a\"]{4,60})"
    r"[ \t]?[」』】》»«›‹❞“”\u2018\u2019«]"
    r"|(?P<quote>[\"'])(?P<plain>(?:(?!(?P=quote))\S){4,60})(?P=quote)"
)
_IN_QUOTES = re.compile(rf"[ \t]*(?:{_PARTICLE}[ \t]*)?(?:{_QUOTES})", re.IGNORECASE)
_BEHIND_PARTICLE = re.compile(
    r"(?:[をが를을]|(?:修改|更改|设置|設定|重置|改|设|設|换|換)(?:成|为|為))[ \t]*(?P<value>[!-&*-~]{6,60}?)"
    r"(?=[.,;:?!]?(?:\s|$)|[\u0080-\U0010ffff])"
)
_SIGN = re.compile(r"[\d!@#$%^&*+?~]")
_RULE = re.compile(
    rf"{LABELS}|至少|最少|最多|\d(?:文字|[位个桁字자年月日]|символ|\u0e15\u0e31\u0e27|chars?$)", re.IGNORECASE
)


def span_after(text: str, end: int) -> tuple[int, int] | None:
    """Start and end of the password behind a name of one.

    Args:
        end: of the name.
    """
    if (match := _IN_QUOTES.match(text, end)) and _is_mixed(match["typeset"] or match["plain"]):
        return match.span("typeset" if match["typeset"] else "plain")
    match = _BEHIND_PARTICLE.match(text, end)
    if match and len(_SIGN.findall(match["value"])) > 1 and is_secret_word(match["value"], "password"):
        return match.span("value")
    return None


def _is_mixed(value: str) -> bool:
    """Whether a word in quotes has letters of any script and digits, and is no rule for passwords."""
    if _RULE.search(value) or not (re.search(r"[^\W\d_]", value) and re.search(r"\d", value)):
        return False
    return not value.isascii() or is_secret_word(value, "password")
