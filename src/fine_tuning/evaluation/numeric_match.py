"""Numeric match: the last numbers of prediction and reference are equal within a tolerance.

Digits of every script, signs, separators, fractions, powers of ten, percent and LaTeX are read.
A notation with two readings has the English one: 1,234 is more than a thousand, 1.234 is not.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation, localcontext
from math import isclose, isfinite
from typing import NamedTuple

import regex

from fine_tuning.datasets.words import UNSPACED_SCRIPT
from fine_tuning.evaluation.number_notation import plain

_COMMA_GROUPED = regex.compile(r"[1-9]\d{0,2},\d{3}")
_GROUPED = (
    r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?"  # 1,234,567.8
    r"|[1-9]\d?(?:,\d{2})+,\d{3}(?:\.\d+)?"  # 12,34,567.8 in India
    r"|[1-9]\d{0,2}(?:\.\d{3})+,\d+|[1-9]\d{0,2}(?:\.\d{3}){2,}"  # 1.234,5 and 1.234.567
    r"|[1-9]\d{0,2}(?:['_]\d{3})+(?:[.,]\d+)?"  # 1'234.5 and 1_234
    r"|(?<!\d )[1-9]\d{0,2}(?: \d{3})+(?:[.,]\d+)?(?! \d)"  # 1 234,5
)
_SINGLE = rf"(?<!\d)(?<!\d[.,'_])(?:{_GROUPED}|\d+[.,]\d+|\d+)(?![.,'_]?\d)|(?<![\d.,])\.\d+(?![.,]?\d)"
_POWER = r"(?:\^|\*\*)\s?[{(]?(?P<power>[-+]?\d+)[)}]?"
_EXPONENT = rf"[eE](?P<e>[-+]?\d+)|\s?[*xX]\s?10\s?{_POWER}"
# A dash after a word, number or bracket joins or subtracts; in a script without spaces a word stands before a sign.
_SIGN = rf"(?<![[\p{{L}}\p{{M}}\p{{N}}]--{UNSPACED_SCRIPT}])(?<![)\]}}%‰-])(?<!\d\s?\p{{Sc}})(?P<sign>[-+])"
_NUMBER = regex.compile(
    rf"(?:{_SIGN}(?:[A-Z]{{0,3}}\p{{Sc}}\s?)?)?"
    r"(?P<before>(?<![\p{L}\p{M}\p{N}%_/])(?<!\p{N}\s)%)?"  # as in Turkish and Persian
    r"(?:"
    rf"(?<!/)(?:(?<!\d )(?<![\d.,])(?P<whole>\d{{1,3}}) )?(?P<above>{_SINGLE})/(?P<under>[-+])?(?P<below>{_SINGLE})"
    r"(?!/)"
    rf"|(?<!\d)(?<!\d[.,])(?P<ten>10){_POWER}"
    rf"|(?P<digits>{_SINGLE}|\d+)(?:{_EXPONENT})?"  # of what is no number, such as 1.2.3, each part is one
    r")(?:\s?(?P<part>%|‰|‱|per ?cent\b|pct\b))?",
    regex.V1,
)
DEFAULT_TOLERANCE = 1e-6
_ONE, _PERCENT = Decimal(1), Decimal("0.01")
_SMALLER_PARTS = {"‰": Decimal("0.001"), "‱": Decimal("0.0001")}


class _Number(NamedTuple):
    """A number as written; the part of one that it counts: 0.01 for percent, else 1; whether it is a whole one."""

    value: Decimal
    part: Decimal
    is_whole: bool


def matches(prediction: str, reference: str, tolerance: float | None = None) -> bool:
    """Compare the last numbers of both texts.

    `tolerance` is relative, and absolute around 0; without one, whole numbers must be equal, and others to 1e-6.
    50 % equals 50, since references often leave the sign out, and 0.5; but 50 % and 0.5 % differ.
    """
    predicted, expected = _last_number(prediction), _last_number(reference)
    if predicted is None or expected is None:
        return False
    if tolerance is None:
        tolerance = 0.0 if predicted.is_whole and expected.is_whole else DEFAULT_TOLERANCE
    if predicted.part == expected.part:
        return _is_close(predicted.value, expected.value, tolerance)
    if _ONE in {predicted.part, expected.part} and _is_close(predicted.value, expected.value, tolerance):
        return True
    return _is_close(predicted.value * predicted.part, expected.value * expected.part, tolerance)


def _is_close(one: Decimal, other: Decimal, tolerance: float) -> bool:
    floats = float(one), float(other)
    if not tolerance or not all(map(isfinite, floats)):
        return one == other
    return isclose(*floats, rel_tol=tolerance, abs_tol=tolerance)


def _last_number(text: str) -> _Number | None:
    found = list(_NUMBER.finditer(plain(text)))
    if not found:
        return None
    try:
        with localcontext(Emax=10**9, Emin=-(10**9)):
            value = _value(found[-1])
    except InvalidOperation:  # an exponent beyond all bounds
        return None
    sign, part, *rounded = found[-1].group("sign", "part", "above", "e", "power")
    is_whole = not any(rounded) and value == value.to_integral_value()
    part = part or found[-1]["before"]
    return _Number(-value if sign == "-" else value, _SMALLER_PARTS.get(part, _PERCENT) if part else _ONE, is_whole)


def _value(match: regex.Match[str]) -> Decimal:
    if match["above"]:
        above, below = _decimal(match["above"]), _decimal(match["below"])
        if not below:
            return below  # no fraction: the last number is the zero
        if match["under"] == "-":
            return -above / below
        is_mixed = match["whole"] and above < below
        return above / below + (int(match["whole"]) if is_mixed else 0)
    exponent = match["e"] or match["power"] or "0"
    return Decimal(f"{'1' if match['ten'] else _decimal(match['digits'])}e{exponent}")


def _decimal(written: str) -> Decimal:
    """A number without sign and exponent; see `_GROUPED`."""
    plain_written = written.translate(dict.fromkeys(map(ord, " '_")))
    commas, dots = plain_written.count(","), plain_written.count(".")
    comma_groups = commas > 1 or (plain_written == written and _COMMA_GROUPED.fullmatch(written))
    if commas and dots:
        comma_groups = plain_written.rindex(".") > plain_written.rindex(",")
    if comma_groups:
        return Decimal(plain_written.replace(",", ""))
    if commas or dots > 1:
        plain_written = plain_written.replace(".", "")
    return Decimal(plain_written.replace(",", "."))
