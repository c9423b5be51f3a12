"""Phone numbers, checked by phonenumbers: with a country's code or in its form, or beside a word such as Tel."""

# ruff: noqa: RUF001 - words of many scripts

from __future__ import annotations

import re
from collections.abc import Iterator

from fine_tuning.datasets.privacy import national_numbers

# The largest countries whose people write in the languages of the words below.
_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "PL", "PT", "BR", "MX", "RU", "CN", "TW", "JP", "KR", "TH", "IN",
            "AE", "SA", "EG", "TR", "AU")  # fmt: skip
INTERNATIONAL = re.compile(r"\+[ (]{0,2}\d")
_WORDS = re.compile(
    r"(?:(?<![a-z])(?:(?:telefon|handy|mobil|ruf|mobiltelefon)-?nummer|номер телефона|телефон[а-я]{0,2}|"
    r"(?:call|reach|contact|text) (?:me|us)|t[eé]l(?:[eé]?(?:fon[eo]?|phone))?|phone|mobile|mobil|cell|"
    r"fax|whatsapp|call|text|ring|dial|sms|handy|m[oó]vil|celular|telefone?|telefoon|numer|тел|телефон|позвоните)"
    r"(?:[ _-](?:number|no|nr|num))?(?![a-z])"
    r"|电话|電話|手机|手機|号码|携帯|전화|휴대폰|โทรศัพท์|โทร|เบอร์|फ़ोन|फोन|मोबाइल|नंबर|هاتف|الهاتف|جوال)"
    r"(?:\s*(?:at|on|is|ist|est|es|under|number|号码|番号|号|號|번호|नंबर|[:.#=\"'は是为为\u0e00-\u0e7f])\s*){0,4}\s*",
    re.IGNORECASE,
)
_FACTOR, _OPERAND = re.compile(r"\s?(?:\*|\^|//|%|/ )"), re.compile(r"[\w)\]][ \t]+$")
_NATIONAL = re.compile(
    r"(?!(?:19|20)\d\d-[01]\d-[0-3]\d)(?:\(\d{1,5}\)|\d)(?:[ ./-]{0,2}(?:\(\d{1,5}\)|\d)){5,14}(?![\dA-Za-z])"
)
_AMERICAN = re.compile(r"(?<![\w)])\(\d{3}\) ?\d{3}-\d{4}(?![\w-])", re.ASCII)
_LETTERS = re.compile(r"[^\W\d_\x00-\x7f]")
_NAME = re.compile(r"(?:phone|mobile|tel|fax|cell)(?:[_-]?(?:number|no|nr))?$", re.IGNORECASE)


def find(text: str, name: str) -> Iterator[tuple[int, int]]:
    """Start and end of each phone number.

    Args:
        text: with ASCII digits.
        name: the field whose value the text is.
    """
    from phonenumbers import PhoneNumberMatcher

    if INTERNATIONAL.search(text):
        # The matcher skips what touches a Latin letter, and an accented one is no part of a number.
        for found in PhoneNumberMatcher(_LETTERS.sub(" ", text), None):
            # A bracket before the number belongs to it only if it is closed there.
            opened = found.raw_string[0] in "([" and not {")", "]"} & set(found.raw_string)
            if not _is_term(text, found.start, found.end):
                yield found.start + opened, found.end
    for match in _AMERICAN.finditer(text):
        if _is_valid(match[0], ("US",)):
            yield match.span()
    yield from national_numbers.find(text)
    places = [match.end() for match in _WORDS.finditer(text)]
    if _NAME.search(name):
        places.append(0)
    for place in places:
        national = _NATIONAL.match(text, place)
        if national and _is_valid(national[0], _REGIONS):
            yield national.span()


def _is_term(text: str, start: int, end: int) -> bool:
    """Whether a plus is a sum's, as in `a + 4915123456*b`: a factor follows, or a space and one run of digits."""
    is_sum = text[start] == "+" and _OPERAND.search(text, max(0, start - 10), start) is not None
    return bool(_FACTOR.match(text, end)) or (
        is_sum and text[start + 1 : end].lstrip().isdigit() and text[start + 1] == " "
    )


def _is_valid(value: str, regions: tuple[str, ...]) -> bool:
    import phonenumbers

    for region in regions:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(value, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False
