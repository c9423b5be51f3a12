"""GLEU and METEOR by NLTK, per sentence, over sacrebleu's default tokens.

GLEU is the lower of precision and recall of 1- to 4-grams (Wu et al., "Google's neural machine translation system",
2016). METEOR aligns words and stems (Banerjee and Lavie, 2005, with the parameters of NLTK); the synonyms of WordNet
are not part of the library, and are left out.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from fine_tuning.evaluation.text_forms import caseless, with_spaces

Tokenizer = Any  # sacrebleu's, which has no types


class _NoSynonyms:
    """A WordNet without words."""

    def synsets(self, *_: str) -> list[object]:
        return []


def gleu(prediction: str, reference: str) -> float:
    """GLEU, 0 to 1; case counts, as in BLEU."""
    from nltk.translate.gleu_score import sentence_gleu

    return float(sentence_gleu([_tokens(reference)], _tokens(prediction)))


def meteor(prediction: str, reference: str) -> float:
    """METEOR, 0 to 1; a single equal word has 0.5, as the penalty for fragments is defined."""
    from nltk.translate.meteor_score import single_meteor_score

    predicted, expected = map(_tokens, caseless(prediction, reference))
    return float(single_meteor_score(expected, predicted, wordnet=_NoSynonyms()))


def _tokens(text: str) -> list[str]:
    tokens: list[str] = _tokenizer()(with_spaces(text)).split()
    return tokens


@cache
def _tokenizer() -> Tokenizer:
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    return Tokenizer13a()
