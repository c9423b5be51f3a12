"""Text similarity: by this project's metrics, GLEU and METEOR by NLTK. All from 0 to 1, cosine from -1."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from fine_tuning.errors import MissingDependencyError
from fine_tuning.evaluation import bleu_chrf_ter, edit_similarity, embedding_similarity, gleu_meteor, rouge
from fine_tuning.evaluation.graders.base_grader import BaseGrader
from fine_tuning.evaluation.graders.grading import GradingFailed, Means, Outcome, Row
from fine_tuning.evaluation.graders.templates import Template, render

MAX_CHARACTERS = 20_000  # some metrics take time and memory that grow with the square
MetricName = Literal[
    "cosine",
    "fuzzy_match",
    "bleu",
    "gleu",
    "meteor",
    "rouge_1",
    "rouge_2",
    "rouge_3",
    "rouge_4",
    "rouge_5",
    "rouge_l",
]


class TextSimilarity(BaseGrader):
    """How similar the input is to the reference, by `evaluation_metric`."""

    type: Literal["text_similarity"]
    input: Template
    reference: Template
    evaluation_metric: MetricName

    def outcome(self, row: Row, means: Means) -> Outcome:  # noqa: ARG002 - texts alone
        """See `BaseGrader`."""
        text, reference = render(self.input, row), render(self.reference, row)
        if (longest := max(len(text), len(reference))) > MAX_CHARACTERS:
            raise GradingFailed("other_error", f"{longest} characters; at most {MAX_CHARACTERS} can be compared")
        try:
            return Outcome(_METRICS[self.evaluation_metric](text, reference))
        except ImportError as error:
            purpose = f"the metric {self.evaluation_metric}"
            raise MissingDependencyError(error.name or "a library", "evaluate", purpose) from error


def _bleu(text: str, reference: str) -> float:
    return min(1.0, bleu_chrf_ter.score(text, reference, "bleu") / 100)  # rounding goes a little beyond


_METRICS: dict[MetricName, Callable[[str, str], float]] = {
    "cosine": embedding_similarity.score,
    "fuzzy_match": edit_similarity.score,
    "bleu": _bleu,
    "gleu": gleu_meteor.gleu,
    "meteor": gleu_meteor.meteor,
    "rouge_1": partial(rouge.score, kind="rouge1"),
    "rouge_2": partial(rouge.score, kind="rouge2"),
    "rouge_3": partial(rouge.score, kind="rouge3"),
    "rouge_4": partial(rouge.score, kind="rouge4"),
    "rouge_5": partial(rouge.score, kind="rouge5"),
    "rouge_l": partial(rouge.score, kind="rougeL"),
}
