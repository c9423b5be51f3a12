"""Token F1: the F1 of the words that prediction and reference share.

As in SQuAD, case, punctuation and articles are ignored (Rajpurkar, Zhang, Lopyrev, Liang, "SQuAD: 100,000+
questions for machine comprehension of text", EMNLP 2016).
"""

from __future__ import annotations

import re
from collections import Counter

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def score(prediction: str, reference: str) -> float:
    """0 to 1; two texts without words are equal."""
    predicted, expected = _words(prediction), _words(reference)
    if not predicted or not expected:
        return float(predicted == expected)
    common = sum((Counter(predicted) & Counter(expected)).values())
    return 2 * common / (len(predicted) + len(expected))


def _words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", re.sub(r"[^\w\s]", "", text.lower())).split()
