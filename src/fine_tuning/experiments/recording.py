"""Recording of samples: each is counted once, in the same transaction as the sums that it changes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import ceil

from fine_tuning.errors import ConflictError, UsageError
from fine_tuning.experiments import verdict
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.propensity_strata import ERRORS
from fine_tuning.experiments.sample import Sample, check_arm
from fine_tuning.experiments.sufficient_statistics import A, Score, Statistics
from fine_tuning.store import experiment_samples, experiments
from fine_tuning.store.column_types import now, to_json
from fine_tuning.store.database import Transaction
from fine_tuning.store.experiment_samples import ClusterKey, Outcome, SampleKey, Unit
from fine_tuning.store.experiments import Sums
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.experiments import NewSample
from fine_tuning.store.records.experiments import Sample as SampleRecord

STORED_GROWTH = 1.05  # ratio of sizes at which the interval is stored: some 300 up to ten million samples
StoredSample = SampleRecord | NewSample
_CONTENT = {
    "cluster_id",
    "prediction",
    "reference",
    "error",
    "latency_ms",
    "cost",
    "covariate",
    "stratum",
    "measures",
    "metadata",
}


class Recording:
    """A transaction's additions to one test, whose lock the caller holds.

    Args:
        sums: the running ones, as the store has them.
    """

    def __init__(self, tx: Transaction, test_id: str, design: Design, sums: Sums) -> None:
        self._tx, self._id = tx, test_id
        self.design = design
        self.statistics = Statistics.of(sums.statistics, sums.arms)
        self._clusters: dict[ClusterKey, Unit] = {}
        self._touched: set[ClusterKey] = set()
        self._now = now().timestamp()

    def add(self, samples: Sequence[Sample]) -> int:
        """Record samples; identical ones that are stored already are not counted again. Returns the number recorded.

        Raises:
            ConflictError: a sample_id is stored with other content; nothing is recorded.
        """
        ids = [sample.sample_id for sample in samples if sample.sample_id is not None]
        known: dict[SampleKey, StoredSample] = {**experiment_samples.by_id(self._tx, self._id, ids)}
        self._load({sample.cluster_id for sample in samples})
        rows = []
        for sample in samples:
            check_arm(sample.arm, [*self.statistics.arms])
            row = sample.as_row()
            if sample.sample_id is not None:
                key = (sample.arm, sample.sample_id)
                if key in known:
                    _check_same(known[key], row)
                    continue
                known[key] = row
            unit = self._unit(sample.arm, row, known)
            row["ordinal"] = self._arrive(sample, unit)
            if sample.score is not None:
                self._score(sample.arm, row, known, unit)
                self.statistics.look(self.design)
            rows.append(row)
        experiment_samples.add(self._tx, self._id, rows)
        self._save()
        return len(rows)

    def add_outcome(self, sample_id: str, arm: Arm | None, outcome: Outcome) -> bool:
        """Score a sample that was recorded without a score. False where it has that score already.

        Raises:
            UsageError: no such sample, or one of each model and no arm was named, or the call had failed.
            ConflictError: it has another score.
        """
        stored = experiment_samples.by_id(self._tx, self._id, [sample_id])
        known: dict[SampleKey, StoredSample] = {**stored}
        arms = [arm] if arm else [name for name, _ in known]
        if len(arms) != 1 or (arms[0], sample_id) not in known:
            remedy = "name model_a or model_b" if len(known) > 1 else "record it first"
            raise UsageError(f"test {self._id} has {len(known) or 'no'} sample {sample_id!r}; {remedy}")
        row = stored[arms[0], sample_id]
        if row["error"] is not None:
            raise UsageError(f"the call of sample {sample_id!r} failed ({row['error']}); it has no score")
        if row["score"] is not None:
            if row["score"] != outcome["score"]:
                raise ConflictError(f"sample {sample_id!r} has the score {row['score']:g} already")
            return False
        self._load({row["cluster_id"]})
        unit = self._unit(arms[0], row, known)
        row["score"], row["reference"] = outcome["score"], outcome.get("reference", row["reference"])
        if not unit[arms[0]].ordinal:
            self.statistics.late_outcomes += 1
        self._score(arms[0], row, known, unit, is_late=True)
        self.statistics.look(self.design)
        experiment_samples.set_outcome(self._tx, row["id"], outcome)
        self._save()
        return True

    def _load(self, clusters: set[str | None]) -> None:
        """Read the clusters that new samples belong to."""
        named = sorted(cluster for cluster in clusters if cluster is not None)
        self._clusters = experiment_samples.clusters(self._tx, self._id, named)

    def _unit(self, arm: Arm, row: StoredSample, known: Mapping[SampleKey, StoredSample]) -> dict[Arm, Unit]:
        """The sums of a sample's unit so far, by arm: of its cluster, else of the answers to the same question."""
        sample_id, cluster = row["sample_id"], row["cluster_id"]
        others = [each for each in self.statistics.arms if each != arm]
        if cluster is not None:
            unit = {each: self._clusters[each, cluster] for each in others if (each, cluster) in self._clusters}
            return unit | {arm: self._cluster(arm, cluster)}
        answers = {each: known[each, sample_id] for each in others if sample_id and (each, sample_id) in known}
        unit = {each: self.statistics.unit_of(answer) for each, answer in answers.items()}
        return unit | {arm: Unit() if row["ordinal"] is None else self.statistics.unit_of(row)}

    def _arrive(self, sample: Sample, unit: dict[Arm, Unit]) -> int:
        """Count a call and its measures. Returns its number within the model."""
        self.statistics.came(self._now)
        if sample.provider is not None:
            self.statistics.answered_by(sample.arm, sample.provider)
        if sample.latency_ms is not None and any(rail.statistic != "mean" for rail in self.design.guardrails):
            self.statistics.arms[sample.arm].latencies.add(sample.latency_ms)
        known = {ERRORS: float(sample.error is not None), "latency": sample.latency_ms, "cost": sample.cost}
        measures = {name: value for name, value in {**known, **sample.measures}.items() if value is not None}
        return self.statistics.arrive(sample.arm, sample.stratum or "", unit, measures)

    def _score(
        self,
        arm: Arm,
        row: StoredSample,
        known: Mapping[SampleKey, StoredSample],
        unit: dict[Arm, Unit],
        *,
        is_late: bool = False,
    ) -> None:
        """Count the score of a sample."""
        self.statistics.came(self._now)
        for other in self.statistics.arms:
            key = (other, row["sample_id"] or "")
            if other != arm and A in (arm, other) and key in known and known[key]["score"] is not None:
                self.statistics.comparisons[other if arm == A else arm].pairs += 1
        assert row["score"] is not None  # noqa: S101 - it is counted for that
        score = Score(row["score"], row["covariate"])
        self.statistics.add_score(self.design, arm, score, unit, is_late=is_late)

    def _cluster(self, arm: Arm, cluster: str) -> Unit:
        """The sums of a cluster that is about to change."""
        self._touched.add((arm, cluster))
        return self._clusters.setdefault((arm, cluster), Unit())

    def _store_look(self) -> None:
        """Store the interval at growing sizes, for the history."""
        size = self.statistics.size
        if size < self.statistics.comparison.next_look:
            return
        self.statistics.comparison.next_look = max(size + 1, ceil(size * STORED_GROWTH))
        if (look := verdict.look(self.design, self.statistics)) is not None:
            experiments.add_look(self._tx, self._id, look)

    def _save(self) -> None:
        self._store_look()
        experiment_samples.set_clusters(self._tx, self._id, {key: self._clusters[key] for key in self._touched})
        experiments.set_statistics(self._tx, self._id, self.statistics.as_dict())


def _check_same(known: StoredSample, row: NewSample) -> None:
    """Refuse a repeated sample with other content; a score may have become known in between."""
    if known["score"] is not None and row["score"] is None:  # the outcome came in between, perhaps with its reference
        row["reference"] = row["reference"] or known["reference"]
    if _as_kept(known) != _as_kept(row) or row["score"] not in (None, known["score"]):
        raise ConflictError(f"sample {row['sample_id']!r} of {row['arm']} is stored already, with other content")


def _as_kept(row: StoredSample) -> object:
    """The content of a sample as it comes back from the store: a tuple, for one, as a list."""
    return json.loads(to_json({name: value for name, value in row.items() if name in _CONTENT}))
