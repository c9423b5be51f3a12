"""ReviewInbox: captured calls that wait for a person's judgement, several people at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median_low
from typing import Any

from fine_tuning._util import checks
from fine_tuning.distillation import importer
from fine_tuning.distillation.correction import CORRECTED_RATING, store_correction
from fine_tuning.distillation.reviewer_agreement import alpha
from fine_tuning.errors import ConflictError, NotFoundError
from fine_tuning.store import examples, reviews
from fine_tuning.store.database import Database, Transaction, open_database

CLAIM_SECONDS = 600.0  # after which the calls that a reviewer was given are free for others
NEWEST = 10_000  # judgements that the agreement is computed from


@dataclass(frozen=True)
class Filters:
    """Which calls to review; times are UTC, and `until` is not among them."""

    domain: str | None = None
    model: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Agreement:
    """How alike the reviewers judge.

    Attributes:
        reviewers: how many judgements each has given.
        items: calls that several have judged.
        same: share of these on which all gave the same rating; None where there are none.
        alpha: see `agreement.alpha`.
    """

    reviewers: Mapping[str, int]
    items: int
    same: float | None
    alpha: float


class ReviewInbox:
    """The calls that nobody has judged, given out so that two reviewers never get the same one.

    A call's rating is the median of its judgements, the lower one of two: a call that one reviewer finds wanting is
    not trained on.

    Args:
        reviewer: who judges.
        second_opinions: give out calls that one other reviewer has judged, instead of new ones.
        seat: where the reviewer sits, if at several places at once: each has calls of its own.
    """

    def __init__(
        self,
        reviewer: str,
        *,
        second_opinions: bool = False,
        seat: str | None = None,
        database: Database | None = None,
    ) -> None:
        self.reviewer = checks.name("reviewer", reviewer)
        self._seat = self.reviewer if seat is None else checks.name("seat", seat)
        self._second = second_opinions
        self._database = database or open_database()

    def count(self, filters: Filters = Filters()) -> int:
        """How many calls wait."""
        with self._database.read() as tx:
            return reviews.count(tx, self._conditions(filters))

    def choices(self) -> dict[str, list[str]]:
        """The domains and models of waiting calls."""
        with self._database.read() as tx:
            return reviews.values(tx, self._conditions(Filters()))

    def take(self, filters: Filters = Filters(), limit: int = 20) -> list[dict[str, Any]]:
        """The next calls, oldest first, which are this reviewer's for the next ten minutes.

        Those taken before that do not fulfil the filters are given back.
        """
        checks.count("limit", limit)
        with self._database.write() as tx:
            found = reviews.claim(tx, self._seat, self._conditions(filters), limit, CLAIM_SECONDS)
            reviews.let_go(tx, self._seat, but=[row["id"] for row in found])
            return found

    def peek(self, filters: Filters = Filters(), limit: int = 20) -> list[dict[str, Any]]:
        """The next calls, for whoever only looks: they stay free for others."""
        with self._database.read() as tx:
            return reviews.peek(tx, self._conditions(filters), checks.count("limit", limit))

    def leave(self) -> None:
        """Give back what was taken and not judged."""
        with self._database.write() as tx:
            reviews.let_go(tx, self._seat)

    def holds(self, example_id: str) -> bool:
        """Whether a call that was taken is still this reviewer's to judge."""
        with self._database.read() as tx:
            return reviews.seat_of(tx, example_id) == self._seat

    def rate(self, example_id: str, rating: int) -> None:
        """Judge a call, 1 (useless) to 5 (perfect).

        Raises:
            UsageError: the rating is out of range.
            NotFoundError: there is no such call.
            ConflictError: another reviewer has it, or has just judged it.
        """
        importer.check_rating(rating)
        with self._database.write() as tx:
            self._judge(tx, example_id, rating, None)

    def correct(self, example_id: str, corrected_response: str) -> str:
        """Store a better answer, as `DistillationDataCollector.correct`. Returns the id of the corrected call.

        Raises:
            NotFoundError, ConflictError: as for `rate`.
            UsageError: the correction is empty or the same text.
        """
        with self._database.write() as tx:
            return str(self._judge(tx, example_id, CORRECTED_RATING, corrected_response))

    def undo(self) -> str | None:
        """Take back the last judgement, and the correction that was part of it; the call is this reviewer's again.

        Returns:
            The call's id; None where there is no further judgement.

        Raises:
            ConflictError: the corrected call is already used, by a data set or a judgement.
        """
        with self._database.write() as tx:
            last = reviews.newest_of(tx, self.reviewer)
            if last is None:
                return None
            corrected_id, example_id = last["corrected_id"], str(last["example_id"])
            reviews.undo(tx, last["id"])
            if corrected_id is not None and not reviews.take_back_correction(tx, example_id, corrected_id):
                raise ConflictError(f"the correction of {example_id} is already used; it cannot be undone")
            standing = reviews.of_example(tx, example_id)
            rating = _rating(standing) if standing else last["rating_before"]
            examples.rate(tx, example_id, rating, judged=bool(standing) or last["judged_before"])
            reviews.hold(tx, self._seat, example_id, CLAIM_SECONDS)
            return example_id

    def agreement(self) -> Agreement:
        """Of all reviewers, over the newest calls that several have judged."""
        with self._database.read() as tx:
            found, reviewers = reviews.ratings(tx, NEWEST), reviews.by_reviewer(tx)
        by_call: dict[str, dict[str, int]] = defaultdict(dict)
        for example_id, reviewer, rating in found:
            by_call[example_id].setdefault(reviewer, rating)
        items = [list(given.values()) for given in by_call.values() if len(given) > 1]
        same = sum(len(set(item)) == 1 for item in items) / len(items) if items else None
        return Agreement(dict(reviewers), len(items), same, alpha(items))

    def _conditions(self, filters: Filters) -> Any:
        return reviews.conditions(**vars(filters), second_opinion_of=self.reviewer if self._second else None)

    def _judge(self, tx: Transaction, example_id: str, rating: int, correction: str | None) -> str | None:
        """Record a judgement, with the correction that explains it. Returns the id of the corrected call."""
        found = examples.lock(tx, example_id)
        if found is None:
            raise NotFoundError(f"no captured example {example_id}")
        example, was_judged = found
        if reviews.seat_of(tx, example_id) not in {None, self._seat}:
            raise ConflictError(f"another reviewer has call {example_id} now")
        others = [each for each in reviews.of_example(tx, example_id) if each["reviewer"] != self.reviewer]
        if others and not self._second:
            raise ConflictError(f"{others[-1]['reviewer']} has judged call {example_id} meanwhile")
        if correction is not None:
            rating = min(rating, example["rating"])
        corrected_id = None if correction is None else store_correction(tx, example, correction)
        review = {
            "example_id": example_id,
            "reviewer": self.reviewer,
            "rating": rating,
            "rating_before": example["rating"],
            "judged_before": was_judged,
            "corrected_id": corrected_id,
        }
        reviews.add(tx, review)
        examples.rate(tx, example_id, _rating(reviews.of_example(tx, example_id)))
        reviews.let_go_of(tx, example_id)
        return corrected_id


def _rating(standing: Sequence[Mapping[str, Any]]) -> int:
    """The median of the reviewers' last words, the lower one of two."""
    return int(median_low({review["reviewer"]: review["rating"] for review in standing}.values()))
