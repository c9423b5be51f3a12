"""Numbers of bank accounts without check digits of their own: beside the code of the bank, as their country has it."""

from __future__ import annotations

import re
from collections.abc import Iterator

FIELD = "bank_account_number"
"""A field whose value is such a number."""
_BANK = (
    r"(?:sort[ _-]?code|bsb(?:[ _-]?(?:no|number|code))?|blz|bankleitzahl|routing(?:[ _-]?(?:no|number|code))?|aba"
    r"|ifsc(?:[ _-]?code)?|transit(?:[ _-]?(?:no|number))?)"
)
_CODE = r"(?:\d\d[- ]?\d\d[- ]?\d\d|\d{3}[- ]?\d{3}|\d{8,9}|\d{3} ?\d{3} ?\d\d|[A-Za-z]{4}0[A-Za-z0-9]{6})"
_ACCOUNT = r"(?:account|acc(?:t|nt)?|a/c|konto)(?:[ _-]?(?:no|nr|num|number|nummer))?(?![a-z])"
_BETWEEN = r"[\s:#=.\"'*]{0,6}(?:is |ist )?"
_NUMBER = r"(?P<{}>\d[\d -]{{4,18}}\d)(?![\w-])"
_BEHIND_BANK = re.compile(
    rf"(?<![a-z]){_BANK}{_BETWEEN}{_CODE}[^\d\n]{{0,20}}?(?<![a-z]){_ACCOUNT}{_BETWEEN}{_NUMBER.format('number')}"
    rf"|(?<![a-z]){_ACCOUNT}{_BETWEEN}{_NUMBER.format('first')}[^\d\n]{{0,20}}?(?<![a-z]){_BANK}{_BETWEEN}{_CODE}(?!\d)",
    re.IGNORECASE,
)
_MARKS = re.compile(r"sort.?code|bsb|blz|bankleit|routing|aba|ifsc|transit", re.IGNORECASE)
_DIGITS = re.compile(r"\d{6,17}")


def find(text: str, name: str) -> Iterator[tuple[int, int]]:
    """Start and end of each number.

    Args:
        text: with ASCII digits.
        name: the field whose value the text is.
    """
    if name == FIELD and _DIGITS.fullmatch(text):
        yield 0, len(text)
    elif _MARKS.search(text):
        for match in _BEHIND_BANK.finditer(text):
            yield match.span(match.lastgroup or 0)
