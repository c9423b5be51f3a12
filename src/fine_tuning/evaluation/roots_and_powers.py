r"""Roots, powers and multiples of pi, as people and LaTeX write them, as decimal numbers: 2\sqrt{2} is 2.828...

Powers of ten, and exponents as in 1e5, are read where numbers are; see `numeric_match`.
"""

from __future__ import annotations

from math import isfinite, pi

import regex

_NUMBER = r"\d+(?:\.\d+)?"
_TIMES = rf"(?:(?<![\d.,/])(?P<times>{_NUMBER})(?:/(?P<over>{_NUMBER}))?\s?\*?\s?)?"
_ROOT = regex.compile(
    rf"{_TIMES}(?:\\sqrt\s*(?:\[(?P<degree>[1-9]\d?)\])?\s*|√\s?)"
    rf"(?:[{{(]\s*(?P<inner>{_NUMBER})(?:/(?P<below>{_NUMBER}))?\s*[)}}]|(?P<bare>{_NUMBER}))"
)
_PI = regex.compile(rf"{_TIMES}(?:(?P<latex>\\pi)(?![a-zA-Z])|(?<!\p{{L}})π(?!\p{{L}})(?=(?P<part>/\d)?))")
_RAISED = r"(?:\s?\^\s?|\s\*\*\s|\*\*(?=[\d({+-]))"  # "**72** 5" is 72 in bold
_POWER = regex.compile(
    rf"(?<![\d.,^]|\*\*)(?P<base>{_NUMBER}){_RAISED}(?:\{{|\()?(?P<power>[-+]?\d{{1,3}})(?:\}}|\))?(?!\d)"
)
_POWER_OF_WORD = regex.compile(r"(?<=\p{L})\^(?:\{[-+]?\d+\}|[-+]?\d+)")
_MARKS = regex.compile(r"[√π^]|\\(?:sqrt|pi)|\*\*")


def in_decimals(text: str) -> str:
    """The text with what roots, powers and multiples of pi of plain numbers are; powers of units and names left out."""
    if not _MARKS.search(text):
        return text
    for pattern, found in ((_POWER_OF_WORD, ""), (_POWER, _power), (_ROOT, _root), (_PI, _multiple_of_pi)):
        text = pattern.sub(found, text)
    return text


def _root(match: regex.Match[str]) -> str:
    written: str = match[0]
    inner = float(match["inner"] or match["bare"]) / float(match["below"] or 1)
    root = inner ** (1 / int(match["degree"] or 2))
    nearest = float(round(root)) if isfinite(root) else root  # 8 ** (1 / 3) is a little less than 2
    is_exact = nearest ** int(match["degree"] or 2) == inner
    return _written(_times(match) * (nearest if is_exact else root), written)


def _multiple_of_pi(match: regex.Match[str]) -> str:
    written: str = match[0]
    return _written(_times(match) * pi, written) if match["times"] or match["latex"] or match["part"] else written


def _power(match: regex.Match[str]) -> str:
    written: str = match[0]
    base, power = match["base"], int(match["power"])
    if float(base) == 10:
        return written
    if power >= 0 and base.isdigit():
        return str(int(base) ** power) if len(base) * power < 4000 else written
    try:
        return _written(float(base) ** power, written)
    except (OverflowError, ZeroDivisionError):
        return written


def _times(match: regex.Match[str]) -> float:
    over = float(match["over"] or 1)
    return float(match["times"] or 1) / over if over else float("nan")


def _written(value: float, before: str) -> str:
    """The number without an exponent; as it was where it has no value."""
    return f"{value:.17f}".rstrip("0").rstrip(".") if isfinite(value) else before
