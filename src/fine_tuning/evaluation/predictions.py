"""A test set and a model's predictions for it, as columns with one value per example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import TypedDict, Unpack

from fine_tuning._util import checks
from fine_tuning.data_io.answers import AnswerLike, compared
from fine_tuning.errors import DataError, UsageError
from fine_tuning.store.records.evaluations import ScoredExample


class OptionalColumns(TypedDict, total=False):
    """The columns of a test set that may be missing; see `ModelEvaluator.evaluate`."""

    errors: Sequence[str | None] | None
    latencies_ms: Sequence[float | None] | None
    costs: Sequence[float | None] | None
    questions: Sequence[str] | None
    slices: Sequence[object] | None
    clusters: Sequence[str] | None


@dataclass(frozen=True)
class Predictions:
    """Questions, references and predictions; see `ModelEvaluator.evaluate`.

    Attributes:
        predictions: None where the call failed.
        errors: the reason a call failed; None where it succeeded.
        latencies_ms, costs: milliseconds and US dollars; None is unknown.
    """

    predictions: Sequence[str | None]
    references: Sequence[str]
    errors: Sequence[str | None]
    latencies_ms: Sequence[float | None]
    costs: Sequence[float | None]
    questions: Sequence[str] | None
    slices: Sequence[Mapping[str, str]]
    clusters: Sequence[str] | None

    @classmethod
    def of(
        cls,
        predictions: Sequence[AnswerLike | None],
        references: Sequence[AnswerLike],
        **columns: Unpack[OptionalColumns],
    ) -> Predictions:
        """Check the columns; a call with an error has no prediction, and a message is compared by its tool calls.

        Raises:
            UsageError: the columns differ in length, or a value has the wrong type.
        """
        check_lengths({"predictions": predictions, **columns}, len(references))
        unknown: Sequence[None] = [None] * len(references)
        errors = columns.get("errors") or unknown
        answers = [None if error else text for text, error in zip(predictions, errors, strict=True)]
        kept, expected = texts_of(answers, references)
        return cls(
            predictions=kept,
            references=expected,
            errors=[error or "no answer" if text is None else None for text, error in zip(kept, errors, strict=True)],
            latencies_ms=[checks.amount("latency_ms", each) for each in columns.get("latencies_ms") or unknown],
            costs=[checks.amount("cost", each) for each in columns.get("costs") or unknown],
            questions=columns.get("questions"),
            slices=[checks.mapping("slices", each) for each in columns.get("slices") or [{}] * len(references)],
            clusters=columns.get("clusters"),
        )

    def __len__(self) -> int:
        return len(self.references)

    def texts(self, positions: Sequence[int]) -> tuple[list[str | None], list[str]]:
        """The predictions and references at some positions."""
        return [self.predictions[at] for at in positions], [self.references[at] for at in positions]

    def clusters_at(self, positions: Sequence[int]) -> list[str] | None:
        """The clusters of the examples at some positions; None without a column of clusters."""
        return None if self.clusters is None else [self.clusters[at] for at in positions]

    def row(self, at: int, scores: Mapping[str, float | None]) -> ScoredExample:
        """One example as the store keeps it.

        Args:
            scores: of the example by metric; the first is its main score.
        """
        return {
            "question": None if self.questions is None else self.questions[at],
            "prediction": self.predictions[at],
            "reference": self.references[at],
            "slices": dict(self.slices[at]) or None,
            "cluster": None if self.clusters is None else self.clusters[at],
            "error": self.errors[at],
            "latency_ms": self.latencies_ms[at],
            "cost": self.costs[at],
            "score": next(iter(scores.values())),
            "scores": dict(scores),
        }


def check_lengths(columns: Mapping[str, object], size: int) -> None:
    """Raise UsageError unless each column has one value per reference."""
    for label, column in columns.items():
        if isinstance(column, Sized) and len(column) != size:
            raise UsageError(f"{len(column)} {label} for {size} references; their numbers must be equal")


def texts_of(
    predictions: Sequence[AnswerLike | None], references: Sequence[AnswerLike]
) -> tuple[list[str | None], list[str]]:
    """Predictions and references as the texts by which they are compared; None where there is no prediction.

    Raises:
        UsageError: one is neither text nor a message; the message names the example.
    """
    kept: list[str | None] = []
    expected: list[str] = []
    for number, pair in enumerate(zip(predictions, references, strict=True), 1):
        try:
            prediction, reference = compared(*pair)
        except DataError as error:
            raise UsageError(f"example {number}: {error}") from None
        if not isinstance(prediction, str | None) or not isinstance(reference, str):
            wrong = reference if isinstance(prediction, str | None) else prediction
            raise UsageError(f"example {number}: predictions and references must be text, not {type(wrong).__name__}")
        kept.append(prediction)
        expected.append(reference)
    return kept, expected
