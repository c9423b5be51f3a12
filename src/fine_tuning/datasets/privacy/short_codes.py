"""PINs, codes of cards, of one time and of doors, which are so short that only the name of their field tells them."""

from __future__ import annotations

import re
from functools import lru_cache

from fine_tuning.datasets.privacy.code_words import CODES, DOORS, PINS
from fine_tuning.datasets.privacy.secret_names import PIN

CVV = r"(?:cvv2?|cvc2?|cvn2?)(?:[-_ ]?(?:code|number))?"
"""A pattern of the short names of a card's code of three or four digits, in any case."""
CARD_CODES = (
    r"(?:card[-_ ]?)?(?:security[-_ ]?code|verification[-_ ]?(?:value|code))|card[-_ ]?csc|sicherheitscode"
    r"|kartenprüfnummer|prüfnummer|code de sécurité|cryptogramme(?: visuel)?|c[óo]digo de segur(?:idad|ança)"
    r"|codice di sicurezza|код безопасности"
)
"""A pattern of its other names."""
_DIGITS = (
    (re.compile(PIN, re.IGNORECASE), re.compile(r"\d{4,6}")),
    (re.compile(PINS, re.IGNORECASE), re.compile(r"\d{4,5}")),  # six of a `PIN code` are a postal code of India
    (re.compile("verification code", re.IGNORECASE), re.compile(r"\d{3,8}")),
    (re.compile(rf"(?:.*[^a-z]|card)?(?:{CVV}|{CARD_CODES})", re.IGNORECASE), re.compile(r"\d{3,4}")),
    (re.compile(DOORS, re.IGNORECASE), re.compile(r"[#*]{0,2}(?=[A-F]?\d[A-F]?\d)[A-F\d]{3,8}[#*]{0,2}")),
    (re.compile(CODES, re.IGNORECASE), re.compile(r"\d{4,8}|\d{3}[ -]\d{3}")),
)
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def is_field(name: str) -> bool:
    """Whether a field of this name holds such a code."""
    return _digits_of(name) is not None


def is_code(name: str, value: str) -> bool:
    """Whether the value of a field is such a code."""
    digits = _digits_of(name)
    return digits is not None and digits.fullmatch(value) is not None


@lru_cache(maxsize=10_000)
def _digits_of(name: str) -> re.Pattern[str] | None:
    words = _CAPITAL.sub(" ", name).replace("_", " ")
    return next((digits for named, digits in _DIGITS if named.fullmatch(words)), None)
