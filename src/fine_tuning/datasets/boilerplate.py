"""Boilerplate: text that many prompts share, such as a template, and that does not distinguish them.

A run of words is boilerplate if it is long and each of its word 3-grams stands in a good share of the prompts. A prompt
with little other text is compared with its boilerplate: variants of one prompt are near-duplicates, no template.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from fine_tuning.datasets.words import size

Shingle = tuple[str, str, str]
SAMPLE = 5000  # texts to find boilerplate in
MIN_SHARE, MIN_TEXTS = 0.05, 10  # of the texts that share a 3-gram
MIN_RUN_WORDS = 8  # shorter runs are common phrases, such as "how do I get a"
MIN_OWN_WORDS = 3


def shared(texts: Sequence[str]) -> frozenset[Shingle]:
    """The word 3-grams of the boilerplate in normalised texts (a sample is enough); empty where there is none."""
    counts = Counter(shingle for text in texts for shingle in set(_shingles(text.split())))
    minimum = max(MIN_TEXTS, MIN_SHARE * len(texts))
    often = frozenset(shingle for shingle, count in counts.items() if count >= minimum)
    if not often:
        return often
    found: set[Shingle] = set()
    for text in texts:
        words = text.split()
        for start, end in _runs(words, often):
            found.update(_shingles(words[start:end]))
    return frozenset(found)


def own(text: str, boilerplate: frozenset[Shingle], last: int = 0) -> str:
    """A normalised text without its boilerplate; of a text with little else, its last turn.

    Args:
        last: the number of words of the last turn; 0 where that is the whole text.
    """
    words, kept, at = text.split(), list[str](), 0
    for start, end in _runs(words, boilerplate):
        kept += words[at:start]
        at = end
    kept += words[at:]
    if len(kept) >= MIN_OWN_WORDS and size(kept) >= MIN_OWN_WORDS:
        return " ".join(kept)
    return " ".join(words[-last:]) if last else text


def _runs(words: Sequence[str], often: frozenset[Shingle]) -> Iterator[tuple[int, int]]:
    """Start and end of runs of at least `MIN_RUN_WORDS` words whose 3-grams are all frequent."""
    start = None
    for place, shingle in enumerate([*_shingles(words), None]):
        if shingle in often:
            start = place if start is None else start
        elif start is not None:
            end = place + 2
            if end - start >= MIN_RUN_WORDS and size(words[start:end]) >= MIN_RUN_WORDS:
                yield start, end
            start = None


def _shingles(words: Sequence[str]) -> list[Shingle]:
    return list(zip(words, words[1:], words[2:], strict=False))
