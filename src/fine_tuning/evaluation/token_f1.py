"""F1 of the words that prediction and reference share.

As SQuAD scores answers: case, punctuation and articles do not count (Rajpurkar, Zhang, Lopyrev, Liang, "SQuAD: 100,000+
questions for machine comprehension of text", EMNLP 2016).
"""

from __future__ import annotations

import re
from collections import Counter

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def score(prediction: str, reference: str) -> float:
    """0 to 1; two texts without words are equal."""
    said, wanted = _words(prediction), _words(reference)
    if not said or not wanted:
        return float(said == wanted)
    common = sum((Counter(said) & Counter(wanted)).values())
    return 2 * common / (len(said) + len(wanted))


def _words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", re.sub(r"[^\w\s]", "", text.lower())).split()
