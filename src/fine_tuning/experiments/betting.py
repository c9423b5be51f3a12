"""Anytime-valid evidence that payoffs are above 0 from some time on, by betting on them."""

from __future__ import annotations

from collections.abc import Iterable
from math import log

import numpy as np

BETS = np.array([0.05, 0.1, 0.2, 0.4, 0.8])  # shares of the wealth that are staked, each by an equal part of it


def log_evidence(payoffs: Iterable[float]) -> list[float]:
    """ln of an e-process after each payoff, against "no payoff is above 0 on average, whatever came before".

    Where that holds, it ever reaches ln(1/alpha) with a probability of at most alpha (Ville's inequality), however
    often one looks. A part of the wealth begins to bet at each payoff, so that a change that comes late is found, too;
    what has not begun after t payoffs is ln 2 / ln(t + 2).

    Sources: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86 (2024), for
    the bets; Shin, Ramdas and Rinaldo, "E-detectors", NEJSDS 2 (2024), section 3, for the sum over starts.

    Args:
        payoffs: each from -1 to 1, known before the next bet is made.
    """
    evidence: list[float] = []
    running = np.full(len(BETS), -np.inf)  # ln of the wealth that bets, by its stake
    waiting = 1.0
    for number, payoff in enumerate(payoffs, 1):
        before, waiting = waiting, log(2) / log(number + 2)
        running = np.logaddexp(running, log(before - waiting)) + np.log1p(BETS * payoff)
        evidence.append(float(np.logaddexp.reduce(np.append(running - log(len(BETS)), log(waiting)))))
    return evidence
