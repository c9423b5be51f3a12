"""Names of strangers in reports and pages: they are neither markup nor formulas, and what is stored may be anything."""

from __future__ import annotations

import json
from math import nan
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.store import bakeoffs
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.bakeoff.bakeoff_page import write_page
from fine_tuning.workflows.bakeoff.bakeoff_plan import BakeoffPlan
from fine_tuning.workflows.bakeoff.bakeoff_result import CandidateResult, Interval
from fine_tuning.workflows.bakeoff.run_bakeoff import BakeoffOutcome
from tests.dashboard.conftest import Serving
from tests.security.requests import ask

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>\" onload='x"
NAMES = [MARKUP, "$\\bogus{$", "a$b", "$$", "\\$x$", "x" * 10_000, "\x00\x1b[2J", "]]>", "</title></svg>", "🙂\u202e"]


def figure(value: float, low: float, high: float) -> Interval:
    return {"value": value, "low": low, "high": high}


def result(name: str, quality: Interval) -> CandidateResult:
    return {
        "name": name,
        "quality": quality,
        "difference": figure(nan, nan, nan),
        "p_value": nan,
        "not_worse": True,
        "validation_quality": 0.5,
        "latency_p50": figure(1.0, 0.5, 2.0),
        "latency_p95": 2.0,
        "cost_per_call": figure(0.001, 0.001, 0.001),
        "investment": 0.0,
        "break_even_calls": nan,
        "failures": 0,
        "worse_slices": [name],
    }


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_report_of_a_bakeoff_draws_names_as_they_are(tmp_path: Path, name: str) -> None:
    odd = figure(0.5, 0.5 + 1e-17, nan), figure(0.9, 0.9000000000000001, 0.95), figure(nan, nan, nan)
    results = [result(name, quality) for quality in odd]
    outcome = BakeoffOutcome(1, name, False, results, {name: name}, name, 0, {"test": 20}, [name])
    write_page(outcome, BakeoffPlan(), tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text()
    assert "<script" not in html
    assert "<img" not in html
    assert html.count("</title>") == 1
    assert "Candidates" in html


ROWS: list[Any] = [
    [result(MARKUP, figure(0.9, nan, nan))],
    [result(MARKUP, figure(nan, nan, nan))],
    [{**result("a", figure(0.9, 0.8, 1.0)), "name": 5}],
    [{}],
    [5],
    {"a": 1},
    "x",
    [],
    [{**result("a", figure(0.9, 0.8, 1.0)), "quality": "x"}],
    [{**result("a", figure(0.9, 0.8, 1.0)), "worse_slices": 5}],
]


@pytest.mark.slow
def test_pages_of_odd_bakeoffs_are_drawn(workspace: Path, serving: Serving) -> None:
    with open_workspace().database.write() as tx:
        for row in ROWS:
            plan: Any = {"dataset": MARKUP, "incumbent": MARKUP, "margin": MARKUP} if row else [5]
            bakeoffs.add(tx, {"test_hash": "a" * 64, "plan": plan, "results": row, "winner": MARKUP})
    with serving() as address:
        for path in ("", *(f"/{number + 1}" for number in range(len(ROWS))), "/0", "/-1", "/9" * 2, "/²", "/%00"):
            answer = ask("GET", f"{address}/bakeoffs{path}")
            assert answer.status_code in {200, 404}, path
            assert "<script>alert" not in answer.text
            assert json.dumps("<img src=x")[1:-1] not in answer.text
