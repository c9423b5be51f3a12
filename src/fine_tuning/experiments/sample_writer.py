"""Writes samples and outcomes of tests; a test that decides by itself ends here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TypedDict

from fine_tuning._util import checks
from fine_tuning.data_io.answers import AnswerLike
from fine_tuning.errors import ConflictError, UsageError
from fine_tuning.experiments import comparability, lifecycle, promotion, verdict
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.recording import Recording
from fine_tuning.experiments.sample import Sample, check_arm, check_score
from fine_tuning.experiments.sample_scoring import Arguments, Recorder, Rules, answer_text, checked_sample, scored
from fine_tuning.settings import acting_user
from fine_tuning.store import experiment_samples, experiments
from fine_tuning.store.database import Transaction
from fine_tuning.store.experiment_samples import Outcome
from fine_tuning.store.experiments import ARMS
from fine_tuning.store.workspace import Workspace

_log = logging.getLogger("fine_tuning.ab_testing")
SAMPLES_PER_TRANSACTION = 2000
RATIO_WRONG, RATIO_RIGHT = "ratio_failed", "ratio_passed"  # actions in the log of decisions


class Counts(TypedDict):
    """Samples that were recorded, repeated (stored already) or refused (of an unknown or concluded test)."""

    recorded: int
    repeated: int
    refused: int


class SampleWriter:
    """Records samples of any test of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._database, self._settings = workspace.database, workspace.settings
        self._rules: dict[str, Rules] = {}

    def record(self, test_id: str, samples: Iterable[Arguments]) -> Counts:
        """Record samples; see `ABTestFramework.record_samples`."""
        counts: Counts = {"recorded": 0, "repeated": 0, "refused": 0}
        rules = self._rules_of(test_id) or Rules(Design(), ARMS)
        rest = iter(samples)
        while block := [checked_sample(row, rules) for row in islice(rest, SAMPLES_PER_TRANSACTION)]:
            self._write(test_id, block, counts)
        return counts

    def buffer(self, test_id: str) -> Recorder:
        """Record in the background; see `ABTestFramework.buffer`."""
        lifecycle.find(self._database, test_id)  # which says what is known where it is not
        return Recorder(self._block_writer(test_id), self._rules_of(test_id) or Rules(Design(), ARMS))

    def _block_writer(self, test_id: str) -> Callable[[Sequence[Sample]], None]:
        def write(block: Sequence[Sample]) -> None:
            counts: Counts = {"recorded": 0, "repeated": 0, "refused": 0}
            self._write(test_id, block, counts)
            if counts["refused"]:
                raise ConflictError(f"test {test_id} is over")

        return write

    def record_outcome(
        self, test_id: str, sample_id: str, answer: AnswerLike | None, score: float | None, model: str | None
    ) -> bool:
        """Score a sample after it was recorded; see `ABTestFramework.record_outcome`."""
        reference = answer_text(answer)
        checks.name("sample_id", sample_id)
        with self._database.write() as tx:
            recording = self._recording(tx, test_id, 1)
            if recording is None:
                return False
            if score is None:
                score = _late_score(tx, test_id, recording.design, (sample_id, model, reference))
            outcome: Outcome = {"score": check_score(recording.design, score)}
            if reference is not None:
                outcome["reference"] = reference
            changed = recording.add_outcome(sample_id, None if model is None else check_arm(model), outcome)
            self._decide(tx, test_id, recording)
        return changed

    def _write(self, test_id: str, samples: Sequence[Sample], counts: Counts) -> None:
        with self._database.write() as tx:
            recording = self._recording(tx, test_id, len(samples))
            if recording is None:
                counts["refused"] += len(samples)
                return
            before = comparability.mismatch_reason(recording.design, recording.statistics)
            recorded = recording.add(samples)
            _log_ratio(tx, test_id, recording, before)
            self._decide(tx, test_id, recording)
        counts["recorded"] += recorded
        counts["repeated"] += len(samples) - recorded

    def _recording(self, tx: Transaction, test_id: str, samples: int) -> Recording | None:
        """The test, locked; None, and a line in the log, where it takes no samples."""
        found, rules = experiments.lock(tx, test_id), self._rules_of(test_id)
        if found is not None and rules is not None and found.status == "running":
            return Recording(tx, test_id, rules.design, found)
        if found is not None:
            experiments.count_late(tx, test_id, samples)
        state = "unknown" if found is None else "concluded"
        _log.warning("sample not recorded: test %s is %s", test_id, state)
        return None

    def _decide(self, tx: Transaction, test_id: str, recording: Recording) -> None:
        """Deploy the winner and end the test, where the design says so and there is a verdict."""
        if not recording.design.auto:
            return
        test = experiments.get(tx, test_id)
        assert test is not None  # noqa: S101 - it is locked
        result = verdict.judge(test, statistics=recording.statistics)
        pinned = test["pinned"] or experiments.models(test)
        decided = promotion.decision(tx, result, pinned)
        if decided is not None:
            promotion.carry_out(tx, test_id, decided, acting_user(self._settings))
            lifecycle.store_verdict(tx, result)

    def _rules_of(self, test_id: str) -> Rules | None:
        """A test's rules, which never change; None where there is no such test."""
        if test_id not in self._rules:
            with self._database.read() as tx:
                test = experiments.get(tx, test_id)
            if test is None:
                return None
            self._rules[test_id] = Rules(Design.of(**test["design"]), [*experiments.models(test)])
        return self._rules[test_id]


def _log_ratio(tx: Transaction, test_id: str, recording: Recording, before: str) -> None:
    """Note in the log of decisions that the sample ratio check fails now, or passes again.

    Args:
        before: why it failed before; empty where it passed.
    """
    now = comparability.mismatch_reason(recording.design, recording.statistics)
    if now and not before:
        experiments.decide(tx, test_id, RATIO_WRONG, None, now)
    elif before and not now:
        units = comparability.joined([f"{count:,}" for count in recording.statistics.units()])
        experiments.decide(tx, test_id, RATIO_RIGHT, None, f"the models have their shares again: {units}")


def _late_score(tx: Transaction, test_id: str, design: Design, given: tuple[str, str | None, str | None]) -> float:
    """The score of a stored prediction against a reference; given: sample_id, arm (or None) and reference."""
    sample_id, model, reference = given
    found = experiment_samples.by_id(tx, test_id, [sample_id])
    predictions = [row["prediction"] for (arm, _), row in found.items() if model in (None, arm)]
    if reference is None or not predictions or predictions[0] is None:
        raise UsageError(f"sample {sample_id!r} cannot be scored; give score, or reference and a prediction")
    return scored(design.metric, predictions[0], reference)
