"""The mean rating of the inbox: estimated without bias from what is asked first, with intervals that cover."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from math import inf
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.distillation.review_inbox import ReviewInbox
from fine_tuning.errors import UsageError
from fine_tuning.evaluation.prediction_powered import corrected_mean
from fine_tuning.store import tables
from fine_tuning.store.database import Database
from fine_tuning.store.review_draws import Cohort, RatedDraw
from fine_tuning.store.reviews import Filters
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.review_quality import Sample, judged_quality, lines_of, quality, sample_of
from tests import wire
from tests.workflows.reviewed_inbox import DAY_ONE, MEAN, estimates, reviewed
from tests.workflows.test_predict import completion


@pytest.mark.parametrize(
    ("arriving", "rated", "has_judge"),
    [
        ((600,), (60,), False),
        ((600,), (60,), True),
        ((400, 100, 100), (60, 3, 8), False),
        ((40,) * 12, (5,) * 12, True),
    ],
)
def test_estimate_of_drawn_calls_is_unbiased_and_covers(
    arriving: Sequence[int], rated: Sequence[int], has_judge: bool
) -> None:
    rng, tests, covered, naively = np.random.default_rng(21), 400, 0, 0
    means, naive, mean = [], [], (MEAN - 1) / 4
    for number in range(tests):
        inbox = reviewed(rng, f"{len(arriving)} {number}", arriving, rated)
        found, alike = estimates(inbox, has_judge=has_judge)
        covered += found.low <= mean <= found.high
        naively += alike.low <= mean <= alike.high
        means.append(found.estimate)
        naive.append(alike.estimate)
    noise = float(np.std(means)) / tests**0.5
    assert abs(np.mean(means) - mean) < 3 * noise
    assert 0.92 <= covered / tests <= 0.985
    assert mean - np.mean(naive) > 8 * noise  # what is asked first is worse
    assert naively < covered - 10


def test_so_many_more_ratings_halve_the_interval() -> None:
    rng, ratios = np.random.default_rng(22), []
    for number in range(40):
        state, name = rng.bit_generator.state, f"more {number}"
        before, _ = estimates(reviewed(rng, name, [3000], [60]))
        assert before.more is not None
        assert 120 < before.more < 180
        rng.bit_generator.state = state  # the same calls
        after, _ = estimates(reviewed(rng, name, [3000], [60 + before.more]))
        ratios.append((after.high - after.low) / (before.high - before.low))
    assert np.mean(ratios) == pytest.approx(0.5, abs=0.03)


def test_sample_of_new_calls_waits_until_those_drawn_are_rated() -> None:
    day = [DAY_ONE + timedelta(number) for number in range(3)]
    rated = [RatedDraw(str(at), day[at // 4], 1.0, 0.1 * (1 + at % 4), 5) for at in range(8)]
    old, new = Cohort(day[0], 100, 0.55), Cohort(day[1], 50, 0.45)
    assert sample_of([old, new._replace(first_waiting=0.05)], rated[:4]) == Sample(day[0], 0.55, 100, rated[:4])
    assert sample_of([old, new], rated) == Sample(day[1], 0.45, 150, rated)
    assert sample_of([old, new, Cohort(day[2], 7, 0.9)], rated).calls == 157
    assert sample_of([Cohort(day[0], 4, None)], rated[:4]) == Sample(day[0], inf, 4, rated[:4])
    assert sample_of([], []) == Sample(None, inf, 0, [])
    assert Sample(day[0], 0.5, 9, [rated[0], rated[1]._replace(weight=4.0)]).probabilities == [0.5, 1.0]


@pytest.fixture
def collector(database: Database) -> DistillationDataCollector:
    """Forty calls that wait; a judge doubted every fourth."""
    made = DistillationDataCollector()
    for number in range(40):
        metadata = {"grade": 0.0} if number % 4 == 0 else {}
        said = f"Question {number}", f"{'WRONG' if metadata else 'RIGHT'} {number}"
        made.capture_success(*said, "sums" if number % 2 else "other", "chat", rating=3, metadata=metadata)
    return made


def review(count: int, *, skip: int = 0) -> list[str]:
    """Rate the next calls after some: 1 what the judge doubted, else 5. Returns their ids."""
    inbox = ReviewInbox("ann", database=open_workspace().database)
    found = inbox.take(limit=count + skip)[skip:]
    for each in found:
        inbox.rate(each["id"], 1 if "WRONG" in each["response"] else 5)
    inbox.leave()
    return [each["id"] for each in found]


def test_quality_weights_ratings_by_the_inverse_of_their_probabilities(
    collector: DistillationDataCollector, database: Database
) -> None:
    assert quality(database).rating is None
    ids = review(12)
    with database.read() as tx:
        draws = {row.example_id: row for row in tx.execute(select(tables.review_draws))}
        limit = min(row.draw for name, row in draws.items() if name not in ids)
    human = [float("RIGHT" in each["response"]) for each in collector.find_examples() if each["id"] in ids]
    chances = [min(1.0, draws[each["id"]].weight * limit) for each in collector.find_examples() if each["id"] in ids]
    expected = corrected_mean(human, human, [], probabilities=chances)
    found = quality(database)
    assert (found.rating, found.low, found.high) == pytest.approx([1 + 4 * each for each in expected[:3]])
    assert found.rating is not None
    assert found.rating > 1 + 4 * np.mean(human)  # the plain mean is of what is asked first
    assert (found.calls, found.ratings, found.more, found.later) == (40, 12, 24, 0)
    assert "from 12 ratings; about 24 more ratings halve the interval" in lines_of(found)[0]
    part = quality(database, Filters(domain="sums"))
    assert (part.calls, part.ratings) == (20, sum(each["domain"] == "sums" for each in rated_of(collector, ids)))
    review(13)
    assert quality(database).more is None
    assert "too few calls are there to halve the interval" in lines_of(quality(database))[0]
    review(15)
    everything = quality(database)
    assert everything.rating == pytest.approx(4.0)  # of ten calls 1 and of thirty 5, whatever was asked first
    assert everything.ratings == everything.calls == 40


def rated_of(collector: DistillationDataCollector, ids: Sequence[str]) -> list[Any]:
    return [each for each in collector.find_examples() if each["id"] in ids]


def test_quality_counts_what_is_rated_out_of_order_or_by_others_apart(
    collector: DistillationDataCollector, database: Database
) -> None:
    early = collector.capture_success("Rated by its user", "RIGHT", "sums", "chat", rating=3)
    collector.rate(early, 5)  # before the inbox had it
    ids = review(4, skip=2)
    found = quality(database)
    assert (found.calls, found.ratings, found.not_counted, found.otherwise) == (40, 0, 4, 1)
    assert any("4 more ratings count once" in line for line in lines_of(found))
    assert any("1 ratings of calls that were not drawn" in line for line in lines_of(found))
    collector.rate(review(1)[0], 5)
    assert quality(database).ratings == 1
    collector.rate(ReviewInbox("bob", database=database).take(limit=1)[0]["id"], 5)  # its user's rating counts as well
    assert (quality(database).ratings, len(ids)) == (6, 4)


def test_quality_of_calls_that_come_later_waits_for_those_drawn(
    collector: DistillationDataCollector, database: Database
) -> None:
    review(30)
    before = quality(database)
    for number in range(40, 80):
        collector.capture_success(f"Question {number}", "RIGHT", "sums", "chat", rating=3)
    inbox = ReviewInbox("ann", database=database)
    fresh = inbox.take(limit=1)[0]
    assert int(fresh["prompt"].split()[1]) >= 40  # new calls catch up first
    found = quality(database)
    assert (found.rating, found.calls, found.later) == (before.rating, 40, 40)
    assert any(line.startswith("40 calls that came later") for line in lines_of(found))
    inbox.leave()
    review(32)
    found = quality(database)
    assert (found.calls, found.later) == (80, 0)
    assert found.ratings == 62


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[wire.Host]:
    """A judge that takes every third wrong answer for a right one."""

    def grade(request: wire.Request) -> Any:
        said = str(request.body["messages"][-1]["content"])
        found = re.search(r"WRONG (\d+)", said)
        return completion(f"Grade: {1 if found and int(found[1]) % 3 else 5}")

    with wire.host() as running:
        running.answers["POST /chat/completions"] = grade
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        yield running


def test_judged_quality_is_corrected_by_ratings(
    collector: DistillationDataCollector, database: Database, host: wire.Host
) -> None:
    review(16)
    plain, found = quality(database), judged_quality(open_workspace(), "judge")
    assert found.judge == pytest.approx(1 + 4 * 34 / 40)  # six of ten wrong ones are seen
    assert None not in (found.rating, found.low, found.high, plain.low, plain.high)
    assert found.rating is not None
    assert found.rating < found.judge
    assert found.low is not None
    assert found.low < 4.0 < (found.high or 0)
    assert (found.calls, found.ratings, found.not_judged) == (40, 16, 0)
    with pytest.raises(UsageError, match="40 calls are more than 30 to judge"):
        judged_quality(open_workspace(), "judge", most=30)
    asked = len(host.requests)
    assert judged_quality(open_workspace(), "judge") == found
    assert len(host.requests) == asked + 1  # grades are kept; one is asked again, whether the same model answers


def test_judged_quality_leaves_out_what_has_no_grade(
    collector: DistillationDataCollector, database: Database, host: wire.Host
) -> None:
    host.answers["POST /chat/completions"] = completion("I would rather not.")
    found = judged_quality(open_workspace(), "judge")
    assert (found.rating, found.judge, found.calls, found.not_judged) == (None, None, 0, 40)
    assert any("40 calls without a grade" in line for line in lines_of(found))


def test_review_commands_ask_rate_and_estimate(cli: Any, workspace: Any) -> None:
    for number in range(30):
        metadata = {"confidence": 0.09} if number == 3 else {}
        DistillationDataCollector().capture_success(f"Q{number}", "A", "usual", "chat", rating=3, metadata=metadata)
    assert "Mean rating of 30 calls: unknown" in cli("review", "quality")[1]
    code, out, _ = cli("review", "next", "-n", "30")
    assert (code, "low confidence: 0.09" in out, "drawn at random" in out) == (0, True, True)
    assert "Mean rating of 30 calls: unknown; it takes two ratings" in out
    calls = json.loads(cli("review", "next", "--json", "-n", "6")[1])["calls"]
    assert len(calls) == 6
    for each, rating in zip(calls, (5, 4, 1, 5, 4, 5), strict=True):
        code, out, _ = cli("review", "rate", each["id"], str(rating))
    assert (code, out.strip()) == (0, "rated 5; 24 calls are waiting")
    code, out, _ = cli("review", "quality")
    assert code == 0
    assert re.search(r"30 calls: \d\.\d\d \(95 % interval .*\), from 6 ratings; about \d+ more ratings halve", out)
    assert json.loads(cli("review", "quality", "--domain", "none", "--json")[1])["calls"] == 0
    for wrong, message in (
        (("rate", calls[0]["id"], "6"), "from 1 to 5"),
        (("rate", "sha256:none", "3"), "no captured example"),
        (("next", "--since", "soon"), "--since: 'soon' is no time"),
        (("quality", "--rubric", "x"), "--rubric is for a judge"),
    ):
        code, _, err = cli("review", *wrong)
        assert (code != 0, message in err, "Traceback" in err) == (True, True, False)
