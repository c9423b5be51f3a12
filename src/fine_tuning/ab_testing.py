"""ABTestFramework: compare two models in production."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Unpack

from fine_tuning._util.files import write_json
from fine_tuning.data_io.answers import AnswerLike
from fine_tuning.errors import UsageError
from fine_tuning.experiments import chi_squared, lifecycle, non_inferiority, promotion
from fine_tuning.experiments.ab_test_result import ABTestResult
from fine_tuning.experiments.design import SLOTS, DesignChoices
from fine_tuning.experiments.lifecycle import CreatedTest
from fine_tuning.experiments.non_inferiority import CheaperAndNotWorse
from fine_tuning.experiments.recommendation import recommend
from fine_tuning.experiments.sample import check_arm
from fine_tuning.experiments.sample_scoring import Arguments, Recorder, SampleDetails
from fine_tuning.experiments.sample_writer import Counts, SampleWriter
from fine_tuning.experiments.sufficient_statistics import B
from fine_tuning.store import experiments, legacy_files
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.experiments import ExperimentDecision, ExperimentLook
from fine_tuning.store.workspace import Workspace, open_workspace

__all__ = ["ABTestFramework", "ABTestResult"]


class ABTestFramework:
    """A/B tests in the workspace, shared by all processes: one creates a test, others record samples or conclude it.

    Verdicts are valid at every look: stopping as soon as a difference shows does not raise the error rate above alpha.

    Args:
        path: a file, folder or database URL; the workspace by default. A file of results (.json, as `export_results`
            writes it, or .jsonl) is imported once into a database beside it.
        workspace: an open workspace, in place of a path.
    """

    def __init__(self, path: str | Path | None = None, *, workspace: Workspace | None = None) -> None:
        workspace = workspace or open_workspace(path)
        self._database, self._writer = workspace.database, SampleWriter(workspace)
        if path is not None and "://" not in str(path):
            legacy_files.import_experiments(self._database, path)

    def create_test(
        self,
        test_id: str,
        model_a: str,
        model_b: str,
        metadata: Mapping[str, object] | None = None,
        *,
        more: Sequence[str] = (),
        design: str = "anytime",
        **choices: Unpack[DesignChoices],
    ) -> CreatedTest:
        """Start a test; starting the same running test again returns it.

        Args:
            more: further models (arms model_c, model_d, ...), each compared with model_a; the units are divided evenly.
            design: anytime (a verdict at every look), group_sequential (at planned looks) or fixed (at the end).
            choices: alpha, planned, looks, spending, score, low, high, metric, margin, split, guardrails, ramp, layer,
                auto; see `experiments.design.Design`. With a metric of the evaluator, `score` is the metric's.

        Raises:
            UsageError: an empty name, a wrong choice, or models that `auto` could not deploy.
            ConflictError: the id is that of another or a concluded test, or the layer has too few units left.
        """
        models = lifecycle.models_of(model_a, model_b, more)
        if more and "split" not in choices:
            choices["split"] = (1 + len(more)) / (2 + len(more))
        return lifecycle.create(self._database, test_id, models, lifecycle.design_of(design, choices), metadata)

    def record_sample(
        self,
        test_id: str,
        model: str,
        prediction: AnswerLike | None,
        reference: AnswerLike | None,
        latency_ms: float | None,
        cost: float | None,
        metadata: Mapping[str, object] | None = None,
        **more: Unpack[SampleDetails],
    ) -> bool:
        """Record one answer, scored by the test's metric (by default: equal to the reference after stripping).

        Args:
            model: "model_a" or "model_b", or the arm of a further model.
            latency_ms: milliseconds; None (or nan) where unknown.
            cost: US dollars; None (or nan) where unknown.
            more: score (instead of a metric's), error (of a failed call), sample_id (of the question: both models'
                answers to it are a pair; an identical sample is counted once), cluster_id (of samples that may be
                correlated, such as a user's), covariate (a figure known before the call), stratum (a kind of call,
                within which the models are compared), measures (other figures by name), provider (that answered:
                an address, an id or "local"). Without reference and score the outcome is open; see `record_outcome`.

        Returns:
            False for an unknown or concluded test (logged and counted, nothing recorded).

        Raises:
            UsageError: another arm, a text of another type, or a figure out of range.
            ConflictError: the sample_id is stored already, with other content.
        """
        row = {"model": model, "prediction": prediction, "reference": reference, "latency_ms": latency_ms, "cost": cost}
        counts = self.record_samples(test_id, [{**row, "metadata": metadata, **more}])
        return counts["recorded"] + counts["repeated"] == 1

    def record_samples(self, test_id: str, samples: Iterable[Arguments]) -> Counts:
        """Record many answers, each a mapping of `record_sample`'s arguments.

        Returns:
            recorded, repeated (stored already) and refused (of an unknown or concluded test).

        Raises:
            UsageError, ConflictError: as `record_sample`; of each block of 2,000 samples all are recorded, or none.
        """
        return self._writer.record(test_id, samples)

    def buffer(self, test_id: str) -> Recorder:
        """Record in the background: `with framework.buffer("test") as samples: samples.record("model_a", ...)`.

        `record` takes model, prediction and reference, and `record_sample`'s others by name; it never waits or fails.

        Raises:
            NotFoundError: there is no such test.
        """
        return self._writer.buffer(test_id)

    def record_outcome(
        self,
        test_id: str,
        sample_id: str,
        reference: AnswerLike | None = None,
        *,
        score: float | None = None,
        model: str | None = None,
    ) -> bool:
        """Score an answer that was recorded with a sample_id and without a score.

        Args:
            reference: the right answer, for the test's metric; or give the `score`.
            model: the arm, where both models answered the sample.

        Returns:
            False for an unknown or concluded test, and where the outcome is known already.

        Raises:
            UsageError: there is no such sample, or nothing to score it by.
            ConflictError: it has another score already.
        """
        return self._writer.record_outcome(test_id, sample_id, reference, score, model)

    def assign(self, test_id: str, unit_id: str) -> str | None:
        """The arm of a unit (a user, a conversation), always the same; None for one that takes no part.

        Raises:
            NotFoundError: there is no such test.
            UsageError: the unit is not text.
        """
        chosen = self.choose(test_id, unit_id)
        return None if chosen is None else chosen[0]

    def choose(self, test_id: str, unit_id: str) -> tuple[Arm, str] | None:
        """The arm of a unit, and its model's name; see `assign`."""
        return lifecycle.choose(self._database, test_id, unit_id)

    def promoted(self, test_id: str) -> str | None:
        """The registered name of the model that an auto test has promoted; None where it has promoted none."""
        return promotion.promoted_name(self.get_decisions(test_id))

    def ramp(self, test_id: str, share: float) -> None:
        """Change the share of the units (0 to 1) that take part; units that do keep their model.

        Raises:
            NotFoundError: there is no such test.
            UsageError: the share is not between 0 and 1.
            ConflictError: the test is over, or its layer has too few units left.
        """
        lifecycle.ramp(self._database, test_id, share)

    def get_share(self, test_id: str) -> float:
        """The share of all units (0 to 1) that takes part in a test."""
        return sum(end - first for first, end in lifecycle.find(self._database, test_id)["slots"]) / SLOTS

    def monitor(self, test_id: str, alpha: float | None = None) -> ABTestResult:
        """The verdict so far, without concluding (alpha: the test's own by default); once concluded, the stored one."""
        return lifecycle.monitor(self._database, test_id, alpha)

    def conclude_test(self, test_id: str, alpha: float | None = None, *, even_empty: bool = False) -> ABTestResult:
        """End a test and store its verdict; concluding again returns the same.

        A test in which an arm has no samples stays open, with nothing significant, unless `even_empty`.

        Args:
            alpha: the test's own by default, which is 0.05 unless it was created with another.

        Raises:
            NotFoundError: there is no such test.
            UsageError: alpha is not between 0 and 1.
        """
        return lifecycle.conclude(self._database, test_id, alpha, even_empty=even_empty)

    def cheaper_and_not_worse(self, test_id: str, margin: float | None = None, model: str = B) -> CheaperAndNotWorse:
        """Whether a model is shown to be both cheaper than model_a and no more than a margin worse.

        Both one-sided statements must hold at the test's alpha, of which each of several models has its part; see
        `non_inferiority`. Valid at every look.

        Args:
            margin: in units of the score; the test's own by default. model: the arm beside model_a.
        """
        return non_inferiority.of_test(lifecycle.find(self._database, test_id), check_arm(model), margin)

    def get_test_results(self, test_id: str) -> ABTestResult:
        """The state of a test: its verdict once concluded, else the one so far; see `monitor`."""
        return self.monitor(test_id)

    def get_all_results(self) -> dict[str, ABTestResult]:
        """The state of every test, by id, oldest first."""
        return lifecycle.results(self._database)

    def get_running(self) -> list[ABTestResult]:
        """The state of each running test, oldest first."""
        return list(lifecycle.results(self._database, "running").values())

    def get_decisions(self, test_id: str) -> list[ExperimentDecision]:
        """The decisions about a test, oldest first."""
        return lifecycle.decisions(self._database, test_id)

    def get_history(self, test_id: str) -> list[ExperimentLook]:
        """Effect, interval and p-value of model_b as a test grew, at some 300 sizes up to ten million samples."""
        lifecycle.find(self._database, test_id)
        with self._database.read() as tx:
            return experiments.looks(tx, test_id)

    def export_results(self, filepath: str | Path) -> str:
        """Write every test's state as JSON, by id; unknown figures are null. Returns the path."""
        write_json(Path(filepath), {key: result.as_json() for key, result in self.get_all_results().items()})
        return str(filepath)

    def recommend_winner(self, result: ABTestResult) -> str:
        """The winning model's name, or a text starting with "TIE" that says why; see `recommendation.recommend`."""
        if not isinstance(result, ABTestResult):
            raise UsageError(f"recommend_winner takes an ABTestResult, not {result!r}")
        return recommend(result).as_text(result)

    def _chi_squared_test(self, p_a: float, p_b: float, n_a: int, n_b: int, alpha: float = 0.05) -> bool:
        """Pearson's chi-squared test of two rates at one planned look (not for peeking; `monitor` is)."""
        return chi_squared.rates_differ((p_a, p_b), (n_a, n_b), alpha)
