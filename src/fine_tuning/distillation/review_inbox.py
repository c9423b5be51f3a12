"""ReviewInbox: captured calls that wait for a review, claimed so that several people can review at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from statistics import median_low

from fine_tuning._util import checks
from fine_tuning.distillation.corrections import store_correction
from fine_tuning.distillation.ratings import MAX_CORRECTED_RATING, check_rating
from fine_tuning.distillation.review_weights import enter_waiting
from fine_tuning.distillation.reviewer_agreement import alpha
from fine_tuning.errors import ConflictError, NotFoundError
from fine_tuning.store import examples, review_draws, reviews
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.records.examples import Example, Review
from fine_tuning.store.reviews import Filters
from fine_tuning.store.workspace import open_workspace

CLAIM_SECONDS = 600.0  # after which the calls that a reviewer claimed are free for others
ALL_CALLS = Filters()
NO_REASON = "drawn at random"
AGREEMENT_REVIEWS = 10_000  # newest reviews that the agreement is computed from

__all__ = ["Agreement", "Filters", "ReviewInbox"]


@dataclass(frozen=True)
class Agreement:
    """Agreement between reviewers.

    Attributes:
        reviewers: number of reviews by reviewer.
        items: number of calls with several reviewers.
        same: share of these calls, 0 to 1, on which all ratings are equal; None if there are no such calls.
        alpha: see `reviewer_agreement.alpha`.
    """

    reviewers: Mapping[str, int]
    items: int
    same: float | None
    alpha: float


class ReviewInbox:
    """Captured calls without a review. A call is claimed by one reviewer at a time.

    A call's rating is the median of its reviews, the lower one of two: a call that one reviewer rates low is not
    trained on.

    Args:
        reviewer: name of the person who reviews.
        second_opinions: give calls that one other reviewer has reviewed, instead of new ones.
        seat: names one of several places at which the reviewer works at once, such as a browser tab; each claims its
            own calls.
        database: of the workspace; by default that of the one which the environment names.
        clock: gives the current time (UTC), by which claims expire; by default the database's.
    """

    def __init__(
        self,
        reviewer: str,
        *,
        second_opinions: bool = False,
        seat: str | None = None,
        database: Database | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.reviewer = checks.name("reviewer", reviewer)
        self._seat = self.reviewer if seat is None else checks.name("seat", seat)
        self._second_opinions = second_opinions
        self._database = database or open_workspace().database
        claims = partial(reviews.Claims, self._seat, CLAIM_SECONDS)
        self._claims = claims() if clock is None else claims(lambda _: clock())

    def count(self, filters: Filters = ALL_CALLS) -> int:
        """Number of calls that wait for a review."""
        with self._database.read() as tx:
            return reviews.count(tx, self._waiting(filters))

    def choices(self) -> reviews.FilterChoices:
        """The domains and models of waiting calls."""
        with self._database.read() as tx:
            return reviews.filter_choices(tx, self._waiting(ALL_CALLS))

    def take(self, filters: Filters = ALL_CALLS, limit: int = 20) -> list[Example]:
        """Claim the next calls for ten minutes: those claimed before, then by their draws (see `review_weights`).

        Calls that were claimed before and do not match the filters are released.
        """
        checks.count("limit", limit)
        enter_waiting(self._database, now())
        with self._database.write() as tx:
            found = self._claims.claim(tx, self._waiting(filters), limit)
            self._claims.release(tx, keep=[example["id"] for example in found])
            return found

    def peek(self, filters: Filters = ALL_CALLS, limit: int = 20) -> list[Example]:
        """The next calls, without claiming them."""
        with self._database.read() as tx:
            return reviews.find(tx, self._waiting(filters), checks.count("limit", limit))

    def reasons(self, found: Sequence[Example]) -> dict[str, str]:
        """By id, why calls are asked before others, in a few words."""
        ids = [each["id"] for each in found]
        with self._database.read() as tx:
            return dict.fromkeys(ids, NO_REASON) | review_draws.reasons(tx, ids)

    def leave(self) -> None:
        """Release the claimed calls."""
        with self._database.write() as tx:
            self._claims.release(tx)

    def holds(self, example_id: str) -> bool:
        """Whether this reviewer has a claim on a call."""
        with self._database.read() as tx:
            return self._claims.holder(tx, example_id) == self._seat

    def rate(self, example_id: str, rating: int) -> None:
        """Review a call: 1 (useless) to 5 (perfect).

        Raises:
            UsageError: the rating is out of range.
            NotFoundError: there is no such call.
            ConflictError: another reviewer has claimed or reviewed it.
        """
        check_rating(rating)
        with self._database.write() as tx:
            self._review(tx, example_id, rating, None)

    def correct(self, example_id: str, corrected_response: str) -> str:
        """Store a better response, as `DistillationDataCollector.correct`. Returns the id of the corrected call.

        Raises:
            NotFoundError, ConflictError: as for `rate`.
            UsageError: the correction is empty or equal to the response.
        """
        with self._database.write() as tx:
            return str(self._review(tx, example_id, MAX_CORRECTED_RATING, corrected_response))

    def undo(self) -> str | None:
        """Undo this reviewer's last review, and the correction that was part of it; the call is claimed again.

        Returns:
            The call's id; None if there is no review to undo.

        Raises:
            ConflictError: the corrected call is already used, by a dataset or a review.
        """
        with self._database.write() as tx:
            last = reviews.newest_of(tx, self.reviewer)
            if last is None:
                return None
            corrected_id, example_id = last["corrected_id"], last["example_id"]
            reviews.undo(tx, last["id"])
            if corrected_id is not None and not reviews.remove_correction(tx, example_id, corrected_id):
                raise ConflictError(f"the correction of {example_id} is already used; it cannot be undone")
            valid = reviews.of_example(tx, example_id)
            rating = _median_rating(valid) if valid else last["rating_before"]
            examples.rate(tx, example_id, rating, judged=bool(valid) or last["judged_before"])
            self._claims.claim_one(tx, example_id)
            return example_id

    def agreement(self) -> Agreement:
        """Agreement of all reviewers, over the newest calls with several reviewers."""
        with self._database.read() as tx:
            found, reviewers = reviews.ratings(tx, AGREEMENT_REVIEWS), reviews.by_reviewer(tx)
        by_call: dict[str, dict[str, int]] = defaultdict(dict)
        for example_id, reviewer, rating in found:
            by_call[example_id].setdefault(reviewer, rating)
        items = [list(given.values()) for given in by_call.values() if len(given) > 1]
        same = sum(len(set(item)) == 1 for item in items) / len(items) if items else None
        return Agreement(dict(reviewers), len(items), same, alpha(items))

    def _waiting(self, filters: Filters) -> reviews.Conditions:
        return reviews.waiting(filters, second_opinion_of=self.reviewer if self._second_opinions else None)

    def _review(self, tx: Transaction, example_id: str, rating: int, correction: str | None) -> str | None:
        """Record a review, with the correction if there is one. Returns the id of the corrected call."""
        found = examples.lock(tx, example_id)
        if found is None:
            raise NotFoundError(f"no captured example {example_id}")
        example, was_judged = found
        if self._claims.holder(tx, example_id) not in {None, self._seat}:
            raise ConflictError(f"another reviewer has claimed call {example_id}")
        others = [each for each in reviews.of_example(tx, example_id) if each["reviewer"] != self.reviewer]
        if others and not self._second_opinions:
            raise ConflictError(f"{others[-1]['reviewer']} has already reviewed call {example_id}")
        if correction is not None:
            rating = min(rating, example["rating"])
        corrected_id = None if correction is None else store_correction(tx, example, correction)
        review: reviews.NewReview = {
            "example_id": example_id,
            "reviewer": self.reviewer,
            "rating": rating,
            "rating_before": example["rating"],
            "judged_before": was_judged,
            "corrected_id": corrected_id,
        }
        reviews.add(tx, review)
        examples.rate(tx, example_id, _median_rating(reviews.of_example(tx, example_id)))
        reviews.release_example(tx, example_id)
        return corrected_id


def _median_rating(valid: Sequence[Review]) -> int:
    """The median of each reviewer's last rating, the lower one of two."""
    return int(median_low({review["reviewer"]: review["rating"] for review in valid}.values()))
