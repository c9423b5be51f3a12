"""Statements beside the verdict: non-inferiority, guardrails, the sample ratio check, and few observations."""

from __future__ import annotations

import sys
from math import log
from typing import Any

import numpy as np
import report
from scipy.stats import norm
from statistics_power import SIZE
from statistics_production import share

from fine_tuning.experiments import confidence_sequences, guardrails, sample_ratio, simulation
from fine_tuning.experiments.design import Design, Guardrail
from fine_tuning.experiments.estimated_effects import MIN_OBSERVATIONS
from fine_tuning.experiments.simulation import Scenario

sys.path.insert(0, str(report.PROJECT))
from tests.experiments import states


def not_worse(replications: int) -> str:
    """A model that is worse by exactly the margin, looked at after every sample: how often it is called not worse."""
    rng, margin, found = np.random.default_rng(8), 0.05, []
    number = np.arange(1, SIZE + 1)
    width = np.array([confidence_sequences.half_width(1.0, 2 * n, 0.1) for n in number.tolist()])
    for _ in range(replications // 100):
        a, b = simulation.answers(rng, (100, SIZE), Scenario(0.85, 0.80))
        right = [np.cumsum(each, axis=1) for each in (a, b)]
        smooth = [(each + 1) / (number + 2) for each in right]
        variance = sum(rate * (1 - rate) for rate in smooth) / number
        low = (right[1] - right[0]) / number - width * np.sqrt(variance)
        found.append((low[:, MIN_OBSERVATIONS - 1 :] > -margin).any(axis=1))
    return f"""
## Non-inferiority

0.85 against 0.80 with a margin of 0.05: declared not worse at any of {SIZE:,} looks in {share(np.concatenate(found))}
of {replications:,} tests (target: at most 5 %). Of several models each is tested at its part of alpha, as verdicts are.
"""


def mismatch(replications: int) -> str:
    """A share of the units is lost."""
    rng, units = np.random.default_rng(9), np.arange(100, 10_001, 100)

    def first(count_b: float) -> Any:
        b = np.cumsum(rng.binomial(100, count_b, (replications, len(units))), axis=1)
        fires = sample_ratio.log_e_values(units - b, b, 0.5) >= -log(sample_ratio.ALPHA)
        return np.where(fires.any(axis=1), units[fires.argmax(axis=1)], 10**9)

    def last(share_b: float, size: int) -> str:
        counts = [[int(size - b), int(b)] for b in rng.binomial(size, share_b, replications)]
        found = [sample_ratio.last_p_value(each, (0.5, 0.5)) <= sample_ratio.ALPHA for each in counts]
        return f"{share(found)} with {size:,}"

    even, odd = first(0.5), first(0.53)
    found = odd[odd < 10**9]
    sizes = 1000, 3000, 10_000
    kept, lost = (", ".join(last(share_b, size) for size in sizes) for share_b in (0.5, 0.53))
    return f"""
## Sample ratio check (SRM)

Planned 50/50, 100 looks in 10,000 units, {replications:,} tests: fails at any look in {share(even < 10**9)} of those
with 50/50 (target: at most 0.1 %). With 53/47 it fails after {np.median(odd):,.0f} units in the median and
{found.mean():,.0f} in the mean, in {share(odd < 10**9)} of the tests by 10,000. It compares the units so far, so that
it passes again where the missing ones arrive.

At the look that concludes a test, an exact binomial test at 0.001 fails it as well. Of tests of so many units:

- with 50/50 it fails {kept} (target: at most 0.1 %)
- with 53/47 it fails {lost}
"""


def few_and_alike(replications: int) -> str:
    """Tests that end after few clusters or samples, and skewed measures."""
    rng, tests = np.random.default_rng(10), replications // 5
    clusters = []
    for count, calls in ((2, 100), (5, 40), (10, 20), (50, 10)):
        design, found = Design(kind="fixed", planned=count * calls), []
        for _ in range(tests):
            chances = 1 / (1 + np.exp(-1 - rng.normal(size=(2, count, 1))))
            a, b = (rng.random((2, count, calls)) < chances).astype(float).reshape(2, -1)
            found.append(_has_winner(design, a, b, count))
        clusters.append(f"{share(found)} with {count} of {calls} calls")
    means = []
    for size in (5, 10, 30):
        design = Design(kind="fixed", planned=size, score="real")
        found = [_has_winner(design, *rng.normal(size=(2, size)), size) for _ in range(tests)]
        means.append(f"{share(found)} with {size} scores")
    kept = []
    for ratio in (1, 9):
        rail, holds = Guardrail("latency", 0.1), []
        for _ in range(replications // 25):
            a, b = rng.lognormal(0, 1, 2000 * ratio), 1.1 * rng.lognormal(0, 1, 2000)
            holds.append(_ever_holds(rail, a, b, ratio))
        kept.append(f"{share(holds)} with {ratio} to 1 calls")
    return f"""
## Few, clustered and skewed observations

Equal models, fixed designs of {tests:,} tests each (target: at most 5 %). Users with rates of their own, per model:
{", ".join(clusters)}. Real scores: {", ".join(means)}.
A latency guardrail whose true excess equals its margin, lognormal latencies, 40 looks up to 2,000 calls, {len(holds):,}
tests: declared to hold in {", in ".join(kept)} (target: at most 5 %).
"""


def _has_winner(design: Design, a: Any, b: Any, clusters: int) -> bool:
    statistics = states.statistics(a, b, clusters=clusters)
    statistics.look(design)
    return bool(abs(statistics.comparison.looks[0].z) >= norm.ppf(1 - design.alpha / 2))


def _ever_holds(rail: Guardrail, a: Any, b: Any, ratio: int) -> bool:
    for look in np.unique(np.geomspace(10, 2000, 40).astype(int)):
        statistics = states.of_measure("latency", a[: look * ratio], b[:look])
        if guardrails.judge(rail, statistics, 0.05).status == guardrails.HOLDS:
            return True
    return False
