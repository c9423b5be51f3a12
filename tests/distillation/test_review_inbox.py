"""Reviews of captured calls: claims, ratings, corrections, undo and agreement."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import Any

import pytest

from fine_tuning.dataset_builder import DatasetBuilder
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.distillation.review_inbox import CLAIM_SECONDS, Filters, ReviewInbox
from fine_tuning.distillation.reviewer_agreement import alpha
from fine_tuning.errors import ConflictError, NotFoundError, UsageError
from fine_tuning.store.database import Database
from fine_tuning.store.workspace import open_workspace


@pytest.fixture
def collector(database: Database) -> DistillationDataCollector:
    """Twelve calls that wait."""
    made = DistillationDataCollector()
    for number in range(12):
        made.capture_success(
            f"What is {number} plus one?",
            f"It is {number + 1}.",
            "sums" if number % 2 else "other",
            "chat",
            rating=3,
            model_used="big" if number < 6 else "small",
        )
    return made


def inbox_of(reviewer: str, **more: Any) -> ReviewInbox:
    return ReviewInbox(reviewer, database=open_workspace().database, **more)


def rating_of(collector: DistillationDataCollector, example_id: str) -> int:
    return next(int(row["rating"]) for row in collector.find_examples() if row["id"] == example_id)


def test_take_with_filters_returns_matching_calls(collector: DistillationDataCollector) -> None:
    inbox = inbox_of("ann")
    assert inbox.count() == 12
    assert len({row["prompt"] for row in inbox.take(limit=2)}) == 2
    assert inbox.count(Filters(domain="sums", model="small")) == 3
    assert {row["domain"] for row in inbox.take(Filters(domain="sums"))} == {"sums"}
    assert inbox.choices() == {"domain": ["other", "sums"], "model": ["big", "small"]}
    since = datetime.fromisoformat(collector.find_examples()[3]["captured_at"])
    assert inbox.count(Filters(since=since)) == 9
    assert inbox.count(Filters(until=since)) == 3


def test_take_concurrent_reviewers_claim_different_calls(collector: DistillationDataCollector) -> None:
    def take(name: str) -> list[str]:
        return [row["id"] for row in inbox_of(name).take(limit=3)]

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(take, ("ann", "bob", "cy", "di")))
    assert len({each for found in taken for each in found}) == 12
    assert take("ann") == taken[0]  # claims are kept
    with pytest.raises(ConflictError, match="another reviewer has claimed"):
        inbox_of("bob").rate(taken[0][0], 5)
    inbox_of("ann").leave()
    assert len(set(take("bob")) | set(taken[1])) == 3
    inbox_of("bob").rate(taken[0][0], 5)


def test_take_after_claims_expire_gives_calls_to_another_reviewer(collector: DistillationDataCollector) -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    ann, bob = (inbox_of(name, clock=lambda: moment) for name in ("ann", "bob"))
    (claimed,) = (row["id"] for row in ann.take(limit=1))
    assert claimed not in {row["id"] for row in bob.take()}
    moment += timedelta(seconds=CLAIM_SECONDS)
    assert not ann.holds(claimed)
    assert claimed in {row["id"] for row in bob.take()}


def test_rate_then_undo_restores_rating(collector: DistillationDataCollector) -> None:
    ann, bob = inbox_of("ann"), inbox_of("bob")
    (row,) = ann.take(limit=1)
    first = row["id"]
    ann.rate(first, 5)
    assert (ann.count(), rating_of(collector, first)) == (11, 5)
    with pytest.raises(ConflictError, match="ann has already reviewed"):
        bob.rate(first, 1)
    facts = row["prompt"], row["response"], row["domain"], row["task_type"]
    assert collector.capture_success(*facts, rating=1, model_used=row["model_used"]) == first
    assert rating_of(collector, first) == 5  # a later sighting does not change a review
    assert bob.undo() is None
    assert ann.undo() == first
    assert (ann.count(), rating_of(collector, first)) == (12, 3)
    assert ann.undo() is None


def test_correct_then_undo_removes_pair_and_example(collector: DistillationDataCollector) -> None:
    inbox = inbox_of("ann")
    (row,) = inbox.take(limit=1)
    first = row["id"]
    better = inbox.correct(first, "It is one.")
    assert (rating_of(collector, first), rating_of(collector, better)) == (2, 5)
    (pair,) = collector.get_preferences()
    assert (pair["chosen"], pair["rejected"]) == ("It is one.", row["response"])
    assert better not in {row["id"] for row in inbox.take()}  # a correction needs no review
    assert inbox.undo() == first
    assert collector.get_preferences() == []
    assert len(collector.find_examples()) == 12
    assert rating_of(collector, first) == 3


def test_undo_used_correction_raises(collector: DistillationDataCollector) -> None:
    inbox = inbox_of("ann")
    (first,) = (row["id"] for row in inbox.take(limit=1))
    better = inbox.correct(first, "It is one.")
    DatasetBuilder().build("used", min_response=1)
    with pytest.raises(ConflictError, match="already used"):
        inbox.undo()
    assert rating_of(collector, better) == 5
    assert len(collector.get_preferences()) == 1


def test_agreement_with_second_opinions_is_reported(collector: DistillationDataCollector) -> None:
    ann, bob = inbox_of("ann"), inbox_of("bob", second_opinions=True)
    for row, rating in zip(ann.take(limit=4), (5, 5, 1, 3), strict=True):
        ann.rate(row["id"], rating)
    again = bob.take()
    assert bob.count() == len(again) == 4
    for row, rating in zip(again, (5, 2, 1, 3), strict=True):
        bob.rate(row["id"], rating)
    assert [rating_of(collector, row["id"]) for row in again] == [5, 2, 1, 3]
    found = ann.agreement()
    assert (found.items, found.same, found.reviewers) == (4, 0.75, {"ann": 4, "bob": 4})
    assert found.alpha == pytest.approx(alpha([(5, 5), (5, 2), (1, 1), (3, 3)]))
    assert inbox_of("ann", second_opinions=True).count() == 0
    bob.undo()
    bob.undo()
    bob.undo()
    assert rating_of(collector, again[1]["id"]) == 5


def test_rate_and_correct_invalid_arguments_raise(collector: DistillationDataCollector) -> None:
    inbox = inbox_of("ann")
    (row,) = inbox.take(limit=1)
    with pytest.raises(UsageError, match="from 1 to 5"):
        inbox.rate(row["id"], 6)
    with pytest.raises(UsageError, match="different, non-empty"):
        inbox.correct(row["id"], row["response"])
    with pytest.raises(NotFoundError, match="no captured example"):
        inbox.rate("sha256:none", 4)
    with pytest.raises(UsageError):
        inbox_of("")


def test_alpha_published_data_equals_published_value() -> None:
    """The reliability data of Krippendorff 2011, section D: four observers, twelve units; interval metric."""
    observers = (
        (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
        (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
        (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
        (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
    )
    units = [[rating for rating in unit if rating is not None] for unit in zip(*observers, strict=True)]
    assert alpha(units) == pytest.approx(0.849, abs=5e-4)


def test_agreement_of_few() -> None:
    assert alpha([(1, 1), (2, 2)]) == 1
    assert alpha([(1, 2), (2, 1)]) == pytest.approx(-0.5)
    assert all(isnan(alpha(unknown)) for unknown in ([(3, 3), (3, 3)], [(1,), (2,)], []))
