"""ABTestFramework: compare two models in production."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, fields
from math import isfinite, nan, sqrt
from pathlib import Path
from typing import Any

from scipy.special import ndtri

from fine_tuning import checks
from fine_tuning.errors import ConflictError, NotFoundError, UsageError
from fine_tuning.evaluation import exact_match
from fine_tuning.experiments import verdict
from fine_tuning.experiments.verdict import ABTestResult
from fine_tuning.files import write_json
from fine_tuning.store import experiments, legacy
from fine_tuning.store.database import open_database
from fine_tuning.store.tables import ARMS
from fine_tuning.store.types import now

__all__ = ["ABTestFramework", "ABTestResult"]

_log = logging.getLogger(__name__)


class ABTestFramework:
    """A/B tests kept in the workspace: created here, recorded by production, concluded tomorrow by a colleague.

    Verdicts are valid at every look: stopping as soon as a difference shows does not raise the error rate above alpha.

    Args:
        path: a file, folder or database URL; the workspace by default. A file of results (.json, as `export_results`
            writes it, or .jsonl) is imported once into a database beside it.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._database = open_database(path)
        if path is not None and "://" not in str(path):
            legacy.import_experiments(self._database, path)

    def create_test(
        self, test_id: str, model_a: str, model_b: str, metadata: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Start a test; starting the same running test again returns it as it is.

        Returns:
            test_id, model_a, model_b, status, started_at, metadata.

        Raises:
            UsageError: an empty name.
            ConflictError: the id is taken by another test, or that test was concluded.
        """
        for label, value in (("test_id", test_id), ("model_a", model_a), ("model_b", model_b)):
            checks.name(label, value)
        if model_a == model_b:
            raise UsageError(f"model_a and model_b are both {model_a}; name two models to compare")
        with self._database.write() as tx:
            created = experiments.create(tx, test_id, model_a, model_b, checks.mapping("metadata", metadata))
            test = experiments.get(tx, test_id)
        assert test is not None  # noqa: S101 - created or found in this transaction
        if not created and (test["model_a"], test["model_b"], test["status"]) != (model_a, model_b, "running"):
            existing = f"{test['model_a']} against {test['model_b']}, {test['status']}"
            raise ConflictError(f"test {test_id} exists: {existing}; choose another id")
        shown = ("model_a", "model_b", "status", "started_at", "metadata")
        return {"test_id": test_id, **{key: test[key] for key in shown}}

    def record_sample(
        self,
        test_id: str,
        model: str,
        prediction: str,
        reference: str,
        latency_ms: float | None,
        cost: float | None,
        metadata: Mapping[str, Any] | None = None,
    ) -> bool:
        """Record one answer; it is right when it equals the reference after stripping.

        Args:
            model: "model_a" or "model_b".
            latency_ms: milliseconds; None (or nan) where unknown.
            cost: US dollars; None (or nan) where unknown.

        Returns:
            False for an unknown or concluded test (logged, nothing recorded).

        Raises:
            UsageError: another arm, text that is none, or a latency or cost that is negative or not finite.
        """
        if model not in ARMS:
            raise UsageError(f"unknown arm {model!r}; use model_a or model_b")
        if not isinstance(prediction, str) or not isinstance(reference, str):
            raise UsageError("prediction and reference must be text")
        sample = {
            "prediction": prediction,
            "reference": reference,
            "correct": exact_match.matches(prediction, reference),
            "latency_ms": checks.amount("latency_ms", latency_ms),
            "cost": checks.amount("cost", cost),
            "metadata": checks.mapping("metadata", metadata),
        }
        with self._database.write() as tx:
            test = experiments.get(tx, test_id, lock=True)
            if test is None or test["status"] != "running":
                _log.warning("sample not recorded: test %s is %s", test_id, "unknown" if test is None else "concluded")
                return False
            experiments.add_sample(tx, test_id, model, sample)
        return True

    def monitor(self, test_id: str, alpha: float = 0.05) -> ABTestResult:
        """The verdict so far, without concluding; for a concluded test, the stored one.

        Raises:
            NotFoundError: there is no such test.
            UsageError: alpha is not between 0 and 1.
        """
        _check_alpha(alpha)
        with self._database.read() as tx:
            test = experiments.get(tx, test_id)
            if test is None:
                raise self._unknown(test_id, experiments.ids(tx))
        return _stored(test["result"]) if test["result"] else verdict.judge(test, alpha)

    def conclude_test(self, test_id: str, alpha: float = 0.05) -> ABTestResult:
        """End a test and keep its verdict; concluding again returns the same.

        A test in which an arm has no samples stays open, with nothing significant.

        Raises:
            NotFoundError: there is no such test.
            UsageError: alpha is not between 0 and 1.
        """
        _check_alpha(alpha)
        with self._database.write() as tx:
            test = experiments.get(tx, test_id, lock=True)
            if test is None:
                raise self._unknown(test_id, experiments.ids(tx))
            if test["result"]:
                return _stored(test["result"])
            result = verdict.judge(test, alpha)
            if min(result.model_a_samples, result.model_b_samples) > 0:
                result.status, result.completed_at = "completed", now().isoformat()
                experiments.conclude(tx, test_id, _storable(asdict(result)))
        return result

    def get_test_results(self, test_id: str) -> ABTestResult:
        """The state of a test: its verdict once concluded, else the one so far; see `monitor`."""
        return self.monitor(test_id)

    def get_all_results(self) -> dict[str, ABTestResult]:
        """The state of every test, by id, oldest first."""
        with self._database.read() as tx:
            ids = experiments.ids(tx)
        return {test_id: self.monitor(test_id) for test_id in ids}

    def export_results(self, filepath: str | Path) -> str:
        """Write every test's state as JSON, by id; unknown figures are null. Returns the path."""
        write_json(Path(filepath), {key: _storable(asdict(value)) for key, value in self.get_all_results().items()})
        return str(filepath)

    def recommend_winner(self, result: ABTestResult) -> str:
        """The winning model's name, or a text starting with "TIE" that says why; see `verdict.recommend`."""
        return verdict.recommend(result)

    def _chi_squared_test(self, p_a: float, p_b: float, n_a: int, n_b: int, alpha: float = 0.05) -> bool:
        """Pearson's chi-squared test of two rates at one planned look (not for peeking; `monitor` is)."""
        for label, value in (("p_a", p_a), ("p_b", p_b)):
            checks.rate(label, value)
        if n_a <= 0 or n_b <= 0:
            return False
        pooled = (p_a * n_a + p_b * n_b) / (n_a + n_b)
        if pooled in {0.0, 1.0}:
            return False
        z = (p_a - p_b) / sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
        return abs(z) > float(ndtri(1 - alpha / 2))

    @staticmethod
    def _unknown(test_id: str, known: list[str]) -> NotFoundError:
        return NotFoundError(f"no test {test_id}; known tests: {', '.join(known) or 'none'}")


def _check_alpha(alpha: float) -> None:
    if not isinstance(alpha, int | float) or not 0 < alpha < 1:
        raise UsageError(f"alpha must be between 0 and 1, not {alpha}")


def _storable(result: dict[str, Any]) -> dict[str, Any]:
    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [clean(item) for item in value]
        return None if isinstance(value, float) and not isfinite(value) else value

    cleaned: dict[str, Any] = clean(result)
    return cleaned


def _stored(result: Mapping[str, Any]) -> ABTestResult:
    known = {field.name for field in fields(ABTestResult)}
    values = {key: value for key, value in result.items() if key in known}
    for key, value in values.items():
        if value is None and key != "completed_at":
            values[key] = nan
    values["intervals"] = {
        key: (low if low is not None else -float("inf"), high if high is not None else float("inf"))
        for key, (low, high) in values.get("intervals", {}).items()
    }
    return ABTestResult(**values)
