"""Text that many questions have in common, such as a prompt's template: it tells no question from another.

A run of words is boilerplate if it is long and each of its word 3-grams stands in a good share of the questions. Where
a question says next to nothing else, it is compared whole: variants of one question are near-duplicates, no template.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

Shingle = tuple[str, str, str]
SAMPLE = 5000  # texts that are looked at
SHARE, LEAST_TEXTS = 0.05, 10  # of the texts
LEAST_WORDS = 8  # a shorter run is what people say, such as "how do I get a"
LEAST_OWN = 3  # words


def shared(texts: Sequence[str]) -> frozenset[Shingle]:
    """The word 3-grams of the boilerplate in normalised texts (a sample is enough); empty where there is none."""
    counts = Counter(shingle for text in texts for shingle in set(_shingles(text.split())))
    least = max(LEAST_TEXTS, SHARE * len(texts))
    often = frozenset(shingle for shingle, count in counts.items() if count >= least)
    if not often:
        return often
    found: set[Shingle] = set()
    for text in texts:
        words = text.split()
        for start, end in _runs(words, often):
            found.update(_shingles(words[start:end]))
    return frozenset(found)


def own(text: str, boilerplate: frozenset[Shingle]) -> str:
    """What a normalised text says beside boilerplate; a text that says next to nothing else stays as it is."""
    words, kept, at = text.split(), list[str](), 0
    for start, end in _runs(words, boilerplate):
        kept += words[at:start]
        at = end
    kept += words[at:]
    return " ".join(kept) if len(kept) >= LEAST_OWN else text


def _runs(words: Sequence[str], often: frozenset[Shingle]) -> Iterator[tuple[int, int]]:
    """Where runs of at least `LEAST_WORDS` words begin and end whose 3-grams are all among these."""
    start = None
    for place, shingle in enumerate([*_shingles(words), None]):
        if shingle in often:
            start = place if start is None else start
        elif start is not None:
            end = place + 2
            if end - start >= LEAST_WORDS:
                yield start, end
            start = None


def _shingles(words: Sequence[str]) -> list[Shingle]:
    return list(zip(words, words[1:], words[2:], strict=False))
