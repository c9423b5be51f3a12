"""A call that belongs to an A/B test: the arm it is assigned to, and the sample that it becomes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol
from uuid import uuid4

from fine_tuning.data_io.answers import AnswerLike
from fine_tuning.errors import FineTuningError
from fine_tuning.serving.answered_calls import Answer, TrialSample

_log = logging.getLogger(__name__)


class Framework(Protocol):
    """The part of `ABTestFramework` that assigns units and records samples."""

    def choose(self, test_id: str, unit_id: str) -> tuple[str, str] | None:
        """The arm and model of a unit; None where it takes no part."""
        ...

    def record_samples(self, test_id: str, samples: Sequence[Mapping[str, object]]) -> object:
        """Record samples of a test."""
        ...


class Trial(NamedTuple):
    """An assigned call."""

    framework: Framework
    test_id: str
    arm: str
    model: str
    sample_id: str
    unit_id: str | None

    @classmethod
    def assign(cls, framework: Framework, test_id: str, unit_id: str | None) -> Trial | None:
        """Assign a unit to its arm, or a call without a unit to a random arm; None where it takes no part.

        Raises:
            NotFoundError: there is no such test.
        """
        sample_id = uuid4().hex
        assigned = framework.choose(test_id, unit_id or sample_id)
        return None if assigned is None else cls(framework, test_id, *assigned, sample_id, unit_id)

    @contextmanager
    def failures_recorded(self) -> Iterator[None]:
        """Record a call that fails in the block as a sample with an error."""
        try:
            yield
        except FineTuningError as error:
            self._record(error=str(error))
            raise

    @property
    def notes(self) -> dict[str, str]:
        """What the cost ledger keeps of it."""
        return {"experiment": self.test_id, "arm": self.arm}

    def record(self, answer: Answer, reference: AnswerLike | None) -> TrialSample:
        """Record the answer as a sample. Returns the ids with which its outcome can be recorded later."""
        given = {"content": answer["content"], "tool_calls": list(answer["tool_calls"])}
        facts = {
            "prediction": given,
            "latency_ms": answer["latency_ms"],
            "cost": answer["cost"],
            "provider": answer["provider"],
        }
        try:
            self._record(**facts, reference=reference)
        except FineTuningError as error:  # the answer is paid for: its outcome can still be recorded
            _log.warning("the answer of sample %s is not scored: %s", self.sample_id, error)
            self._record(**facts)
        return {"test_id": self.test_id, "arm": self.arm, "sample_id": self.sample_id}

    def _record(self, **facts: object) -> None:
        """Record a sample; the samples of a unit form a cluster."""
        sample = {"model": self.arm, "sample_id": self.sample_id, "cluster_id": self.unit_id, **facts}
        self.framework.record_samples(self.test_id, [sample])
