"""ROUGE: word n-grams (rouge1, rouge2) and longest common subsequences (rougeL) shared with the reference, as F1.

By Google's rouge-score, with stemming off (Lin, "ROUGE: A package for automatic evaluation of summaries", 2004). Its
tokeniser knows only a to z and 0 to 9; the words of other languages are those of `text_forms.words`. Texts without
words, such as emoji, are compared as they are.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from fine_tuning.evaluation.text_forms import caseless, words

RougeScorer = Any  # rouge_score.rouge_scorer.RougeScorer, which has no types


class _SpacedTokenizer:
    """A tokeniser as rouge-score calls it, of words with a space between."""

    def tokenize(self, text: str) -> list[str]:
        return text.split()


def score(prediction: str, reference: str, kind: str) -> float:
    """The F1 of one kind of ROUGE, 0 to 1."""
    texts = caseless(prediction.strip(), reference.strip())
    predicted, expected = map(words, texts)
    if not predicted and not expected:
        return float(texts[0] == texts[1] != "")
    if kind == "rougeL":
        return _of_subsequence(predicted, expected)
    return float(_scorer(kind).score(" ".join(expected), " ".join(predicted))[kind].fmeasure)


def _of_subsequence(predicted: list[str], expected: list[str]) -> float:
    """ROUGE-L as rouge-score defines it, by rapidfuzz: rouge-score's own table takes minutes and gigabytes."""
    from rapidfuzz.distance import LCSseq

    if not (common := LCSseq.similarity(predicted, expected)):
        return 0.0
    precision, recall = common / len(predicted), common / len(expected)
    return 2 * precision * recall / (precision + recall)


@cache
def _scorer(kind: str) -> RougeScorer:
    from rouge_score import rouge_scorer

    return rouge_scorer.RougeScorer([kind], tokenizer=_SpacedTokenizer())
