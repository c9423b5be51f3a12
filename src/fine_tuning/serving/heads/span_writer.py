"""How a span of a text is written in the answer: as it is, or word by word in the answer's own form and order.

`14th of aug` becomes `14 August` where the answers that were learnt from write dates so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from fine_tuning.serving.heads.text_tokens import Token, tokens_of

MAX_WORDS = 4  # of a value that is written word by word
_FILLERS = 3  # words of a span that the value has not
_ALIKE = 0.8  # of misspelled words, by difflib's ratio
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class SpanWriter:
    """Writes spans.

    Attributes:
        words: the word of the value for a word of a span, in lower case; empty for one that the value leaves out.
        pattern: the kinds of the value's words ("0" a number, "a" a word) in their order; empty where spans are
            written as they are.
        joiner: what stands between words.
    """

    words: Mapping[str, str]
    pattern: tuple[str, ...] = ()
    joiner: str = " "

    @classmethod
    def learnt(cls, values: Sequence[str], spans: Sequence[str]) -> SpanWriter:
        """The writer of values whose spans are known (see `aligned`)."""
        counts: dict[str, Counter[str]] = {}
        for value, span in zip(values, spans, strict=True):
            words = [token.text for token in tokens_of(value)]
            for token in tokens_of(span):
                meant = next((each for each in words if _is_related(token.text, each)), "")
                counts.setdefault(token.text.lower(), Counter())[meant] += 1
        pattern = Counter(tuple(map(_kind, tokens_of(value))) for value in values).most_common(1)[0][0]
        return cls({word: each.most_common(1)[0][0] for word, each in counts.items()}, pattern, _joiner(values))

    def text(self, span: str) -> str:
        """The value that a span stands for."""
        if not self.pattern:
            return span
        written = [word for token in tokens_of(span) if (word := self._word(token.text))]
        places = {kind: at for at, kind in reversed([*enumerate(self.pattern)])}
        return self.joiner.join(sorted(written, key=lambda word: places.get(_kind_of(word), len(places))))

    def _word(self, word: str) -> str:
        known = self.words.get(word.lower())
        if known is not None:
            return known
        if digits := _DIGITS.match(word):
            return _number(digits.group())
        near = [each for each in dict.fromkeys(self.words.values()) if each and _is_related(word, each)]
        return near[0] if near else word if len(word) > _FILLERS else ""


def aligned(value: str, tokens: Sequence[Token], text: str) -> str | None:
    """The shortest part of a text that has a related word for each of the value's words; None where there is none."""
    words = [token.text for token in tokens_of(value)]
    if not words or len(words) > MAX_WORDS:
        return None
    related = [[_is_related(token.text, word) for word in words] for token in tokens]
    places = [at for at, each in enumerate(related) if any(each)]
    for length in range(len(words), len(words) + _FILLERS + 1):
        for first in places:
            window = related[first : first + length]
            last = tokens[first : first + length]
            if len(window) == length and any(window[-1]) and all(map(any, zip(*window, strict=True))):
                return text[last[0].start : last[-1].end]
    return None


def is_rewritten(values: Sequence[str]) -> bool:
    """Whether the values are alike enough to be written word by word: nearly all have the same kinds of words."""
    patterns = Counter(tuple(map(_kind, tokens_of(value))) for value in values)
    return bool(values) and patterns.most_common(1)[0][1] >= 0.9 * len(values)


def _is_related(word: str, meant: str) -> bool:
    one, other = word.lower(), meant.lower()
    if one == other:
        return True
    if other.isdecimal():
        digits = _DIGITS.match(one)
        is_short = digits is not None and len(digits.group()) <= len(other) + 1
        return digits is not None and is_short and _number(digits.group()) == _number(other)
    if not other.isalpha() or len(one) < 3:
        return False
    can_be_alike = 2 * min(len(one), len(other)) >= _ALIKE * (len(one) + len(other))
    return other.startswith(one) or (can_be_alike and SequenceMatcher(None, one, other).ratio() >= _ALIKE)


def _number(digits: str) -> str:
    """A whole number of any length, whose digits may be of any script."""
    return "".join(str(int(each)) for each in digits).lstrip("0") or "0"


def _kind(token: Token) -> str:
    return _kind_of(token.text)


def _kind_of(word: str) -> str:
    return "0" if word.isdigit() else "a"


def _joiner(values: Iterable[str]) -> str:
    between = Counter(value[one.end : two.start] for value in values for one, two in pairwise(tokens_of(value)))
    return between.most_common(1)[0][0] if between else " "
