"""Error rates, sample sizes and coverage of the experiments and intervals, by simulation; writes docs/statistics.md.

python benchmarks/bench_statistics.py                      # 10,000 tests of each kind: some minutes on two cores
python benchmarks/bench_statistics.py --replications 500   # a shorter run
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from math import ceil, log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import report
from scipy.stats import binom, norm

from fine_tuning.evaluation import intervals, paired_tests
from fine_tuning.experiments import (
    betting_intervals,
    confidence_sequences,
    guardrails,
    sample_ratio,
    sample_size,
    simulation,
)
from fine_tuning.experiments.design import Design, Guardrail
from fine_tuning.experiments.running_sums import Clusters, Moments
from fine_tuning.experiments.simulation import Scenario
from fine_tuning.experiments.sufficient_statistics import Statistics

PAGE = report.PROJECT / "docs" / "statistics.md"
IMAGES = report.PROJECT / "docs" / "images"
SIZE = 5000  # of each model in an A/A test
PLANNED = 975  # of group_sequential for 0.80 against 0.85; see `sample_size.plan`
DESIGNS = {
    "anytime": Design(),
    "group_sequential": Design(kind="group_sequential", planned=PLANNED),
    "group_sequential, O'Brien-Fleming": Design(kind="group_sequential", planned=PLANNED, spending="obrien_fleming"),
    "fixed": Design(kind="fixed", planned=906),
}
HEAD = """# Statistics

Error rates, sample sizes and coverage of the A/B tests and the intervals. `benchmarks/bench_statistics.py` writes this
page: each figure is from {replications:,} simulated tests unless stated otherwise ({date}). A test has a look after
every sample of each model; planned designs have a verdict at their planned looks only.
"""


def share(found: Any) -> str:
    """A rate with its simulation error."""
    rate = float(np.mean(found))
    return f"{rate:.2%} ± {1.96 * sqrt(rate * (1 - rate) / len(found)):.2%}"


def same_models(replications: int) -> str:
    """Tests of two models that are equally good."""
    lines = []
    for name, design in DESIGNS.items():
        found = simulation.simulate(design, Scenario(0.8, 0.8), samples=SIZE, replications=replications, seed=1)
        both = simulation.simulate(design, Scenario(0.8, 0.8, 0.5), samples=SIZE, replications=replications, seed=2)
        lines.append(f"| {name} | {share(found.favours != 0)} | {share(both.favours != 0)} |")
    lines.append(f"| anytime, means of real scores | {share(real_scores(replications))} | |")
    lines.append(f"| anytime, bounded scores (2,000 tests of 300) | | {share(bounded_scores(2000, 300))} |")
    return f"""
## Equal models: false winners

0.80 against 0.80, {SIZE:,} samples of each. Target: at most 5 % for every design, and between 2 and 5 % for sequential
ones.

| design | samples of each model's own | both answer the same (correlation 0.5) |
|---|---|---|
{chr(10).join(lines)}

A z-test at 5 % with a look after every 50 samples names a winner in {peeked(replications):.1%} of the same tests.

![False winners by number of samples](images/false-winners.svg)
"""


def peeked(replications: int) -> float:
    """The rate of false winners of a plain z-test with many looks."""
    return float(np.mean(np.any(peeks(replications), axis=1)))


def peeks(replications: int) -> Any:
    """Whether a plain z-test is significant at each look of each test."""
    rng, looks = np.random.default_rng(3), np.arange(50, SIZE + 1, 50)
    right = [np.cumsum(rng.binomial(50, 0.8, (replications, len(looks))), axis=1) for _ in range(2)]
    rate = (right[0] + right[1]) / (2 * looks)
    z = (right[1] - right[0]) / looks / np.sqrt(np.maximum(rate * (1 - rate) * 2 / looks, 1e-12))
    return np.abs(z) > 1.959964


def real_scores(replications: int) -> Any:
    """Skewed scores (exponential) of two equal models: whether the confidence sequence ever excludes 0."""
    rng, found = np.random.default_rng(4), []
    number = np.arange(1, SIZE + 1)
    width = np.array([confidence_sequences.half_width(1.0, 2 * n, 0.05) for n in number.tolist()])
    for _ in range(replications // 100):
        scores = rng.exponential(1.0, (2, 100, SIZE))
        means = np.cumsum(scores, axis=2) / number
        variances = np.maximum(np.cumsum(scores**2, axis=2) - number * means**2, 1e-12) / np.maximum(number - 1, 1)
        half = width * np.sqrt(variances.sum(axis=0) / number)
        apart = np.abs(means[1] - means[0]) > half
        found.append(apart[:, 9:].any(axis=1))
    return np.concatenate(found)


def bounded_scores(replications: int, size: int) -> Any:
    """Bounded scores of two equal models: whether bets on pairs ever grow enough."""
    rng, found = np.random.default_rng(5), []
    for _ in range(replications):
        wealth = betting_intervals.Wealth(0.05)
        for a, b in rng.beta(0.5, 0.5, (size, 2)).tolist():
            wealth.bet((b - a + 1) / 2)
        found.append(wealth.log_e_value(0.5) >= log(20))
    return np.array(found)


def different_models(replications: int) -> str:
    """Tests of two models that differ: samples until a verdict."""
    lines, planned = [], {plan.design: plan for plan in sample_size.plan(Scenario(0.8, 0.85))}
    for name, design in DESIGNS.items():
        found = simulation.simulate(design, Scenario(0.8, 0.85), samples=SIZE, replications=replications, seed=6)
        lines.append(
            f"| {name} | {found.found:.1%} | {found.samples.mean():,.0f} | {np.median(found.samples):,.0f} "
            f"| {np.quantile(found.samples, 0.8):,.0f} | {found.samples.max():,} |"
        )
    anytime = simulation.simulate(
        DESIGNS["anytime"], Scenario(0.8, 0.85), samples=SIZE, replications=replications, seed=6
    )
    pairs = simulation.simulate(
        DESIGNS["anytime"], Scenario(0.8, 0.85, 0.5), samples=SIZE, replications=replications, seed=7
    )
    exact = planned["group_sequential"]
    soon = share((anytime.favours != 0) & (anytime.samples <= 1600))
    soon_paired = share((pairs.favours != 0) & (pairs.samples <= 800))
    return f"""
## Different models: samples until a verdict

0.80 against 0.85, samples of each model. For 80 % power, a fixed design needs
{ceil(sample_size.fixed_size(0.8, 0.85)):,}.

| design | power | mean | median | 80th percentile | maximum |
|---|---|---|---|---|---|
{chr(10).join(lines)}

| | | target |
|---|---|---|
| group_sequential: mean and maximum, numerically | {exact.mean:.0f} and {exact.most} | at most 720 and 980 |
| anytime: power at 1,600 samples of each | {soon} | at least 80 % |
| anytime, both answer the same (correlation 0.5): power at 800 | {soon_paired} | at least 80 % |

![Samples until a verdict](images/samples-needed.svg)
"""


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
        found.append((low[:, 9:] > -margin).any(axis=1))
    return f"""
## Non-inferiority

0.85 against 0.80 with a margin of 0.05: declared not worse at any of {SIZE:,} looks in {share(np.concatenate(found))}
of the tests (target: at most 5 %).
"""


def mismatch(replications: int) -> str:
    """A share of the units is lost."""
    rng, units = np.random.default_rng(9), np.arange(100, 10_001, 100)

    def first(count_b: float) -> Any:
        b = np.cumsum(rng.binomial(100, count_b, (replications, len(units))), axis=1)
        fires = sample_ratio.log_e_values(units - b, b, 0.5) >= -log(sample_ratio.ALPHA)
        return np.where(fires.any(axis=1), units[fires.argmax(axis=1)], 10**9)

    even, odd = first(0.5), first(0.53)
    found = odd[odd < 10**9]
    return f"""
## Sample ratio check (SRM)

Planned 50/50, 100 looks in 10,000 units: fails at any look in {share(even < 10**9)} of the tests with 50/50 (target:
at most 0.1 %). With 53/47 it fails after {np.median(odd):,.0f} units in the median and {found.mean():,.0f} in the mean,
in {share(odd < 10**9)} of the tests by 10,000. It compares the units so far, so that it passes again where the missing
ones arrive.
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
        clusters.append(f"{share(np.array(found))} with {count} of {calls} calls")
    means = []
    for size in (5, 10, 30):
        design = Design(kind="fixed", planned=size, score="real")
        found = [_has_winner(design, *rng.normal(size=(2, size)), size) for _ in range(tests)]
        means.append(f"{share(np.array(found))} with {size} scores")
    kept = []
    for ratio in (1, 9):
        rail, holds = Guardrail("latency", 0.1), []
        for _ in range(replications // 25):
            a, b = rng.lognormal(0, 1, 2000 * ratio), 1.1 * rng.lognormal(0, 1, 2000)
            holds.append(_ever_holds(rail, a, b, ratio))
        kept.append(f"{share(np.array(holds))} with {ratio} to 1 calls")
    return f"""
## Few, clustered and skewed observations

Equal models, fixed designs of {tests:,} tests each (target: at most 5 %). Users with rates of their own, per model:
{", ".join(clusters)}. Real scores: {", ".join(means)}.
A latency guardrail whose true excess equals its margin, lognormal latencies, 40 looks up to 2,000 calls,
is declared to hold in {", in ".join(kept)} (target: at most 5 %).
"""


def _state(values: Any, clusters: int) -> tuple[Moments, Clusters]:
    mean, sums = float(np.mean(values)), values.reshape(clusters, -1)
    apart, size = values - mean, sums.shape[1]
    moments = Moments(len(values), float(values.sum()), float((apart**2).sum()), float((apart**3).sum()))
    return moments, Clusters(clusters, float((sums.sum(axis=1) ** 2).sum()), float(sums.sum()) * size,
                             clusters * size**2)  # fmt: skip


def _has_winner(design: Design, a: Any, b: Any, clusters: int) -> bool:
    statistics = Statistics()
    for arm, values in (("model_a", a), ("model_b", b)):
        state = statistics.arms[arm]
        state.samples = len(values)
        state.scores, state.clusters = _state(values, clusters)
    statistics.look(design)
    return abs(statistics.looks[0].z) >= norm.ppf(1 - design.alpha / 2)


def _ever_holds(rail: Guardrail, a: Any, b: Any, ratio: int) -> bool:
    for look in np.unique(np.geomspace(10, 2000, 40).astype(int)):
        statistics = Statistics()
        for arm, values in (("model_a", a[: look * ratio]), ("model_b", b[:look])):
            state = statistics.arms[arm]
            state.measures["latency"], state.by_cluster["latency"] = _state(values, len(values))
        if guardrails.judge(rail, statistics, 0.05).status == guardrails.HOLDS:
            return True
    return False


def coverage() -> str:
    """How often intervals hold what they should, by summing over all outcomes."""
    sizes, rates = (20, 50, 100, 200, 500, 1000), np.round(np.arange(0.05, 0.951, 0.05), 2)
    lines = []
    for size in sizes:
        bounds = [intervals.wilson(k, size) for k in range(size + 1)]
        low, high = (np.array(each) for each in zip(*bounds, strict=True))
        exact = np.array(
            [binom.pmf(np.arange(size + 1), size, rate) @ ((low <= rate) & (rate <= high)) for rate in rates]
        )
        around = np.array([_around(size, rate, low, high) for rate in rates])
        lines.append(
            f"| {size:,} | {exact.min():.1%} to {exact.max():.1%} | {around.min():.1%} to {around.max():.1%} "
            f"| {_difference(size):.1%} | {_pairs(size):.1%} |"
        )
    return f"""
## Coverage of 95 % intervals

Rates of 0.05, 0.10, ... 0.95 (target: 93 to 97 %). A count is a whole number, so no interval has 95 % at
every single rate: with 20 examples and a rate of 0.05 an interval around the likeliest counts covers it in 92.5 % or
98.4 % of all cases. The third column is the mean over the rates within 0.025: the coverage at an unknown rate.

| examples | Wilson, at each rate | Wilson, around each rate | Newcombe's difference, mean | paired difference, mean |
|---|---|---|---|---|
{chr(10).join(lines)}
"""


def _around(size: int, rate: float, low: Any, high: Any) -> float:
    near = np.linspace(max(0.01, rate - 0.025), min(0.99, rate + 0.025), 51)
    counts = np.arange(size + 1)
    return float(np.mean([binom.pmf(counts, size, each) @ ((low <= each) & (each <= high)) for each in near]))


def _difference(size: int, tests: int = 4000) -> float:
    rng, kept = np.random.default_rng(10), 0
    for _ in range(tests):
        a, b = rng.uniform(0.05, 0.95, 2)
        low, high = intervals.rate_difference(int(rng.binomial(size, a)), size, int(rng.binomial(size, b)), size)
        kept += low <= a - b <= high
    return kept / tests


def _pairs(size: int, tests: int = 4000) -> float:
    rng, kept = np.random.default_rng(11), 0
    for _ in range(tests):
        a, b = rng.uniform(0.1, 0.9, 2)
        both = rng.uniform(max(0, a + b - 1), min(a, b))
        counts = rng.multinomial(size, [both, a - both, b - both, max(0.0, 1 - a - b + both)])
        low, high = paired_tests.rate_difference(*(int(each) for each in counts))
        kept += low <= b - a <= high
    return kept / tests


def draw(replications: int) -> None:
    """Both plots."""
    tests = min(replications, 2000)
    sizes = np.arange(50, SIZE + 1, 50)
    naive = np.maximum.accumulate(peeks(tests), axis=1).mean(axis=0)
    _plot("false-winners", 0.80, SIZE, tests, 0.05, "false winners so far", naive=(sizes, naive))
    _plot("samples-needed", 0.85, 3000, tests, 0.80, "differences found")


def _plot(file: str, rate_b: float, end: int, tests: int, line: float, label: str, naive: Any = None) -> None:
    """The share of the tests that have a verdict, by samples, for each design."""
    from matplotlib import pyplot

    axes = pyplot.figure(figsize=(7, 3.6)).subplots()
    if naive is not None:
        axes.plot(*naive, label="z-test, look after every 50", color="black", linestyle="--")
    for name, design in DESIGNS.items():
        found = simulation.simulate(design, Scenario(0.8, rate_b), samples=end, replications=tests, seed=12)
        stopped = np.sort(found.samples[found.favours != 0])
        share = np.r_[0, np.arange(1, len(stopped) + 1), len(stopped)] / tests
        axes.step([0, *stopped, end], share, where="post", label=name)
    axes.axhline(line, color="grey", linestyle=":")
    axes.set(xlabel="samples of each model", ylabel=label, title=f"0.80 against {rate_b:.2f}")
    axes.legend(fontsize=8)
    IMAGES.mkdir(parents=True, exist_ok=True)
    axes.figure.savefig(IMAGES / f"{file}.svg", bbox_inches="tight", metadata={"Date": None})


def main() -> None:
    """Measure all and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=10_000)
    parser.add_argument("--to", type=Path, default=PAGE)
    options = parser.parse_args()
    draw(options.replications)
    count = options.replications
    parts = [HEAD.format(replications=count, date=f"{datetime.now(UTC):%Y-%m-%d}")]
    for step in (same_models, different_models, not_worse, few_and_alike, mismatch):
        parts.append(step(count))
        print(parts[-1], flush=True)
    parts.append(coverage())
    options.to.write_text("".join(parts), encoding="utf-8")
    print(parts[-1])


if __name__ == "__main__":
    main()
