"""A cascade: a classifier head answers where it is sure, the incumbent or a slower head the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fine_tuning.candidates.candidate import CandidateAnswer, LabelledCall, Request
from fine_tuning.candidates.head_candidate import HeadCandidate
from fine_tuning.errors import ConflictError

Score = Callable[[str | None, str], float]  # of an answer and its reference
Ask = Callable[[Sequence[Request]], list[CandidateAnswer]]


class Cascade:
    """A `Candidate` over a fitted head.

    It answers with the head that has not learnt from the validation calls, for which the threshold is chosen. A second
    head is compared as it was then, and answers as it is when it knows them, too.

    Args:
        first: answers requests of which its confidence reaches the threshold.
        second: answers the others: the incumbent, or another fitted head.
        score: of an answer, 0 to 1.
        risk: by how much the expected score may fall below the second's, at most.
    """

    def __init__(self, first: HeadCandidate, second: Ask | HeadCandidate, score: Score, risk: float) -> None:
        self.second_head = second if isinstance(second, HeadCandidate) else None
        self.name = f"cascade over {first.name}" + (f" and {self.second_head.name}" if self.second_head else "")
        self._first, self._score, self._risk = first, score, risk
        self._second = second.answer if isinstance(second, HeadCandidate) else second
        self._second_validated = second.validated_answers if isinstance(second, HeadCandidate) else second
        self.threshold = float("inf")

    def fit(self, train: Sequence[LabelledCall], valid: Sequence[LabelledCall]) -> None:  # noqa: ARG002
        """Choose the threshold on validation calls. See `Candidate`.

        Raises:
            ConflictError: the second would have to answer everything, or nothing.
        """
        requests = [call.request for call in valid]
        own, theirs = self._first.validated_answers(requests), self._second_validated(requests)
        lost = [
            max(0.0, self._score(their.text, call.answer) - self._score(mine.text, call.answer))
            for mine, their, call in zip(own, theirs, valid, strict=True)
        ]
        sure = [0.0 if answer.confidence is None else answer.confidence for answer in own]
        self.threshold = controlled_threshold(sure, lost, self._risk)
        if all(each >= self.threshold for each in sure):
            raise ConflictError("the first may answer all validation calls: the cascade would be that head alone")
        if not any(each >= self.threshold for each in sure):
            raise ConflictError(
                f"with {len(valid)} validation calls no confidence keeps the expected loss below {self._risk:.3g}"
            )

    def answer(self, requests: Sequence[Request]) -> list[CandidateAnswer]:
        """Ask the second what the first is not sure of; latency and cost are of both. See `Candidate`."""
        return self._answers(requests, self._second)

    def validated_answers(self, requests: Sequence[Request]) -> list[CandidateAnswer]:
        """The answers of heads that have not learnt from the validation calls."""
        return self._answers(requests, self._second_validated)

    def _answers(self, requests: Sequence[Request], ask: Ask) -> list[CandidateAnswer]:
        found = self._first.validated_answers(requests)
        rest = [at for at, each in enumerate(found) if each.text is None or (each.confidence or 0.0) < self.threshold]
        for at, second in zip(rest, ask([requests[at] for at in rest]), strict=True):
            first = found[at]
            found[at] = second._replace(
                latency_ms=_both(first.latency_ms, second.latency_ms), cost=_both(first.cost, second.cost)
            )
        return found

    def investment(self) -> float | None:
        """That of the heads. See `Candidate`."""
        return _both(self._first.investment(), self.second_head.investment() if self.second_head else 0.0)

    def export(self, folder: Path) -> Path:
        """Write the first head alone: the second is a model of its own. See `Candidate`."""
        self._first.fitted.validated.save(folder)
        return folder


def controlled_threshold(confidences: Sequence[float], losses: Sequence[float], risk: float) -> float:
    """The lowest threshold whose expected loss on the next call is at most `risk`; inf where none is.

    Conformal risk control: the mean loss of n held-out calls, beside which one more with the loss 1 is assumed. A call
    below the threshold has no loss. The expectation is over calls that are exchangeable with these.

    Source: Angelopoulos, Bates, Fisch, Lei, Schuster, "Conformal risk control", ICLR 2024, section 2.1.

    Args:
        losses: 0 to 1, of each call if it is answered.
    """
    order = np.argsort(-np.asarray(confidences), kind="stable")
    sure, lost = np.asarray(confidences)[order], np.cumsum(np.asarray(losses)[order])
    allowed = risk * (len(order) + 1) - 1
    is_last = np.append(sure[1:] < sure[:-1], True) if len(order) else np.zeros(0, bool)  # of equal confidences
    within = [at for at in np.flatnonzero(is_last) if lost[at] <= allowed]
    return float(sure[within[-1]]) if within else float("inf")


def _both(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second
