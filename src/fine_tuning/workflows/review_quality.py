"""The mean rating of all calls in the review inbox, estimated from those that were drawn and rated.

What is asked first is asked because it may be bad, so the plain mean of the ratings is not that of the calls. A rating
counts with the inverse of the probability with which its call was drawn, see `distillation.review_weights`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf, isnan
from typing import NamedTuple

from fine_tuning.data_io.messages import messages_of_example
from fine_tuning.distillation.review_weights import enter_waiting
from fine_tuning.errors import UsageError
from fine_tuning.evaluation import judge_prompts
from fine_tuning.evaluation.prediction_powered import Corrected, corrected_mean
from fine_tuning.store import review_draws, reviews
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database
from fine_tuning.store.records.examples import Example
from fine_tuning.store.review_draws import Cohort, RatedDraw
from fine_tuning.store.reviews import Filters
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows import judging
from fine_tuning.workflows.evaluation_questions import RATINGS, Question
from fine_tuning.workflows.judging import OnProgress

ALL_CALLS = Filters()
MOST_JUDGED = 2000


class Sample(NamedTuple):
    """A random sample of the calls that had entered the inbox at a time.

    Attributes:
        until: when the last of its calls had entered; None without calls.
        limit: all calls with a lower draw are rated; infinite where all calls are.
        calls: number of calls that it is a sample of.
        rated: the drawn calls.
    """

    until: datetime | None
    limit: float
    calls: int
    rated: Sequence[RatedDraw]

    @property
    def probabilities(self) -> list[float]:
        """With which each call was drawn, above 0 to 1."""
        return [min(1.0, each.weight * self.limit) for each in self.rated]


@dataclass(frozen=True)
class Quality:
    """The estimated mean rating of calls, 1 to 5, with its 95 % interval; None where it is unknown.

    Attributes:
        calls: number of calls that it is of: those that waited when they entered the inbox.
        later: number of calls that entered later; they are part of it once those drawn of them are rated.
        ratings: that it is computed from.
        not_counted: ratings of calls that were drawn and do not count yet, as a call asked before them has no rating.
        otherwise: ratings of calls that nobody drew (feedback, votes, earlier reviews); they are no part of it.
        more: further ratings that halve the interval, about; None where there are not as many calls.
        judge: the judge's own mean, as a rating; None without a judge.
        not_judged: calls that it leaves out, as the judge gave them no grade.
    """

    rating: float | None
    low: float | None
    high: float | None
    calls: int
    later: int
    ratings: int
    not_counted: int
    otherwise: int
    more: int | None
    judge: float | None = None
    not_judged: int = 0


def quality(database: Database, filters: Filters = ALL_CALLS) -> Quality:
    """Estimate the mean rating of the calls that filters select."""
    sample, others = _read(database, filters)
    human = [_score(each.rating) for each in sample.rated]
    found = corrected_mean(human, [0.0] * len(human), [], probabilities=sample.probabilities)
    return _quality(found, sample, others)


def judged_quality(
    workspace: Workspace,
    judge: str,
    rubric: str = judge_prompts.BARE_RUBRIC,
    filters: Filters = ALL_CALLS,
    *,
    most: int = MOST_JUDGED,
    on_progress: OnProgress = lambda _: None,
) -> Quality:
    """As `quality`, from a judge's grades of all these calls, corrected by the ratings.

    Args:
        judge: a model, as for `LLMService`; its replies are kept.
        most: number of calls that it may be asked about.

    Raises:
        UsageError: there are more calls.
        NotFoundError, ConfigurationError, ProviderError: see `predict`.
    """
    enter_waiting(workspace.database, now())
    sample, others = _read(workspace.database, filters)
    if sample.calls > most:
        raise UsageError(f"{sample.calls:,} calls are more than {most:,} to judge; select fewer of them, or allow more")
    calls = _population(workspace.database, filters, sample)
    questions = [Question(messages_of_example(each)[:-1], judge_prompts.NO_REFERENCE) for each in calls]
    answers = [each["response"] for each in calls]
    grades = judging.grades(judge, questions, answers, rubric, workspace=workspace, on_progress=on_progress)
    by_id = {each["id"]: grade for each, grade in zip(calls, grades, strict=True) if grade is not None}
    sample = sample._replace(rated=[each for each in sample.rated if each.example_id in by_id])
    human = [_score(each.rating) for each in sample.rated]
    drawn = [by_id.pop(each.example_id) for each in sample.rated]
    every = [*drawn, *by_id.values()]
    found = corrected_mean(human, drawn, [*by_id.values()], probabilities=sample.probabilities)
    mean = _rating(sum(every) / len(every)) if every else None
    shown = _quality(found, sample._replace(calls=len(every)), others)
    return replace(shown, judge=mean, not_judged=len(calls) - len(every))


def sample_of(cohorts: Sequence[Cohort], rated: Sequence[RatedDraw]) -> Sample:
    """The largest sample that is there, the newest of several: new calls are part of it once those drawn are rated.

    Calls that wait hold the limit down, and new ones that were drawn come before all others: an estimate that includes
    them is of few ratings until they are rated. Which calls entered when does not depend on their ratings.

    Args:
        cohorts: oldest first.
    """
    limit, calls = inf, 0
    latest = dict[float, tuple[datetime, int]]()  # by limit: with the same one, the latest time has most
    for cohort in cohorts:
        limit = min(limit, inf if cohort.first_waiting is None else cohort.first_waiting)
        calls += cohort.calls
        latest[limit] = cohort.entered_at, calls
    samples = [
        Sample(until, limit, calls, [each for each in rated if each.entered_at <= until and each.draw < limit])
        for limit, (until, calls) in reversed(latest.items())
    ]
    return max(samples, key=lambda each: len(each.rated), default=Sample(None, inf, 0, []))


class _Others(NamedTuple):
    """What is no part of a sample, see `Quality`."""

    later: int
    not_counted: int
    otherwise: int


def _read(database: Database, filters: Filters) -> tuple[Sample, _Others]:
    selected = reviews.matching(filters)
    with database.read() as tx:
        cohorts, rated = review_draws.cohorts(tx, selected), review_draws.rated(tx, selected)
        otherwise = review_draws.rated_otherwise(tx, selected)
    sample = sample_of(cohorts, rated)
    later = sum(each.calls for each in cohorts) - sample.calls
    return sample, _Others(later, len(rated) - len(sample.rated), otherwise)


def _population(database: Database, filters: Filters, sample: Sample) -> list[Example]:
    if sample.until is None:
        return []
    with database.read() as tx:
        return review_draws.population(tx, reviews.matching(filters), sample.until)


def _quality(found: Corrected, sample: Sample, others: _Others) -> Quality:
    ratings = len(sample.rated)
    mean, low, high = (None if isnan(each) else _rating(each) for each in (found.estimate, found.low, found.high))
    more = None if found.more is None or ratings + found.more > sample.calls else found.more
    return Quality(mean, low, high, sample.calls, others.later, ratings, others.not_counted, others.otherwise, more)


def lines_of(found: Quality) -> list[str]:
    """What is known of the quality of calls, in words."""
    if found.rating is None:
        lines = [f"Mean rating of {_calls(found.calls)}: unknown; it takes two ratings, in the order of this list."]
    else:
        more = "too few calls are there to halve the interval"
        if found.more is not None:
            more = f"about {found.more:,} more ratings halve the interval"
        mean = f"{found.rating:.2f} (95 % interval {found.low:.2f} to {found.high:.2f}), from {found.ratings:,} ratings"
        lines = [f"Mean rating of {_calls(found.calls)}: {mean}; {more}."]
    if found.judge is not None:
        lines.append(f"The judge's own mean is {found.judge:.2f}; the mean above is corrected by the ratings.")
    if found.not_judged:
        lines.append(f"{_calls(found.not_judged)} without a grade of the judge are left out.")
    if found.later:
        lines.append(f"{_calls(found.later)} that came later are part of it once those asked first are rated.")
    if found.not_counted:
        lines.append(f"{found.not_counted:,} more ratings count once the calls that were asked before them are rated.")
    if found.otherwise:
        why = "feedback, votes, earlier reviews"
        lines.append(f"{found.otherwise:,} ratings of calls that were not drawn ({why}) are no part of it.")
    return lines


def _calls(count: int) -> str:
    return f"{count:,} call{'' if count == 1 else 's'}"


def _score(rating: int) -> float:
    return (rating - RATINGS[0]) / (RATINGS[-1] - RATINGS[0])


def _rating(score: float) -> float:
    return RATINGS[0] + score * (RATINGS[-1] - RATINGS[0])
