"""ABTestFramework: compare two models in production."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from math import sqrt
from pathlib import Path
from typing import Any

from scipy.special import ndtri

from fine_tuning._util import checks
from fine_tuning._util.files import write_json
from fine_tuning._util.model_names import parse_version_name
from fine_tuning.errors import ConflictError, NotFoundError, UsageError
from fine_tuning.experiments import assignment, non_inferiority, promotion, recommendation, verdict
from fine_tuning.experiments.design import LEAST_SHARE, SLOTS, Design, check_alpha
from fine_tuning.experiments.recording import Recording, Sample, check_score
from fine_tuning.experiments.result_json import ended, storable
from fine_tuning.experiments.sample_scoring import Record, Recorder, checked_sample, scored, with_score_of_metric
from fine_tuning.experiments.sufficient_statistics import A, B, Statistics
from fine_tuning.experiments.verdict import ABTestResult
from fine_tuning.settings import acting_user
from fine_tuning.store import experiments, legacy_files
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Transaction, open_database

__all__ = ["ABTestFramework", "ABTestResult"]

_log = logging.getLogger(__name__)
AT_ONCE = 2000  # samples of one transaction


class ABTestFramework:
    """A/B tests kept in the workspace: created here, recorded by production, concluded tomorrow by a colleague.

    Verdicts are valid at every look: stopping as soon as a difference shows does not raise the error rate above alpha.

    Args:
        path: a file, folder or database URL; the workspace by default. A file of results (.json, as `export_results`
            writes it, or .jsonl) is imported once into a database beside it.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._database = open_database(path)
        self._designs: dict[str, Design] = {}
        if path is not None and "://" not in str(path):
            legacy_files.import_experiments(self._database, path)

    def create_test(
        self,
        test_id: str,
        model_a: str,
        model_b: str,
        metadata: Mapping[str, Any] | None = None,
        *,
        design: str = "anytime",
        **choices: Any,
    ) -> dict[str, Any]:
        """Start a test; starting the same running test again returns it as it is.

        Args:
            design: anytime (a verdict at every look), group_sequential (at planned looks) or fixed (at the end).
            choices: alpha, planned, looks, spending, score, low, high, metric, margin, split, guardrails, ramp, layer,
                auto; see `experiments.design.Design`. With a metric of the evaluator, `score` is the metric's.

        Returns:
            test_id, model_a, model_b, status, started_at, metadata, design.

        Raises:
            UsageError: an empty name, a wrong choice, or models that `auto` could not deploy.
            ConflictError: the id is taken by another test, that test was concluded, or the layer has no room.
        """
        for label, value in (("test_id", test_id), ("model_a", model_a), ("model_b", model_b)):
            checks.name(label, value)
        if model_a == model_b:
            raise UsageError(f"model_a and model_b are both {model_a}; name two models to compare")
        chosen = Design.of(kind=design, **with_score_of_metric(choices))
        with self._database.write() as tx:
            if chosen.layer is not None:
                experiments.lock_layer(tx, chosen.layer)
            test = experiments.get(tx, test_id, lock=True)
            if test is None:
                pinned = promotion.pin(tx, {A: model_a, B: model_b}, deployable=chosen.auto)
                experiments.create(tx, {
                    "id": test_id, "model_a": model_a, "model_b": model_b, "design": chosen.as_dict(),
                    "slots": self._room(tx, [], chosen.layer, chosen.ramp), "layer": chosen.layer,
                    "pinned": pinned, "metadata": checks.mapping("metadata", metadata),
                })  # fmt: skip
                test = experiments.get(tx, test_id)
                assert test is not None  # noqa: S101 - created in this transaction
        if (test["model_a"], test["model_b"], test["status"]) != (model_a, model_b, "running"):
            existing = f"{test['model_a']} against {test['model_b']}, {test['status']}"
            raise ConflictError(f"test {test_id} exists: {existing}; choose another id")
        if Design.of(**test["design"]) != chosen:
            raise ConflictError(f"test {test_id} exists with another design; a design stays as it was begun")
        shown = ("model_a", "model_b", "status", "started_at", "metadata", "design")
        return {"test_id": test_id, **{key: test[key] for key in shown}}

    def record_sample(
        self,
        test_id: str,
        model: str,
        prediction: str | None,
        reference: str | None,
        latency_ms: float | None,
        cost: float | None,
        metadata: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> bool:
        """Record one answer, scored by the test's metric (by default: equal to the reference after stripping).

        Args:
            model: "model_a" or "model_b".
            latency_ms: milliseconds; None (or nan) where unknown.
            cost: US dollars; None (or nan) where unknown.
            more: score (instead of a metric's), error (why there is no answer), sample_id (what was answered: both
                models' answers to it are a pair; the very same sample again is not counted twice), cluster_id (of
                samples that may be alike, such as a user's), covariate (a figure known before the call), measures
                (other figures by name). Without reference and score the outcome is open; see `record_outcome`.

        Returns:
            False for an unknown or concluded test (logged and counted, nothing recorded).

        Raises:
            UsageError: another arm, text that is none, or a figure that is out of range.
            ConflictError: the sample_id is there already, with other content.
        """
        row = {"model": model, "prediction": prediction, "reference": reference, "latency_ms": latency_ms, "cost": cost}
        counts = self.record_samples(test_id, [{**row, "metadata": metadata, **more}])
        return counts["recorded"] + counts["repeated"] == 1

    def record_samples(self, test_id: str, samples: Iterable[Record]) -> dict[str, int]:
        """Record many answers; each has the names and the meaning of `record_sample`'s arguments.

        Returns:
            recorded, repeated (there already) and refused (of an unknown or concluded test).

        Raises:
            UsageError, ConflictError: as `record_sample`; of each block of 2,000 samples all are recorded, or none.
        """
        counts = {"recorded": 0, "repeated": 0, "refused": 0}
        design = self._design(test_id) or Design()
        rest = iter(samples)
        while block := [checked_sample(row, design) for row in islice(rest, AT_ONCE)]:
            self._write(test_id, block, counts)
        return counts

    def buffer(self, test_id: str) -> Recorder:
        """Record in the background: `with framework.buffer("test") as samples: samples.record("model_a", ...)`.

        `record` takes model, prediction and reference, and the other arguments of `record_sample` by name; it neither
        waits nor fails.

        Raises:
            NotFoundError: there is no such test.
        """
        design = self._design(test_id) or Design.of(**self._find(test_id)["design"])

        def write(block: Sequence[Sample]) -> None:
            counts = {"recorded": 0, "repeated": 0, "refused": 0}
            self._write(test_id, block, counts)
            if counts["refused"]:
                raise ConflictError(f"test {test_id} is over")

        return Recorder(write, design)

    def record_outcome(
        self,
        test_id: str,
        sample_id: str,
        reference: str | None = None,
        *,
        score: float | None = None,
        model: str | None = None,
    ) -> bool:
        """Say later how good an answer was that was recorded with a sample_id and without a score.

        Args:
            reference: the right answer, for the test's metric; or give the `score`.
            model: the arm, where both models answered the sample.

        Returns:
            False for an unknown or concluded test, and where the outcome was given before.

        Raises:
            UsageError: there is no such sample, or nothing to score it by.
            ConflictError: it has another score already.
        """
        checks.name("sample_id", sample_id)
        with self._database.write() as tx:
            recording = self._recording(tx, test_id, 1)
            if recording is None:
                return False
            outcome: dict[str, Any] = {"reference": reference} if reference is not None else {}
            if score is None:
                found = experiments.samples_of(tx, test_id, [sample_id])
                texts = [row["prediction"] for (arm, _), row in found.items() if model in (None, arm)]
                if reference is None or not texts or texts[0] is None:
                    raise UsageError(
                        f"sample {sample_id!r} cannot be scored; give score, or reference and a prediction"
                    )
                score = scored(recording.design.metric, texts[0], reference)
            changed = recording.add_outcome(
                sample_id, model, {**outcome, "score": check_score(recording.design, score)}
            )
            self._settle(tx, test_id, recording)
        return changed

    def assign(self, test_id: str, unit_id: str) -> str | None:
        """The arm that a unit (a user, a conversation) sees, always the same; None where it takes no part.

        Raises:
            NotFoundError: there is no such test.
            UsageError: the unit is no text.
        """
        chosen = self.choose(test_id, unit_id)
        return None if chosen is None else chosen[0]

    def choose(self, test_id: str, unit_id: str) -> tuple[str, str] | None:
        """The arm that a unit sees, and its model's name; see `assign`."""
        checks.name("unit_id", unit_id)
        test = self._find(test_id)
        if test["status"] != "running" or not assignment.takes_part(test["layer"] or test_id, unit_id, test["slots"]):
            return None
        arm = assignment.assign(test_id, unit_id, Design.of(**test["design"]).split or 0.5)
        return arm, (test["pinned"] or test)[arm]

    def promoted(self, test_id: str) -> str | None:
        """The registered name of the model that a test has promoted by itself; None where it has promoted none.

        Raises:
            NotFoundError: there is no such test.
        """
        last = [each for each in self.get_decisions(test_id) if each["action"] == promotion.PROMOTED]
        parsed = parse_version_name(last[-1]["model"]) if last else None
        return None if parsed is None else parsed[0]

    def ramp(self, test_id: str, share: float) -> None:
        """Let another share of the units (0 to 1) take part; who is in stays in, with the same model.

        Raises:
            NotFoundError: there is no such test.
            UsageError: the share is no rate.
            ConflictError: the test is over, or its layer has no room.
        """
        if checks.rate("share", share) is None:
            raise UsageError("share must be between 0 and 1")
        if 0 < share < LEAST_SHARE:
            raise UsageError(f"share must be 0 or at least {LEAST_SHARE:g}, not {share:g}")
        layer = self._find(test_id)["layer"]
        with self._database.write() as tx:
            if layer is not None:
                experiments.lock_layer(tx, layer)  # before the test itself, as `create_test` does: no deadlock
            test = experiments.get(tx, test_id, lock=True)
            if test is None:
                raise self._unknown(test_id, experiments.ids(tx))
            if test["status"] != "running":
                raise ConflictError(f"test {test_id} is not running")
            experiments.set_slots(tx, test_id, self._room(tx, test["slots"], test["layer"], share, test_id))
            experiments.decide(tx, test_id, "ramped", None, f"{share:.1%} of the units take part")

    def get_share(self, test_id: str) -> float:
        """Of all units, the share that takes part in a test now (0 to 1).

        Raises:
            NotFoundError: there is no such test.
        """
        return float(sum(end - first for first, end in self._find(test_id)["slots"]) / SLOTS)

    def monitor(self, test_id: str, alpha: float | None = None) -> ABTestResult:
        """The verdict so far, without concluding; for a concluded test, the stored one.

        Args:
            alpha: the test's own by default.

        Raises:
            NotFoundError: there is no such test.
            UsageError: alpha is not between 0 and 1.
        """
        if alpha is not None:
            check_alpha(alpha)
        test = self._find(test_id)
        return ended(test) if test["result"] else verdict.judge(test, alpha)

    def conclude_test(self, test_id: str, alpha: float | None = None, *, even_empty: bool = False) -> ABTestResult:
        """End a test and keep its verdict; concluding again returns the same.

        A test in which an arm has no samples stays open, with nothing significant.

        Args:
            alpha: the test's own by default, which is 0.05 unless it was created with another.
            even_empty: end it also where an arm has no samples, such as a test of a mistyped model.

        Raises:
            NotFoundError: there is no such test.
            UsageError: alpha is not between 0 and 1.
        """
        if alpha is not None:
            check_alpha(alpha)
        with self._database.write() as tx:
            test = experiments.get(tx, test_id, lock=True)
            if test is None:
                raise self._unknown(test_id, experiments.ids(tx))
            if test["result"]:
                return ended(test)
            result = verdict.judge(test, alpha)
            if even_empty or result.without_samples is None:
                _conclude(tx, result)
                experiments.decide(tx, test_id, "concluded", None, recommendation.recommend(result))
        return result

    def cheaper_and_not_worse(self, test_id: str, margin: float | None = None) -> dict[str, Any]:
        """Whether model_b is shown to be both cheaper than model_a and no more than a margin worse.

        Both one-sided statements must hold at the test's alpha, which therefore needs no splitting (an intersection of
        tests, Berger 1982); valid at every look.

        Args:
            margin: in units of the score; the test's own by default.

        Returns:
            holds; cheaper and not_worse (each: holds, estimate, bound); withheld (why nothing holds, where the models'
            shares of samples are not as planned).

        Raises:
            NotFoundError: there is no such test.
            UsageError: the margin is no difference of scores.
        """
        test = self._find(test_id)
        design, statistics = Design.of(**test["design"]), Statistics.of(test["statistics"])
        found = non_inferiority.cheaper_and_not_worse(design, statistics, margin)
        withheld = verdict.withheld(design, statistics)
        return found | {"holds": found["holds"] and not withheld, "withheld": withheld}

    def get_test_results(self, test_id: str) -> ABTestResult:
        """The state of a test: its verdict once concluded, else the one so far; see `monitor`."""
        return self.monitor(test_id)

    def get_all_results(self) -> dict[str, ABTestResult]:
        """The state of every test, by id, oldest first."""
        with self._database.read() as tx:
            tests = experiments.find(tx)
        return {test["id"]: ended(test) if test["result"] else verdict.judge(test) for test in tests}

    def get_running(self) -> list[ABTestResult]:
        """How each test that has not been concluded stands."""
        with self._database.read() as tx:
            return [verdict.judge(test) for test in experiments.find(tx, "running")]

    def get_decisions(self, test_id: str) -> list[dict[str, Any]]:
        """What was decided about a test, oldest first: action, model, reason, created_at.

        Raises:
            NotFoundError: there is no such test.
        """
        self._find(test_id)
        with self._database.read() as tx:
            return experiments.decisions(tx, test_id)

    def get_history(self, test_id: str) -> list[dict[str, Any]]:
        """What a test showed as it grew, at some 300 sizes up to ten million samples.

        Keys: size (scored samples per model, or pairs), effect, low and high (its interval), p_value, created_at; None
        where there was none yet.

        Raises:
            NotFoundError: no such test.
        """
        self._find(test_id)
        with self._database.read() as tx:
            return experiments.looks(tx, test_id)

    def export_results(self, filepath: str | Path) -> str:
        """Write every test's state as JSON, by id; unknown figures are null. Returns the path."""
        write_json(Path(filepath), {key: storable(asdict(value)) for key, value in self.get_all_results().items()})
        return str(filepath)

    def recommend_winner(self, result: ABTestResult) -> str:
        """The winning model's name, or a text starting with "TIE" that says why; see `recommendation.recommend`.

        Raises:
            UsageError: it is no result.
        """
        if not isinstance(result, ABTestResult):
            raise UsageError(f"recommend_winner takes what monitor or conclude_test returned, not {result!r}")
        return recommendation.recommend(result)

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

    def _write(self, test_id: str, samples: Sequence[Sample], counts: dict[str, int]) -> None:
        with self._database.write() as tx:
            recording = self._recording(tx, test_id, len(samples))
            if recording is None:
                counts["refused"] += len(samples)
                return
            recorded = recording.add(samples)
            self._settle(tx, test_id, recording)
        counts["recorded"] += recorded
        counts["repeated"] += len(samples) - recorded

    def _recording(self, tx: Transaction, test_id: str, samples: int) -> Recording | None:
        """The test, locked; None, and a line in the log, where it takes no samples."""
        found, design = experiments.lock(tx, test_id), self._design(test_id)
        if found is not None and design is not None and found[0] == "running":
            return Recording(tx, test_id, design, found[1])
        if found is not None:
            experiments.count_late(tx, test_id, samples)
        state = "unknown" if found is None else "concluded"
        _log.warning("sample not recorded: test %s is %s", test_id, state)
        return None

    @staticmethod
    def _settle(tx: Transaction, test_id: str, recording: Recording) -> None:
        """Where the test decides by itself and the verdict is in: deploy the winner and end the test."""
        if not recording.design.auto:
            return
        test = experiments.get(tx, test_id)
        result = verdict.judge({**(test or {}), "statistics": recording.statistics.as_dict()})
        pinned = (test or {}).get("pinned") or {A: result.model_a, B: result.model_b}
        decided = promotion.decision(tx, result, pinned)
        if decided is not None:
            promotion.carry_out(tx, test_id, decided, acting_user())
            _conclude(tx, result)

    @staticmethod
    def _room(tx: Transaction, slots: Any, layer: str | None, share: float, test_id: str = "") -> list[list[int]]:
        others = experiments.in_layer(tx, layer) if layer is not None else []
        return assignment.ramped(slots, [each["slots"] for each in others if each["id"] != test_id], share)

    def _design(self, test_id: str) -> Design | None:
        """A test's design, which never changes; None where there is no such test."""
        if test_id not in self._designs:
            with self._database.read() as tx:
                test = experiments.get(tx, test_id)
            if test is None:
                return None
            self._designs[test_id] = Design.of(**test["design"])
        return self._designs[test_id]

    def _find(self, test_id: str) -> dict[str, Any]:
        with self._database.read() as tx:
            test = experiments.get(tx, test_id)
            if test is None:
                raise self._unknown(test_id, experiments.ids(tx))
        return test

    @staticmethod
    def _unknown(test_id: str, known: list[str]) -> NotFoundError:
        return NotFoundError(f"no test {test_id}; known tests: {', '.join(known) or 'none'}")


def _conclude(tx: Transaction, result: ABTestResult) -> None:
    result.status, result.completed_at = "completed", now().isoformat()
    experiments.conclude(tx, result.test_id, storable(asdict(result)))
