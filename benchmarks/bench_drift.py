"""Drift of inputs: how often it is found where there is none, and after how many conversations where there is some.

    python benchmarks/bench_drift.py     # 10 minutes on two cores

needs ../shared/data/banking77 (CC-BY-4.0), whose intents are the topics of conversations.
"""

from __future__ import annotations

import csv
from math import log
from statistics import median

import numpy as np
import report
from numpy.typing import NDArray

from fine_tuning.evaluation.intervals import wilson
from fine_tuning.experiments import two_sample_drift
from fine_tuning.experiments.betting import log_evidence
from fine_tuning.serving.embedding.embedder import Vectors, vectors_of
from fine_tuning.serving.embedding.embedding_models import open_embedder

DATA = report.PROJECT.parent / "shared" / "data" / "banking77"
ALPHA, REFERENCE, RUNS, DRIFTED_RUNS, KNOWN = 0.015, 500, 400, 40, 60
SHARES = (0.1, 0.2, 0.5)  # of the new conversations, that are of topics which were not there before


def questions() -> tuple[Vectors, NDArray[np.int64]]:
    """Embeddings of all training questions, and the number of the intent of each."""
    with (DATA / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["category"] for row in rows})
    embedder = open_embedder("wordllama")
    found = vectors_of(embedder, [row["text"] for row in rows])
    embedder.close()
    return found, np.asarray([names.index(row["category"]) for row in rows])


def found_at(old: Vectors, new: Vectors) -> int | None:
    """The number of pairs after which drift is found."""
    evidence = np.asarray(log_evidence(two_sample_drift.payoffs(old, new)))
    over = np.flatnonzero(evidence >= log(1 / ALPHA))
    return int(over[0]) + 1 if len(over) else None


def drawn(
    rng: np.random.Generator, usual: np.ndarray, other: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Places of old conversations, all usual, and of new ones, of which a share is of other topics."""
    order, strange = rng.permutation(usual), rng.permutation(other)
    is_strange = rng.random(REFERENCE) < share
    new = np.where(is_strange, strange[:REFERENCE], order[REFERENCE : 2 * REFERENCE])
    return order[:REFERENCE], new


def main() -> None:
    """Write the section."""
    if not DATA.is_dir():
        print(f"skipped: {DATA.name} is not there")
        return
    vectors, topics = questions()
    rng = np.random.default_rng(0)
    usual, other = np.flatnonzero(topics < KNOWN), np.flatnonzero(topics >= KNOWN)
    alarms = 0
    for _ in range(RUNS):
        old, new = drawn(rng, usual, other, 0.0)
        alarms += found_at(vectors[old], vectors[new]) is not None
    low, high = wilson(alarms, RUNS)
    lines = []
    for share in SHARES:
        pairs = [found_at(*(vectors[at] for at in drawn(rng, usual, other, share))) for _ in range(DRIFTED_RUNS)]
        seen = [each for each in pairs if each is not None]
        after = f"{median(seen):.0f}" if seen else "-"
        lines.append(f"| {share:.0%} | {len(seen)} of {DRIFTED_RUNS} | {after} |")
    table = "\n".join(lines)
    body = f"""Questions of banking77 as conversations: {REFERENCE} old ones, up to as many new ones, alpha {ALPHA}
(half of a route's). Where nothing has changed, an alarm in {alarms} of {RUNS} runs: {alarms / RUNS:.1%} ({low:.1%} to
{high:.1%}), over all looks. With topics that were not there before:

| share of the new conversations | found | after so many of them (median) |
|---|---|---|
{table}"""
    report.write("Drift", "bench_drift.py", body)


if __name__ == "__main__":
    main()
