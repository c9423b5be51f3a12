"""A test set and a model's answers to it, as columns: one place an example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fine_tuning._util import checks
from fine_tuning.errors import UsageError


@dataclass(frozen=True)
class Answered:
    """What was asked, wanted and answered; see `ModelEvaluator.evaluate`.

    Attributes:
        predictions: None where the call failed.
        errors: why a call failed; None where it did not.
        latencies_ms, costs: None is unknown.
    """

    predictions: Sequence[str | None]
    references: Sequence[str]
    errors: Sequence[str | None]
    latencies_ms: Sequence[float | None]
    costs: Sequence[float | None]
    questions: Sequence[str] | None
    slices: Sequence[Mapping[str, Any]]
    clusters: Sequence[str] | None

    @classmethod
    def of(
        cls,
        predictions: Sequence[str | None],
        references: Sequence[str],
        *,
        errors: Sequence[str | None] | None = None,
        latencies_ms: Sequence[float | None] | None = None,
        costs: Sequence[float | None] | None = None,
        questions: Sequence[str] | None = None,
        slices: Sequence[Any] | None = None,
        clusters: Sequence[str] | None = None,
    ) -> Answered:
        """The columns, checked; a call with an error has no answer.

        Raises:
            UsageError: the columns differ in length, or a value is none of its kind.
        """
        given = {
            "predictions": predictions, "errors": errors, "latencies_ms": latencies_ms, "costs": costs,
            "questions": questions, "slices": slices, "clusters": clusters,
        }  # fmt: skip
        check_lengths(given, len(references))
        nothing: Sequence[None] = [None] * len(references)
        said = [None if error else text for text, error in zip(predictions, errors or nothing, strict=True)]
        _check_texts(said, references)
        return cls(
            predictions=said,
            references=references,
            errors=[
                error or "no answer" if text is None else None
                for text, error in zip(said, errors or nothing, strict=True)
            ],
            latencies_ms=[checks.amount("latency_ms", each) for each in latencies_ms or nothing],
            costs=[checks.amount("cost", each) for each in costs or nothing],
            questions=questions,
            slices=[checks.mapping("slices", each) for each in slices or [{}] * len(references)],
            clusters=clusters,
        )

    def __len__(self) -> int:
        return len(self.references)

    def texts(self, places: Sequence[int]) -> tuple[list[str | None], list[str]]:
        """The predictions and references at some places."""
        return [self.predictions[at] for at in places], [self.references[at] for at in places]

    def clusters_at(self, places: Sequence[int]) -> list[str] | None:
        """Which examples at some places may be alike; None where nobody says."""
        return None if self.clusters is None else [self.clusters[at] for at in places]

    def row(self, at: int) -> dict[str, Any]:
        """One example, by the names of the store's columns."""
        return {
            "question": None if self.questions is None else self.questions[at],
            "prediction": self.predictions[at],
            "reference": self.references[at],
            "slices": dict(self.slices[at]) or None,
            "cluster": None if self.clusters is None else self.clusters[at],
            "error": self.errors[at],
            "latency_ms": self.latencies_ms[at],
            "cost": self.costs[at],
        }


def check_lengths(columns: Mapping[str, Sequence[Any] | None], size: int) -> None:
    """Raise UsageError unless each column has a place for each reference."""
    for label, column in columns.items():
        if column is not None and len(column) != size:
            raise UsageError(f"{len(column)} {label} for {size} references; they must be as many")


def _check_texts(predictions: Sequence[Any], references: Sequence[Any]) -> None:
    for place, (prediction, reference) in enumerate(zip(predictions, references, strict=True), 1):
        if not isinstance(prediction, str | None) or not isinstance(reference, str):
            raise UsageError(f"example {place}: prediction and reference must be text")
