"""ROUGE: word n-grams (rouge1, rouge2) and longest common subsequences (rougeL) shared with the reference, as F1.

By Google's rouge-score, with stemming off (Lin, "ROUGE: A package for automatic evaluation of summaries", 2004).
"""

from __future__ import annotations

from functools import cache
from typing import Any

RougeScorer = Any  # rouge_score.rouge_scorer.RougeScorer, which has no types


def score(prediction: str, reference: str, kind: str) -> float:
    """The F1 of one kind of ROUGE, 0 to 1."""
    return float(_scorer(kind).score(reference, prediction)[kind].fmeasure)


@cache
def _scorer(kind: str) -> RougeScorer:
    from rouge_score import rouge_scorer
    from rouge_score.tokenizers import DefaultTokenizer

    return rouge_scorer.RougeScorer([kind], tokenizer=DefaultTokenizer(use_stemmer=False))
