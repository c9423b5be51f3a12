"""BLEU, chrF and TER by sacrebleu, per sentence and per corpus.

A corpus score is not the mean of its sentences' scores; published figures are corpus scores. To sacrebleu's default
tokeniser a sentence without spaces is one word; here the characters of such scripts are words, as in its tokeniser zh.
Tool calls are compared as calls: those of another function count as an empty prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from fine_tuning.evaluation.paired_tests import CorpusScore, Positions
from fine_tuning.evaluation.text_forms import with_spaces
from fine_tuning.evaluation.tool_call_match import as_text

SacrebleuMetric = Any  # sacrebleu.metrics.BLEU, CHRF or TER, which have no types


def score(prediction: str, reference: str, kind: str) -> float:
    """Score one prediction: 0 to 100 (TER: 0 or more, lower is better)."""
    predicted = with_spaces(as_text(prediction, reference))
    return float(_metric(kind, of_sentence=True).sentence_score(predicted, [with_spaces(reference)]).score)


def corpus_score(predictions: Sequence[str], references: Sequence[str], kind: str) -> float:
    """Score a test set."""
    return resampled_score(predictions, references, kind)(range(len(predictions)))


def resampled_score(predictions: Sequence[str], references: Sequence[str], kind: str) -> CorpusScore:
    """A function that scores the examples at some positions without counting n-grams again."""
    metric = _metric(kind, of_sentence=False)
    # As sacrebleu's own bootstrap does (sacrebleu.significance).
    compared = map(as_text, predictions, references)
    hypotheses, expected = (list(map(with_spaces, texts)) for texts in (compared, references))
    counts = np.array(metric._extract_corpus_statistics(hypotheses, [expected]))

    def score_at(positions: Positions) -> float:
        return float(metric._compute_score_from_stats(counts[np.asarray(positions)].sum(axis=0).tolist()).score)

    return score_at


@cache
def _metric(kind: str, *, of_sentence: bool) -> SacrebleuMetric:
    from sacrebleu.metrics import BLEU, CHRF, TER

    if kind == "bleu":
        return BLEU(effective_order=of_sentence)  # as sacrebleu advises for single sentences
    return {"chrf": CHRF, "ter": TER}[kind]()
