"""Simulated tests through the code that records samples: every verdict on the way is compared with its interval."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from math import isnan, sqrt
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import statistics_peers
from statistics_scenarios import BETTER, CHANGING, EQUAL, Maker, Traffic

from fine_tuning.experiments import comparability, verdict
from fine_tuning.experiments.comparison import Comparison
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.effect import Effect
from fine_tuning.experiments.estimated_effects import Scores
from fine_tuning.experiments.sufficient_statistics import LOOK_GROWTH, B, Score, Statistics
from fine_tuning.store.experiment_samples import Unit
from fine_tuning.store.records.experiment_json import Arm

SCENARIOS: dict[str, Maker] = {**EQUAL, **BETTER, **CHANGING}


def share(found: Any) -> str:
    """A rate with its simulation error (Agresti, Coull, "Approximate is better than exact", 1998: also of 0 and 1)."""
    middle = (float(np.sum(found)) + 2) / (len(found) + 4)
    return f"{np.mean(found):.2%} ± {1.96 * sqrt(middle * (1 - middle) / (len(found) + 4)):.2%}"


def in_processes(function: Callable[..., Any], arguments: Sequence[Any]) -> list[Any]:
    """What a function returns for each argument, by a process for each core."""
    with ProcessPoolExecutor(min(len(arguments), os.cpu_count() or 1)) as pool:
        return list(pool.map(function, arguments, chunksize=max(1, len(arguments) // 50)))


class Played(NamedTuple):
    """A simulated test.

    Attributes:
        ever: whether it named a winner at any look; favours, is_changed: at its end.
        looks: verdicts that were read; contradictions: of these, whose interval, p-value and winner disagree.
        covered: whether the interval held the true difference at every look.
        is_withheld: whether the samples could not be compared at its end.
        peers: what others make of the same calls.
    """

    ever: bool
    favours: int
    is_changed: bool
    looks: int
    contradictions: int
    covered: bool
    is_withheld: bool
    peers: statistics_peers.PeerVerdicts


class OnceComputed(Comparison):
    """A comparison that computes the effect once a look: recording and reading both ask for it."""

    known: tuple[int, Effect] | None = None

    def effect(self, design: Design, scores: Scores) -> Effect:
        """See `Comparison.effect`."""
        n = scores[0].count + scores[1].count
        if self.known is None or self.known[0] != n:
            self.known = n, super().effect(design, scores)
        return self.known[1]


def play(traffic: Traffic, *, with_peers: bool = True) -> Played:
    """Record the calls one by one, look as often as recording does, and read every verdict."""
    design, statistics = traffic.design, Statistics(comparisons={B: OnceComputed()})
    units: dict[int, dict[Arm, Unit]] = {}
    found = []
    for number, call in enumerate(traffic.calls, 1):
        unit = {} if call.unit is None else units.setdefault(call.unit, {})
        statistics.comparison.pairs += traffic.is_paired and bool(unit)
        statistics.arrive(call.arm, call.stratum, unit)
        statistics.add_score(design, call.arm, Score(call.score, call.covariate), unit)
        before = _looks(statistics)
        statistics.look(design)
        if _looks(statistics) > before or number == len(traffic.calls):
            mismatch = comparability.mismatch_reason(design, statistics)
            found.append(verdict.decide(design, statistics, statistics.effect(design), design.alpha, mismatch))
    peers = statistics_peers.verdicts(traffic.calls) if with_peers else statistics_peers.PeerVerdicts(0, 0, 0)
    return Played(
        ever=any(each.favours for each in found),
        favours=found[-1].favours,
        is_changed=bool(found[-1].changed),
        looks=len(found),
        contradictions=sum(not _agrees(each, design) for each in found),
        covered=all(not (each.low > traffic.truth or each.high < traffic.truth) for each in found),
        is_withheld=bool(found[-1].withheld),
        peers=peers,
    )


def _looks(statistics: Statistics) -> tuple[int, int]:
    """A pair that grows with every look, of either kind of design."""
    return statistics.looked_at, len(statistics.comparison.looks)


def _agrees(found: Any, design: Design) -> bool:
    """Whether interval, p-value and winner say the same; without any p-value, that nothing is known or has changed."""
    side = 1 if found.low > 0 else -1 if found.high < 0 else 0
    if isnan(found.p_value):
        return found.favours == side == 0 and (bool(found.changed) or not found.low > -design.spread)
    return found.favours == side and (found.p_value <= design.alpha) == (side != 0)


def _one(job: tuple[str, int, bool]) -> Played:  # name of the scenario, seed, whether peers see it too
    name, seed, with_peers = job
    return play(SCENARIOS[name](np.random.default_rng([seed, 15])), with_peers=with_peers)


def played(names: Mapping[str, Maker], tests: int, *, with_peers: bool = True) -> dict[str, list[Played]]:
    """Tests of each scenario; a line on standard error says that one is done."""
    found = {}
    for name in names:
        began = perf_counter()
        found[name] = in_processes(_one, [(name, seed, with_peers) for seed in range(tests)])
        print(f"{name}: {tests:,} tests, {perf_counter() - began:.0f} s", file=sys.stderr)
    return found


def equal_models(replications: int) -> str:
    """False winners, contradictions and coverage of traffic as it comes, and of peers on the same calls."""
    found = played(EQUAL, max(20, replications // 10))
    return equal_models_section(found, again(found))


def again(tests: Mapping[str, Sequence[Played]]) -> dict[str, list[bool]]:
    """False winners in four times as many other tests, where they were above 5 %: whether that was chance."""
    above = [name for name, found in tests.items() if np.mean([each.ever for each in found]) > 0.05]
    seeds = {name: range(len(tests[name]), 5 * len(tests[name])) for name in above}
    return {
        name: [each.ever for each in in_processes(_one, [(name, seed, False) for seed in seeds[name]])]
        for name in above
    }


def equal_models_section(tests: Mapping[str, Sequence[Played]], repeated: Mapping[str, Sequence[bool]]) -> str:
    """What was found."""
    lines, looks, disagree = [], 0, 0
    for name, found in tests.items():
        looks += sum(each.looks for each in found)
        wrong = sum(each.contradictions for each in found)
        disagree += wrong
        lines.append(
            f"| {name} | {share([each.ever for each in found])} | {wrong} | {share([each.covered for each in found])} "
            f"| {np.mean([each.is_withheld for each in found]):.1%} | {_peers(found)} |"
        )
    others = "; ".join(f"{name}, {share(found)} of {len(found):,}" for name, found in repeated.items()) or "none"
    return f"""
## Equal models: false winners in traffic as it comes

{len(found):,} tests each through the code that records samples, with looks at sizes that grow by
{LOOK_GROWTH - 1:.0%}, or at eight planned ones. Targets: at most 5 % false winners at any look; no contradiction
(the interval excludes 0, p is at most alpha, a model is named: all three or none); intervals that hold the true
difference at all looks in at least 95 %. A test whose samples cannot be compared has no verdict, and an interval
without bounds: "withheld" at its end.
Contradictions: {disagree:,} in {looks:,} looks.
Above 5 %, and measured again with four times as many other tests:
{others}.

The peers look at the same calls after every {statistics_peers.EVERY}: gbstats' sequential test with each call as a
unit; a pipeline as GrowthBook's (the same test by its defaults, that is of relative differences, with the calls of a
user summed first); a plain z-test. None of them knows blocks of time, strata or pairs.

| traffic | false winners | contradictions | interval holds | withheld | gbstats | GrowthBook-like | z-test |
|---|---|---|---|---|---|---|---|
{chr(10).join(lines)}
"""


def better_models(replications: int) -> str:
    """Winners that are right, of ours and of peers."""
    tests, lines = max(20, replications // 40), []
    for name, found in played(BETTER, tests).items():
        wrong = [np.mean([each.peers[at] < 0 for each in found]) for at in range(3)]
        right = [np.mean([each.peers[at] > 0 for each in found]) for at in range(3)]
        peers = " | ".join(f"{a:.1%} ({b:.1%} wrong)" for a, b in zip(right, wrong, strict=True))
        lines.append(
            f"| {name} | {share([each.favours > 0 for each in found])} | {share([each.covered for each in found])} "
            f"| {sum(each.contradictions for each in found)} | {peers} |"
        )
    return f"""
## A better model: peers on the same calls

model_b is better; {tests:,} tests each. The share that ends with model_b as the winner; of the peers, the share that
first named it (and that first named the other, wrongly).

| traffic | model_b wins | interval holds | contradictions | gbstats | GrowthBook-like | z-test |
|---|---|---|---|---|---|---|
{chr(10).join(lines)}
"""


def changing_effects(replications: int) -> str:
    """Effects that change, and such that do not."""
    tests, lines = max(20, replications // 40), []
    for name, found in played(CHANGING, tests, with_peers=False).items():
        stated = sum(each.contradictions for each in found)
        holds = share([each.covered for each in found]) if "throughout" in name else ""
        lines.append(
            f"| {name} | {share([each.ever for each in found])} | {share([each.is_changed for each in found])} "
            f"| {share([each.favours == 0 for each in found])} | {share([each.favours > 0 for each in found])} "
            f"| {holds} | {stated} |"
        )
    return f"""
## Effects that change

{tests:,} tests each of 6,600 samples, model_a at 0.60. A novelty or a reversal should end with "effect changed" and
nobody recommended, a steady effect never. A novelty is contradicted only once the samples since show
another effect than those before, so some keep their winner to the end.

| model_b | ever a winner | ends "effect changed" | ends with nobody | with model_b | interval holds | contradictions |
|---|---|---|---|---|---|---|
{chr(10).join(lines)}
"""


def _peers(found: Sequence[Played]) -> str:
    return " | ".join(f"{np.mean([each.peers[at] != 0 for each in found]):.1%}" for at in range(3))
