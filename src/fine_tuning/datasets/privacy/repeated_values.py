"""Values that were found in a row, wherever the row repeats them without what gave them away.

A repeat is a whole word or number in the same case. Three kinds stay: values of fewer than four characters and words
of fewer than six letters, which are in other sentences too; words that rows, roles and accounts consist of, without
which no row is left; and numbers of JSON in fields that measure something.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from fine_tuning.datasets.privacy.found import Detector, Found, found_at

_SHORTEST, _SHORTEST_WORD = 4, 6  # characters
_PARTS_OF_ROWS = frozenset(
    """messages message role content system developer user assistant tool tools tool_calls function functions arguments
    parameters name names type types text texts input output prompt completion response request chosen rejected label
    labels model metadata usage rating parts index images image audio object string number integer boolean array
    properties description title value values data json result results error status
    admin root guest postgres mysql mariadb mongo redis docker ubuntu debian alpine oracle rabbitmq elastic grafana
    jenkins minio vagrant default localhost python""".split()
)
_MEASURES = re.compile(
    r"(?:tokens?|count|seed|rating|score|cost|size|length|index|latency|duration|created|updated|timestamp|time)$|_(?:ms|at)$",
    re.IGNORECASE,
)
_WITHOUT_SPACES = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_ASCII_EDGE, _SPACED_EDGE = r"A-Za-z0-9\u00c0-\u024f", rf"[^\W_{_WITHOUT_SPACES}]"


class Repeated:
    """A detector that also finds the values of other finds."""

    def __init__(self, detector: Detector, found: Iterable[Found]) -> None:
        self._detector = detector
        self._kinds = {each.value: each.kind for each in found if is_masked_where_repeated(each.value)}
        values = sorted(map(_whole, self._kinds), key=len, reverse=True)
        self._pattern = re.compile("|".join(values) or r"(?!)")

    def suspects(self, text: str, name: str = "") -> bool:
        """Whether a value is in the text, or the detector may find something."""
        return bool(self._pattern.search(text)) or self._detector.suspects(text, name)

    def find(self, text: str, name: str = "") -> list[Found]:
        """The repeated values, and what the detector finds."""
        found = self._detector.find(text, name)
        if text.isdigit() and _MEASURES.search(name):
            return found
        return [found_at(text, *match.span(), self._kinds[match[0]]) for match in self._pattern.finditer(text)] + found


def is_masked_where_repeated(value: str) -> bool:
    """Whether a found value is masked wherever its row repeats it."""
    is_word = value.isalpha() and (value.islower() or value.istitle())
    return len(value) >= (_SHORTEST_WORD if is_word else _SHORTEST) and value.lower() not in _PARTS_OF_ROWS


def _whole(value: str) -> str:
    """A pattern of the value as a whole word or number, next to letters of scripts without spaces, too."""
    before, after = _edge(value[0]), _edge(value[-1])
    if value.isdigit():  # no part of a decimal number
        return rf"(?<!{before})(?<!\d\.){re.escape(value)}(?!{after}|\.\d)"
    return (rf"(?<!{before})" if before else "") + re.escape(value) + (rf"(?!{after})" if after else "")


def _edge(character: str) -> str:
    """What may not stand next to a value that begins or ends so; empty if anything may."""
    if character.isascii():
        return f"[{_ASCII_EDGE}]"
    return "" if re.match(f"[{_WITHOUT_SPACES}]|\\W", character) else _SPACED_EDGE
