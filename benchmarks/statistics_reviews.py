"""Ratings of what the review inbox asks first: whether estimates from them are unbiased and their intervals cover."""

from __future__ import annotations

import sys

import numpy as np
import report
from statistics_production import share

sys.path.insert(0, str(report.PROJECT))
from tests.workflows.reviewed_inbox import MEAN, estimates, reviewed

TITLE = "## Ratings of what is asked first"
INBOXES = {
    "20 of 300 calls": ([300], [20]),
    "60 of 1,000 calls": ([1000], [60]),
    "60 of 720 calls that come in 12 turns": ([60] * 12, [5] * 12),
}


def reviews(replications: int) -> str:
    """The section on the review inbox."""
    tests = min(replications, 2000)
    rows = [
        f"| {name}{', with a judge' if has_judge else ''} | {_cells(name, tests, has_judge=has_judge)} |"
        for name in INBOXES
        for has_judge in (False, True)
    ]
    table = "\n".join(rows)
    return f"""{TITLE}

Calls that are doubted have up to four times the weight of others in the review inbox, and are bad more often: the mean
rating is {MEAN:.3f}, and the plain mean of the ratings is lower. {tests:,} inboxes each. The judge gives 0.6 too much,
at most 5, and its mean is corrected by the ratings (target: an error within its noise, and at least 93 % for intervals;
those of few ratings are made wider, as equal ratings have no variance). Estimates are without bias of the first order;
that of the second shows with a judge and 20 ratings.

| rated | error of the estimate | interval holds the mean | error of the plain mean | its interval |
|---|---|---|---|---|
{table}
"""


def _cells(name: str, tests: int, *, has_judge: bool) -> str:
    rng, arriving, rated = np.random.default_rng(31), *INBOXES[name]
    found = [estimates(reviewed(rng, f"{name} {n}", arriving, rated), has_judge=has_judge) for n in range(tests)]
    cells = []
    for column in zip(*found, strict=True):
        values = [1 + 4 * each.estimate for each in column]
        noise = 1.96 * float(np.std(values)) / tests**0.5
        held = [each.low <= (MEAN - 1) / 4 <= each.high for each in column]
        cells += [f"{np.mean(values) - MEAN:+.3f} ± {noise:.3f}", share(held)]
    return " | ".join(cells)
