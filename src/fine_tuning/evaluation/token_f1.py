"""Token F1: the F1 of the words that prediction and reference share, in any language.

As in SQuAD, case, punctuation and English articles are ignored (Rajpurkar, Zhang, Lopyrev, Liang, "SQuAD: 100,000+
questions for machine comprehension of text", EMNLP 2016), and as in MLQA's script for English, punctuation of every
script, and Chinese characters are words (Lewis, Oguz, Rinott, Riedel, Schwenk, "MLQA: Evaluating cross-lingual
extractive question answering", ACL 2020); so are the characters of other scripts without spaces. MLQA's articles of
other languages are words here: its script is told the language, a metric is not, and the article of one language is
another word of a second one (die, des, las).
"""

from __future__ import annotations

from collections import Counter

import regex

from fine_tuning.evaluation.text_forms import caseless, spaced_words

_PUNCTUATION = regex.compile(r"[\p{P}!-/:-@\[-`{-~]")  # as in MLQA: Unicode's, and Python's string.punctuation
_ARTICLES = regex.compile(r"\b(?:a|an|the)\b")


def score(prediction: str, reference: str) -> float:
    """0 to 1; two texts without words are equal."""
    predicted, expected = map(_words, caseless(prediction, reference))
    if not predicted or not expected:
        return float(predicted == expected)
    common = sum((Counter(predicted) & Counter(expected)).values())
    return 2 * common / (len(predicted) + len(expected))


def _words(text: str) -> list[str]:
    return spaced_words(_ARTICLES.sub(" ", _PUNCTUATION.sub("", text)))
