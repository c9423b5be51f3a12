"""Samples on their way into the store: each counted once, in the same transaction as the sums that it changes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from fine_tuning._util import checks
from fine_tuning.errors import ConflictError, UsageError
from fine_tuning.experiments import verdict
from fine_tuning.experiments.design import MEASURES, Design
from fine_tuning.experiments.running_sums import Pairs
from fine_tuning.experiments.sufficient_statistics import ARMS, A, B, Statistics
from fine_tuning.store import experiments
from fine_tuning.store.column_types import to_json
from fine_tuning.store.database import Transaction
from fine_tuning.store.experiments import Cluster

LOOKS_APART = 1.05  # sizes at which what is known is kept: some 300 up to ten million samples
PAIR = "pair"  # the arm under which clusters of differences are kept
_CONTENT = ("cluster_id", "prediction", "reference", "error", "latency_ms", "cost", "covariate", "measures", "metadata")


@dataclass(frozen=True)
class Sample:
    """One answer of one model, or one call that failed.

    Attributes:
        arm: model_a or model_b.
        score: of the answer; None while unknown, and of a call that failed.
        error: why there is no answer.
        latency_ms: milliseconds; cost: US dollars; None where unknown.
        sample_id: what was answered: the same for both models, or what a later outcome is given for.
        cluster_id: of samples that may be alike, such as a user's.
        covariate: a figure known before the call that scores may depend on.
        measures: other figures of the answer by name.

    Raises:
        UsageError: one of them is wrong.
    """

    arm: str
    prediction: str | None = None
    reference: str | None = None
    score: float | None = None
    error: str | None = None
    latency_ms: float | None = None
    cost: float | None = None
    sample_id: str | None = None
    cluster_id: str | None = None
    covariate: float | None = None
    measures: Mapping[str, float] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.arm not in ARMS:
            raise UsageError(f"unknown arm {self.arm!r}; use {A} or {B}")
        for label in ("sample_id", "cluster_id"):
            if (value := getattr(self, label)) is not None:
                checks.name(label, value)
        for label, value in (("score", self.score), ("covariate", self.covariate), *self.measures.items()):
            if value is not None:
                checks.number(label, value)
        if taken := self.measures.keys() & set(MEASURES):
            raise UsageError(f"{min(taken)} is no name for a measure of your own; give it as an argument of the sample")
        if self.error is not None and self.score is not None:
            raise UsageError("a call that failed has no score")

    def row(self) -> dict[str, Any]:
        """The sample as the store keeps it."""
        found = {name: getattr(self, name) for name in ("arm", "sample_id", "score", *_CONTENT)}
        return found | {"measures": dict(self.measures) or None, "metadata": dict(self.metadata), "ordinal": None}


def check_score(design: Design, score: float) -> float:
    """The score, if the design allows it.

    Raises:
        UsageError: it is none, or out of its bounds.
    """
    score = checks.number("score", float(score) if isinstance(score, bool) else score)
    if design.score == "binary" and score not in (0, 1):
        raise UsageError(f"scores of this test are 0 or 1, not {score!r}; create it with score='bounded' or 'real'")
    if design.score == "bounded" and not design.low <= score <= design.high:
        raise UsageError(f"scores of this test lie between {design.low:g} and {design.high:g}, not {score!r}")
    return float(score)


class Recording:
    """A transaction's additions to one test, whose lock the caller holds.

    Args:
        state: the running sums, as the store has them.
    """

    def __init__(self, tx: Transaction, test_id: str, design: Design, state: Mapping[str, Any] | None) -> None:
        self._tx, self._id = tx, test_id
        self.design = design
        self.statistics = Statistics.of(state)
        self._scores: dict[str, dict[int, float]] = {arm: {} for arm in ARMS}
        self._clusters: dict[tuple[str, str], Cluster] = {}
        self._touched: set[tuple[str, str]] = set()

    def add(self, samples: Sequence[Sample]) -> int:
        """Record samples; those that are there already, and say the same, are not counted again. Returns how many were.

        Raises:
            ConflictError: a sample_id is there with other content; nothing is recorded.
        """
        known = experiments.samples_of(self._tx, self._id, [s.sample_id for s in samples if s.sample_id is not None])
        self._load(samples)
        rows = []
        for sample in samples:
            row = sample.row()
            if sample.sample_id is not None:
                key = (sample.arm, sample.sample_id)
                if key in known:
                    _check_same(known[key], row)
                    continue
                known[key] = row
            self._arrive(sample)
            if sample.score is not None:
                row["ordinal"] = self._score(sample.arm, sample.score, row, known)
            rows.append(row)
            self.statistics.look(self.design, ends_block=False)
        self.statistics.look(self.design)
        experiments.add_samples(self._tx, self._id, rows)
        self._save()
        return len(rows)

    def add_outcome(self, sample_id: str, arm: str | None, outcome: Mapping[str, Any]) -> bool:
        """Give a sample that was recorded without a score its score. False where it has the same already.

        Raises:
            UsageError: no such sample, or one of each model and no arm was named, or the call had failed.
            ConflictError: it has another score.
        """
        known = experiments.samples_of(self._tx, self._id, [sample_id])
        arms = [arm] if arm else [name for name, _ in known]
        if len(arms) != 1 or (arms[0], sample_id) not in known:
            wanted = "name model_a or model_b" if len(known) > 1 else "record it first"
            raise UsageError(f"test {self._id} has {len(known) or 'no'} sample {sample_id!r}; {wanted}")
        row = known[arms[0], sample_id]
        if row["error"] is not None:
            raise UsageError(f"the call of sample {sample_id!r} failed ({row['error']}); it has no score")
        if row["score"] is not None:
            if row["score"] != outcome["score"]:
                raise ConflictError(f"sample {sample_id!r} has the score {row['score']:g} already")
            return False
        row.update(outcome)
        self._load([Sample(arms[0], score=outcome["score"], sample_id=sample_id, cluster_id=row["cluster_id"])])
        ordinal = self._score(arms[0], outcome["score"], row, known)
        self.statistics.look(self.design)
        experiments.set_outcome(self._tx, row["id"], {**outcome, "ordinal": ordinal})
        self._save()
        return True

    def _load(self, samples: Sequence[Sample]) -> None:
        """Read what new scores are paired with, and the clusters that they belong to."""
        scored = [sample for sample in samples if sample.score is not None]
        for arm, other in ((A, B), (B, A)):
            counts = {name: self.statistics.arms[name].scores.count for name in ARMS}
            last = min(counts[other] + sum(sample.arm == other for sample in scored), counts[arm])
            if last > counts[other]:
                self._scores[arm] = experiments.scores_at(self._tx, self._id, arm, counts[other] + 1, last)
        clusters = {sample.cluster_id for sample in samples if sample.cluster_id is not None}
        self._clusters = experiments.clusters_of(self._tx, self._id, sorted(clusters))

    def _arrive(self, sample: Sample) -> None:
        """Count a call and what it took."""
        arm = self.statistics.arms[sample.arm]
        arm.samples += 1
        if sample.latency_ms is not None and any(rail.statistic != "mean" for rail in self.design.guardrails):
            arm.latencies.add(sample.latency_ms)
        brought = {"errors": float(sample.error is not None), "latency": sample.latency_ms, "cost": sample.cost}
        for name, value in (brought | dict(sample.measures)).items():
            if value is not None:
                arm.measure(name).add(value)
                arm.measure_clusters(name).grow(*self._grow_measure(sample, name, value), value)

    def _score(self, name: str, score: float, row: Mapping[str, Any], known: Mapping[tuple[str, str], Any]) -> int:
        """Count a score, alone and with its partners. Returns its ordinal."""
        arm, other = self.statistics.arms[name], B if name == A else A
        arm.scores.add(score)
        if row["covariate"] is not None:
            arm.covaried.add(row["covariate"], score)
        arm.clusters.grow(*self._grow(name, row["cluster_id"], score), score)
        partner = known.get((other, row["sample_id"])) if row["sample_id"] is not None else None
        if partner is not None and partner["score"] is not None:
            self._pair(name, score, partner["score"], row["cluster_id"])
        ordinal = arm.scores.count
        self._scores[name][ordinal] = score
        if ordinal <= self.statistics.arms[other].scores.count:
            a, b = (score, self._scores[other][ordinal]) if name == A else (self._scores[other][ordinal], score)
            self._add_pair(self.statistics.by_order, a, b)
        return ordinal

    def _pair(self, name: str, score: float, partner: float, cluster: str | None) -> None:
        """Count both answers to the same sample."""
        a, b = (score, partner) if name == A else (partner, score)
        self._add_pair(self.statistics.by_id, a, b)
        self.statistics.pair_clusters.grow(*self._grow(PAIR, cluster, b - a), b - a)

    def _add_pair(self, pairs: Pairs, a: float, b: float) -> None:
        pairs.add(a, b)
        if self.design.score == "bounded":
            pairs.bet(self.design.alpha, self.design.spread, b - a)

    def _grow(self, arm: str, cluster: str | None, score: float) -> tuple[int, float]:
        """Size and total of a cluster before this score; what belongs to none is a cluster of its own."""
        if cluster is None:
            return 0, 0.0
        known = self._cluster(arm, cluster)
        size, total = known.size, known.total
        known.size, known.total = size + 1, total + score
        return size, total

    def _grow_measure(self, sample: Sample, name: str, value: float) -> tuple[int, float]:
        """The same of a measure."""
        if sample.cluster_id is None:
            return 0, 0.0
        known = self._cluster(sample.arm, sample.cluster_id).measures
        size, total = known.get(name, (0, 0.0))
        known[name] = (size + 1, total + value)
        return size, total

    def _cluster(self, arm: str, cluster: str) -> Cluster:
        """What is known of a cluster, which is about to change."""
        self._touched.add((arm, cluster))
        return self._clusters.setdefault((arm, cluster), Cluster())

    def _note_look(self) -> None:
        """Keep what the test shows now, once in a while: for looking back at how its interval became narrow."""
        size = self.statistics.size
        if size < self.statistics.next_look:
            return
        self.statistics.next_look = max(size + 1, ceil(size * LOOKS_APART))
        found = verdict.shown(self.design, self.statistics)
        if found["effect"] is not None:
            experiments.add_look(self._tx, self._id, {"size": size, **found})

    def _save(self) -> None:
        self._note_look()
        experiments.set_clusters(self._tx, self._id, {key: self._clusters[key] for key in self._touched})
        experiments.set_statistics(self._tx, self._id, self.statistics.as_dict())


def _check_same(known: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    """A sample that is recorded twice says the same twice; a score may have become known in between."""
    if known["score"] is not None and row["score"] is None:  # the outcome came in between, perhaps with its reference
        row = {**row, "reference": row["reference"] or known["reference"]}
    if _as_kept(known) != _as_kept(row) or row["score"] not in (None, known["score"]):
        raise ConflictError(f"sample {row['sample_id']!r} of {row['arm']} is there already, with other content")


def _as_kept(row: Mapping[str, Any]) -> Any:
    """What a sample says, as it comes back from the store: a tuple, for one, as a list."""
    return json.loads(to_json({name: row[name] for name in _CONTENT}))
