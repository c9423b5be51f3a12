"""The security codes of cards beside their number, where a short name or the place tells them.

`csc`, `cid` and three digits behind a date mean something else elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Place = tuple[int, int, str]
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.+-])(?:\d{4}([ -]?)\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|3\d{3}([ -]?)\d{6}\2\d{4,5})(?!\d)"
)
_DIGITS = re.compile(r"\d\d{3}[ -]?\d{4}")  # a quick check
_DATE = r"(?:0[1-9]|1[0-2])[ ]?[/|.-][ ]?(?:20)?[2-4]\d"
_CODE = r"(?P<value>\d{3,4})(?![\w-]|[.,:/]\d)"
_NAMED = re.compile(
    rf"(?<![A-Za-z0-9])(?:csc|cid|cvd|cav|code|sec(?:urity)?|cvv|cvc|prüf(?:ziffer|nummer)|(?:three|four|3|4"
    rf"|security|last three) digits|cryptogramme|код)(?: (?:are|is|ist|est"
    rf"|es))?[ \t\"']{{0,3}}[:=#]?[ \t\"']{{0,3}}{_CODE}",
    re.IGNORECASE,
)
_BEHIND_DATE = re.compile(
    rf"[ \t]*[,;|/]?[ \t]*(?:exp(?:\.|ires|iry|ires on)?|valid(?: thru)?)?[ \t]*:?[ \t]*{_DATE}[ \t]*[,;"
    rf"|/]?[ \t]*{_CODE}",
    re.IGNORECASE,
)
_NEAR = 70  # characters


def suspects(text: str) -> bool:
    """Whether a number in the text has the form of a card's."""
    return _DIGITS.search(text) is not None and _NUMBER.search(text) is not None


def find(text: str) -> Iterator[Place]:
    """Start, end and kind of each code."""
    from stdnum import luhn

    for card in _NUMBER.finditer(text):
        if not luhn.is_valid(re.sub("[ -]", "", card[0])):
            continue
        if behind := _BEHIND_DATE.match(text, card.end()):
            yield *behind.span("value"), "password"
        line = text[: card.end() + _NEAR].find("\n", card.end())
        for named in _NAMED.finditer(text, card.end(), line if line > 0 else min(len(text), card.end() + _NEAR)):
            yield *named.span("value"), "password"
