"""BLEU, chrF and TER by sacrebleu: of one sentence, and of a whole test set.

A test set's score is no mean of its sentences' scores; published figures are those of whole sets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np


def score(prediction: str, reference: str, kind: str) -> float:
    """Of one answer, 0 to 100 (TER: 0 and more, lower is better)."""
    return float(_metric(kind, of_sentence=True).sentence_score(prediction, [reference]).score)


def corpus_score(predictions: Sequence[str], references: Sequence[str], kind: str) -> float:
    """Of a whole test set."""
    return resampled_score(predictions, references, kind)(range(len(predictions)))


def resampled_score(
    predictions: Sequence[str], references: Sequence[str], kind: str
) -> Callable[[Sequence[int]], float]:
    """A function that scores the examples at these places, without counting each sentence's words again."""
    metric = _metric(kind, of_sentence=False)
    # As sacrebleu's own bootstrap does (sacrebleu.significance).
    counts = np.array(metric._extract_corpus_statistics(list(predictions), [list(references)]))
    return lambda places: float(metric._compute_score_from_stats(counts[np.asarray(places)].sum(axis=0).tolist()).score)


@cache
def _metric(kind: str, *, of_sentence: bool) -> Any:
    from sacrebleu.metrics import BLEU, CHRF, TER

    if kind == "bleu":
        return BLEU(effective_order=of_sentence)  # as sacrebleu advises for single sentences
    return {"chrf": CHRF, "ter": TER}[kind]()
