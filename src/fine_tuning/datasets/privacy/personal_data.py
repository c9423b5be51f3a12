"""Personal data: candidates by a pattern, confirmed by phonenumbers (Google's tables), stdnum and ipaddress.

Patterns end where ASCII letters and digits end, not at `\\b`: in Chinese, Japanese and Thai no space comes between.
Names of people and streets match no pattern and are not found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

from fine_tuning.datasets.privacy import bank_accounts, machine_addresses, mail_addresses, national_ids, phone_numbers
from fine_tuning.datasets.privacy.found import Detector, Found, found_at
from fine_tuning.datasets.privacy.plain_text import folded_numbers
from fine_tuning.errors import MissingDependencyError

_CARD = re.compile(
    r"(?<![A-Za-z0-9_.+])(?<!\d-)(?:\d{4}([ .·-]?)\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|3\d{3}([ .·-]?)\d{6}\2\d{4,5})"
    r"(?![A-Za-z0-9_]|[.·-]\d)"
)
# Numbers of a shop's own, one in ten of which has a card's check digit; a card is rarely written like that behind them.
_OF_A_SHOP = re.compile(
    r"\b(?:order|parcel|shipment|tracking|invoice)s?[ _-]?(?:id|no|number|code)?\.?\s?[\"']?\s?[:=#]?\s?[\"'#]?$",
    re.IGNORECASE,
)
# A number that is reckoned with; behind `/`, `|` and `-`, cards have their date and code.
_RECKONED = re.compile(r"[ \t]*(?:%|\*\*?|//|<<|>>)[ \t]*[\w(]|[ \t]+[+-][ \t]+\d(?![\d.]|[ \t]\d)")
_RECKONING = re.compile(r"[\w)\]][ \t]+(?:%|\*\*?|//|<<|>>|\+)[ \t]+$")
# Prefixes and lengths of the networks, from ISO/IEC 7812 and the networks' own lists.
_NETWORK = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|(?:30[0-5]|36\d|3[89]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|(?:6011|65\d\d|64[4-9]\d)\d{12}|62\d{14,17}"
    r"|(?:50|5[6-9])\d{14}"
)
_ACCOUNT = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ .·-]?[A-Za-z0-9]){11,34}")
_MANY_DIGITS = re.compile(r"(?:\d[ ()./·-]{0,3}){6}|\d\.\d{1,3}\.\d|[A-Za-z]{2}\d\d[ .·-]?[A-Za-z0-9]")
_HEXTETS = re.compile(r"[23][0-9A-Fa-f]{3}:")
_SHORTEST_ACCOUNT = 15


@cache
def personal_data() -> Detector:
    """A detector of e-mail and IP addresses, phone and card numbers, bank accounts and national IDs.

    Raises:
        MissingDependencyError: the `privacy` extra is not installed.
    """
    return _PersonalData()


class _PersonalData:
    def __init__(self) -> None:
        try:
            import phonenumbers  # noqa: F401
            from stdnum import iban, luhn
        except ImportError as error:
            raise MissingDependencyError(error.name or "phonenumbers", "privacy", "finding personal data") from error
        self._is_account: Callable[[str], bool] = iban.is_valid
        self._has_check_digit: Callable[[str], bool] = luhn.is_valid

    def suspects(self, text: str, name: str = "") -> bool:  # noqa: ARG002 - of the protocol
        text = folded_numbers(text)
        return (
            "@" in text
            or "%40" in text
            or bool(_MANY_DIGITS.search(text) or _HEXTETS.search(text) or national_ids.LETTERS.search(text))
        )

    def find(self, text: str, name: str = "") -> list[Found]:
        plain = folded_numbers(text)
        kinds = (
            ("e-mail address", mail_addresses.find(plain)),
            ("card number", self._cards(plain)),
            ("bank account", self._accounts(plain)),
            ("bank account", bank_accounts.find(plain, name)),
            ("IP address", machine_addresses.find(plain, name)),
        )
        found = [found_at(text, start, end, kind) for kind, places in kinds for start, end in places]
        found += [found_at(text, *place) for place in national_ids.find(plain, name)]
        taken = {place for each in found for place in range(each.start, each.end)}
        # The digits of a card or an account can also be a phone number of some country.
        phones = [each for each in dict.fromkeys(phone_numbers.find(plain, name)) if taken.isdisjoint(range(*each))]
        return found + [found_at(text, start, end, "phone number") for start, end in phones]

    def _cards(self, text: str) -> Iterator[tuple[int, int]]:
        for match in _CARD.finditer(text):
            digits = re.sub(r"[ .·-]", "", match[0])
            if digits == match[0] and _is_other_number(text, *match.span()):
                continue
            if _NETWORK.fullmatch(digits) and len(set(digits)) > 1 and self._has_check_digit(digits):
                yield match.span()

    def _accounts(self, text: str) -> Iterator[tuple[int, int]]:
        """The longest valid account that begins at each candidate: words may follow it."""
        for match in _ACCOUNT.finditer(text):
            for end in range(match.end(), match.start() + _SHORTEST_ACCOUNT - 1, -1):
                is_cut = text[end : end + 1].isascii() and text[end : end + 1].isalnum()
                if not is_cut and self._is_account(text[match.start() : end].replace("·", " ")):
                    yield match.start(), end
                    break


def _is_other_number(text: str, start: int, end: int) -> bool:
    """Whether digits without a space are a number of a shop, or one that code reckons with."""
    before = text[max(0, start - 30) : start]
    return bool(_OF_A_SHOP.search(before) or _RECKONING.search(before) or _RECKONED.match(text, end))
