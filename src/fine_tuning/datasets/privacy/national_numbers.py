"""Phone numbers as people of a country write them, without its code and without a word such as Tel.

Each form is a pattern with the countries that use it; a number counts if it is valid in one of them and in the groups
of digits that phonenumbers writes it in (`EXACT_GROUPING`), so that dates, prices and numbers of articles do not.
German mobile and Russian numbers are grouped as each likes: how they begin is rare enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

_TRUNK_ZERO = (
    "GB", "DE", "FR", "JP", "KR", "IT", "NL", "BE", "CH", "AT", "SE", "FI", "IE", "TR", "AU", "NZ", "ZA", "IL", "TW",
    "TH", "VN", "ID", "MY", "PH", "IN", "PK", "BD", "LK", "CN", "UA", "RO", "HU", "BG", "RS", "HR", "EG", "SA", "AE",
    "IR", "NG", "KE", "MA", "AR",
)  # fmt: skip
_COUNTRIES = {
    "zero": _TRUNK_ZERO, "eight": ("RU", "KZ"), "bracket": ("BR",), "american": ("US",), "chinese": ("CN",),
    "indian": ("IN",), "italian": ("IT",), "spanish": ("ES",), "german": _TRUNK_ZERO, "turkish": ("TR",),
    "abroad": (),
}  # fmt: skip
_NUMBER = re.compile(
    r"(?<![\w+/:#$€£%.,-])(?<!\d[ )(])(?<!\d [-\u2013(])(?:"
    r"(?P<german>01[567]\d{1,2}[ /-]{1,3}\d{2,4}(?: \d{2,4}){1,3})(?! ?\d)"
    r"|(?P<abroad>00[ .-]?[2-9]\d{0,13}(?:[ ./-]{1,2}\d{1,10}){0,6})"
    r"|(?P<turkish>0 \(?5\d\d\)? \d{3} \d\d \d\d)"
    r"|(?P<zero>(?:\(0[1-9]\d{0,3}\)|0[1-9]\d{0,4})(?:[ ./-]{0,3}\d{2,8}){1,4})"
    r"|(?P<eight>8[ -]?(?:\([3489]\d{2,4}\)|[3489]\d{2})[ -]?\d{2,3}[ -]?\d{2}[ -]?\d{2})"
    r"|(?P<bracket>\([1-9]\d\) ?9?\d{4}[- ]\d{4}|[1-9]\d 9\d{4}-\d{4})"
    r"|(?P<american>(?:1[. -])?[2-9]\d\d(?P<sign>[.-])[2-9]\d\d(?P=sign)\d{4})"
    r"|(?P<chinese>1[3-9]\d(?P<gap>[ -])\d{4}(?P=gap)\d{4})"
    r"|(?P<indian>[6-9]\d{4} \d{5})"
    r"|(?P<italian>3[2-9]\d \d{3} ?\d{4})"
    r"|(?P<spanish>[67]\d\d \d\d \d\d \d\d)"
    r")(?![A-Za-z0-9_%]|[.,:/+-][A-Za-z0-9]|,\d| ?[€$£%°]| \d)"
    r"(?! (?:EUR|USD|GBP|CHF|RUB|kg|km|mm|ms|kB|[MGT]B|bytes?)\b)",
    re.ASCII,
)
_AMERICAN_CODE = re.compile(r"\d{5}-\d{4}|\d{3}-\d\d-\d{4}")  # of a place, or the number of a person's insurance
_FEWEST, _MOST = 9, 12  # digits
# Words whose numbers are no phone's; `No.` and its like stand before all kinds of numbers.
_NUMBERED = re.compile(
    r"(?:\b(?:order|parcel|shipment|tracking|invoice|article|item|part|product|model|serial|sku|ean|gtin|upc|isbn|issn|"
    r"doi|ref(?:erence)?|case|ticket|claim|policy|contract|account|customer|batch|lot|version|bestell\w*|artikel\w*|rechnung\w*|"
    r"kunden\w*|konto\w*|commande|facture|pedido|factura|id|patent|vin|imei|vat|tax|ust-?id\w*|siret|siren|ssn|nin|ico)"
    r"(?:[ _-]?(?:id|no|nr|num|number|code|nummer))?|\b(?:no|nr|num)|№|#|заказ\w*"
    r"|订单号?|订单编号|单号|编号|注文番号|주문번호)"
    r"[.:]?\s{0,2}(?:is|=|:|#)?\s{0,2}[\"'#]?$",
    re.IGNORECASE,
)


def find(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each such number.

    Args:
        text: with ASCII digits.
    """
    for match in _NUMBER.finditer(text):
        form = next(name for name in _COUNTRIES if match[name])
        if _NUMBERED.search(text, max(0, match.start() - 40), match.start()) or _is_other(match[0], form):
            continue
        if _is_from_abroad(match[0]) if form == "abroad" else _is_written_so(match[0], form):
            yield match.span()


def _is_other(value: str, form: str) -> bool:
    """Whether the digits are too few or many, without a space or a sign between, drawn numbers or round amounts."""
    groups = re.findall(r"\d+", value)
    if form == "abroad":
        return False
    if not _FEWEST <= len("".join(groups)) <= _MOST or (len(groups) == 1 and "(" not in value):
        return True
    if ("." in value and " " in value) or _AMERICAN_CODE.fullmatch(value):
        return True  # numbers with decimals; a code
    if form == "indian":
        return all(group.endswith("00") for group in groups)
    is_rising = all(int(a) < int(b) for a, b in pairwise(groups))
    return is_rising and all(len(group) == 2 and int(group) <= 50 for group in groups)


def _is_from_abroad(value: str) -> bool:
    """Whether the digits behind two zeros are a number of another country; codes of goods may begin so, too."""
    from phonenumbers import Leniency, PhoneNumberMatcher
    from stdnum import ean

    number = f"+{value.removeprefix('00').lstrip(' .-')}"
    is_phone = any(found.raw_string == number for found in PhoneNumberMatcher(number, None, Leniency.VALID, 1))
    return is_phone and not (value.isdigit() and ean.is_valid(value))


@lru_cache(maxsize=10_000)
def _is_written_so(value: str, form: str) -> bool:
    from phonenumbers import Leniency, PhoneNumberMatcher

    def is_so(country: str, leniency: int) -> bool:
        return any(found.raw_string == value for found in PhoneNumberMatcher(value, country, leniency, 1))

    lenient = {"german": "DE", "eight": "RU"}.get(form)
    if lenient and is_so(lenient, Leniency.VALID):
        return True
    return any(is_so(country, Leniency.EXACT_GROUPING) for country in _COUNTRIES[form])
