"""Error rates, sample sizes and coverage of the experiments and intervals, by simulation; writes docs/statistics.md.

python benchmarks/bench_statistics.py                      # all: about 25 minutes on two idle cores
python benchmarks/bench_statistics.py --replications 500   # a shorter run
python benchmarks/bench_statistics.py --only different_models savings   # these sections; the others stay as they are
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import report
import statistics_coverage
import statistics_limits
import statistics_power
import statistics_production
import statistics_reviews

from fine_tuning.experiments import simulation
from fine_tuning.experiments.simulation import Scenario

PAGE = report.PROJECT / "docs" / "statistics.md"
IMAGES = report.PROJECT / "docs" / "images"
HEAD = """# Statistics

Error rates, sample sizes and coverage of the A/B tests and the intervals, and of peers on the same tests.
`benchmarks/bench_statistics.py` writes this page ({date}). Figures are given with their simulation error (95 %).
"""
SECTIONS: dict[str, Callable[[int], str]] = {  # in the order of the page
    "equal_models": statistics_power.equal_models,
    "traffic": statistics_production.equal_models,
    "different_models": statistics_power.different_models,
    "better_models": statistics_production.better_models,
    "changing_effects": statistics_production.changing_effects,
    "fixed_designs": statistics_coverage.fixed_designs,
    "not_worse": statistics_limits.not_worse,
    "few_and_alike": statistics_limits.few_and_alike,
    "mismatch": statistics_limits.mismatch,
    "evaluations": statistics_coverage.evaluations,
    "savings": statistics_coverage.savings,
    "reviews": statistics_reviews.reviews,
}
EVERY = 50  # samples of each model from look to look of the z-test in the plot


def peeks(replications: int) -> Any:
    """Whether a plain z-test is significant at each look of each test of two equal models."""
    rng, looks = np.random.default_rng(3), np.arange(EVERY, statistics_power.SIZE + 1, EVERY)
    right = [np.cumsum(rng.binomial(EVERY, 0.8, (replications, len(looks))), axis=1) for _ in range(2)]
    rate = (right[0] + right[1]) / (2 * looks)
    z = (right[1] - right[0]) / looks / np.sqrt(np.maximum(rate * (1 - rate) * 2 / looks, 1e-12))
    return np.abs(z) > 1.959964


def draw(replications: int) -> None:
    """Both plots."""
    tests = min(replications, 2000)
    naive = np.maximum.accumulate(peeks(tests), axis=1).mean(axis=0)
    sizes = EVERY * np.arange(1, len(naive) + 1)
    _plot("false-winners", 0.80, statistics_power.SIZE, tests, 0.05, "false winners so far", naive=(sizes, naive))
    _plot("samples-needed", 0.85, 3000, tests, 0.80, "differences found")


def _plot(file: str, rate_b: float, end: int, tests: int, line: float, label: str, naive: Any = None) -> None:
    """The share of the tests that have a verdict, by samples, for each design."""
    from matplotlib import pyplot

    axes = pyplot.figure(figsize=(7, 3.6)).subplots()
    if naive is not None:
        axes.plot(*naive, label=f"z-test, look after every {EVERY}", color="black", linestyle="--")
    for name, design in statistics_power.DESIGNS.items():
        found = simulation.simulate(design, Scenario(0.8, rate_b), samples=end, replications=tests, seed=12)
        stopped = np.sort(found.samples[found.favours != 0])
        share = np.r_[0, np.arange(1, len(stopped) + 1), len(stopped)] / tests
        axes.step([0, *stopped, end], share, where="post", label=name)
    axes.axhline(line, color="grey", linestyle=":")
    axes.set(xlabel="samples of each model", ylabel=label, title=f"0.80 against {rate_b:.2f}")
    axes.legend(fontsize=8)
    IMAGES.mkdir(parents=True, exist_ok=True)
    axes.figure.savefig(IMAGES / f"{file}.svg", bbox_inches="tight", metadata={"Date": None})


def put(page: Path, section: str) -> None:
    """Put a section in place of the one of that title, or behind all others."""
    parts = re.split(r"^(?=## )", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:] if page.is_file() else []
    known = {part.splitlines()[0]: part.strip() for part in parts}
    known[section.strip().splitlines()[0]] = section.strip()
    page.write_text(
        "\n\n".join([HEAD.format(date=f"{datetime.now(UTC):%Y-%m-%d}").strip(), *known.values()]) + "\n",
        encoding="utf-8",
    )


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=10_000)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--to", type=Path, default=PAGE)
    options = parser.parse_args()
    if options.only == list(SECTIONS):
        options.to.unlink(missing_ok=True)
        draw(options.replications)
    for name in options.only:
        began = perf_counter()
        section = SECTIONS[name](options.replications)
        put(options.to, section)
        print(f"{section}\n({name}: {perf_counter() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
