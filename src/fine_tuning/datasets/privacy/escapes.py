r"""Finds in escaped text: `\"` and `\u0040` of JSON, `%3D` of addresses, `&quot;` of HTML, `=40` of mail, at any depth.

Characters without a width (a soft hyphen, a zero-width space) are read as escapes of nothing. Each layer of escapes is
decoded and searched again. A find keeps to the borders of the innermost layer's characters, so that no mask cuts an
escape in two, and JSON text stays JSON text.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from html.entities import html5
from typing import NamedTuple

from fine_tuning.datasets.privacy.found import Found

_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[\"'\\/bfnrt])"
)
# Signs of ASCII as addresses have them, in capitals: `%3d` is a number's place in code.
_PERCENT = re.compile(r"%(?:2[0-9A-F]|3[A-F]|40|5[B-F]|60|7[B-E])")
# Names of signs, spaces, dashes and what has no width: letters with accents are no part of what is found.
_SIGNS = "|".join(
    name.rstrip(";")
    for name, sign in html5.items()
    if name.endswith(";")
    and len(sign) == 1
    and (
        (sign.isascii() and not sign.isalnum()) or unicodedata.category(sign) in {"Zs", "Pd", "Cf"} or sign == "\u2212"
    )
)
_HTML = re.compile(rf"&(?:#(?:[0-9]{{1,7}}|[xX][0-9a-fA-F]{{1,6}})|{_SIGNS});")
_INVISIBLE = re.compile(r"[\u00ad\u180e\u200b\u2060-\u2064\ufeff]")  # joiners are letters of Persian and Hindi
# Quoted-printable text: only where an address or a text in quotes follows, since code has `x=40`.
_PRINTABLE = re.compile(r"=(?<=[A-Za-z0-9_+-]=)(?:40(?=[A-Za-z][A-Za-z0-9-]*\.)|3D(?=[\"']))")
_SIMPLE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_MOST_LAYERS = 6


def _of_json(escape: str) -> str:
    if len(escape) == 2:
        return _SIMPLE.get(escape[1], escape[1])
    if len(escape) == 12:
        # One character for the two halves: a lone half cannot be encoded.
        return chr(0x10000 + ((int(escape[2:6], 16) & 0x3FF) << 10) + (int(escape[8:], 16) & 0x3FF))
    code = escape[2:]
    return chr(int(code, 16))


def _in_json(mask: str) -> str:
    return json.dumps(mask, ensure_ascii=False)[1:-1]


class _Notation(NamedTuple):
    """A way to escape characters.

    Attributes:
        sign: how each escape begins: a quick check.
        escape: how it looks.
        decoded: what it says.
        encoded: how a mask is written in such text.
    """

    sign: str
    escape: re.Pattern[str]
    decoded: Callable[[str], str]
    encoded: Callable[[str], str]


_JSON = _Notation("\\", _ESCAPE, _of_json, _in_json)
_NOTATIONS = (
    _JSON,
    _Notation("%", _PERCENT, lambda escape: chr(int(escape[1:], 16)), str),
    _Notation("&", _HTML, html.unescape, lambda mask: mask.replace('"', "&quot;")),
    _Notation("=", _PRINTABLE, lambda escape: chr(int(escape[1:], 16)), str),
    _Notation("", _INVISIBLE, lambda _: "", str),
)


class Layer:
    """A text without one layer of its escapes, and the place of each character in the escaped text.

    Attributes:
        text: the decoded text.
    """

    def __init__(self, escaped: str, notation: _Notation = _JSON) -> None:
        self._notation = notation
        self._starts: list[int] = []  # of each escape, in the escaped text
        self._ends: list[int] = []
        self._after: list[int] = []  # the place after each escape, in the decoded text
        parts, at, length = [], 0, 0
        for match in notation.escape.finditer(escaped):
            parts += [escaped[at : match.start()], notation.decoded(match[0])]
            length += len(parts[-1]) + len(parts[-2])
            at = match.end()
            self._starts.append(match.start())
            self._ends.append(at)
            self._after.append(length)
        self.text = "".join([*parts, escaped[at:]])

    def outward(self, found: Found, *, escape: bool) -> Found:
        """A find in the decoded text as one in the escaped text; its mask is escaped too if `escape`."""
        mask = self._notation.encoded(found.mask) if escape else found.mask
        return found._replace(start=self._outward(found.start), end=self._end_outward(found.end), mask=mask)

    def inward(self, found: Found) -> Found:
        """A find in the escaped text as one in the decoded text, without escapes that it has only a part of."""
        start, end = self._inward(found.start, up=True), self._inward(found.end, up=False)
        return found._replace(start=start, end=max(start, end))

    def _outward(self, place: int) -> int:
        before = bisect_right(self._after, place)
        return place - self._after[before - 1] + self._ends[before - 1] if before else place

    def _end_outward(self, end: int) -> int:
        """The end of the last character before that place; escapes of nothing behind it are not its own."""
        return self._outward(end - 1) + 1 if self._notation.escape is _INVISIBLE and end else self._outward(end)

    def _inward(self, place: int, *, up: bool) -> int:
        begun = bisect_left(self._starts, place)
        if begun and place < self._ends[begun - 1]:
            return self._after[begun - 1] - (0 if up else 1)
        return place - self._ends[begun - 1] + self._after[begun - 1] if begun else place


def _layer_of(text: str) -> Layer | None:
    """The text without its outermost escapes; None where it has none."""
    for notation in _NOTATIONS if not text.isascii() else _NOTATIONS[:-1]:
        if notation.sign in text and notation.escape.search(text):
            return Layer(text, notation)
    return None


def decoded_layers(text: str) -> Iterator[str]:
    """The text without one layer of its escapes, without two, and so on."""
    for _ in range(_MOST_LAYERS):
        if (layer := _layer_of(text)) is None:
            return
        text = layer.text
        yield text


def find_through_escapes(text: str, find: Callable[[str], list[Found]]) -> list[Found]:
    """What is in a text and in each layer of its escapes, as places in the text."""
    layers: list[Layer] = []
    found = [(0, each) for each in find(text)]
    while len(layers) < _MOST_LAYERS and (layer := _layer_of(text)) is not None:
        layers.append(layer)
        text = layer.text
        found = [(depth, layer.inward(each)) for depth, each in found]
        found += [(len(layers), each) for each in find(text)]
    for at in range(len(layers) - 1, -1, -1):
        found = [(depth, layers[at].outward(each, escape=depth > at)) for depth, each in found]
    places = {(each.start, each.end, each.kind): each for _, each in reversed(found)}  # one found in two layers, once
    return [each for each in reversed(places.values()) if each.start < each.end]
