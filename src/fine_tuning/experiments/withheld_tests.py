"""Tests without a verdict: what their models cost differs with the requests that each of them happened to get."""

from __future__ import annotations

from fine_tuning.experiments import verdict
from fine_tuning.experiments.sufficient_statistics import A
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.experiments import Experiment

ALPHA = 0.05  # of returns, whatever alpha a test was judged at: their intervals are at 95 %


class WithheldTests:
    """Judges tests, each once, and keeps why some of them do not count."""

    def __init__(self) -> None:
        """Begin without any."""
        self._reasons: dict[tuple[str, Arm], str] = {}

    @property
    def notes(self) -> list[str]:
        """The tests that do not count, a line each."""
        found = {test: reason for (test, _), reason in self._reasons.items() if reason}
        return [f"costs in A/B test {test} do not count, for it has no verdict: {why}" for test, why in found.items()]

    def counts(self, test: Experiment, arm: Arm) -> bool:
        """Whether what the samples of an arm cost counts: of model_a, beside any of the others."""
        key = test["id"], arm
        if key not in self._reasons:
            self._reasons[key] = _reason(test, arm)
        return not self._reasons[key]


def _reason(test: Experiment, arm: Arm) -> str:
    if not test["statistics"]:
        return ""
    result = verdict.judge(test, ALPHA)
    reasons = [each.withheld for each in result.comparisons if arm in (A, each.arm)]
    return reasons[0] if all(reasons) else ""
