"""Whether what a route is asked, what it answers, or how good that is, has drifted since the last run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from math import exp, isnan, log, nan, sqrt
from statistics import fmean, pvariance
from typing import NamedTuple, TypedDict

from fine_tuning.data_io.messages import compared_text, length_of_request, messages_of_example, text_of
from fine_tuning.experiments import confidence_sequences, two_sample_drift
from fine_tuning.experiments.betting import log_evidence
from fine_tuning.gateway import route_changes
from fine_tuning.gateway.route_policy import answers_today
from fine_tuning.serving.embedding.embedder import Embedder, vectors_of
from fine_tuning.serving.embedding.embedding_models import open_embedder
from fine_tuning.store import route_answers
from fine_tuning.store.database import Database
from fine_tuning.store.examples import CURATED_RATING
from fine_tuning.store.records.examples import Example
from fine_tuning.store.records.routes import RouteRevision
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.flywheel import judged_quality
from fine_tuning.workflows.flywheel.flywheel_policy import FlywheelPolicy

EMBEDDING = "wordllama"
MOST_NEW = 5000  # conversations, or ratings, since the last run


class DriftFound(TypedDict):
    """Of one kind of drift.

    Attributes:
        kind: inputs, outputs, quality (by ratings) or judged (by a judge's grades).
        compared: pairs of an old and a new conversation, or ratings.
        evidence: against "nothing has drifted", at its highest: an e-value.
        needed: from which on it is drift.
        value: of quality, the share of good answers; of what is judged, how much lower the mean grade is than it was
            (0 to 1); with `low` and `high`, which hold at every look; nan of others.
    """

    kind: str
    compared: int
    evidence: float
    needed: float
    is_drift: bool
    value: float
    low: float
    high: float


class Watched(NamedTuple):
    """Calls of a route before and since a moment, oldest first, each conversation once."""

    old: Sequence[Example]
    new: Sequence[Example]


def look(workspace: Workspace, policy: FlywheelPolicy, since: datetime | None) -> list[DriftFound]:
    """Look for drift; looking again and again raises no false alarm, see `betting.log_evidence`.

    Args:
        since: the last run; without one, the first calls are what later ones are compared with.

    Raises:
        MissingDependencyError: the `flywheel` extra is not installed.
    """
    chosen, database = policy.drift, workspace.database
    alpha = chosen.alpha / (2 + (chosen.min_quality is not None) + (chosen.judge is not None))
    inputs, outputs = _inputs(database, policy, since), _outputs(database, policy)
    embedder = open_embedder(EMBEDDING)
    try:
        found = [
            _two_sample("inputs", inputs, _question, embedder, alpha),
            _two_sample("outputs", outputs, _answer, embedder, alpha),
        ]
    finally:
        embedder.close()
    if chosen.min_quality is not None:
        found.append(_quality(database, policy, chosen.min_quality, since, alpha))
    if chosen.judge is not None:
        old, new = (some[: chosen.judged] for some in outputs)
        found.append(_judged(judged_quality.graded_pairs(workspace, chosen.judge, old, new), alpha))
    return found


def described(found: DriftFound) -> str:
    """What was found, in a sentence."""
    verdict = "has drifted" if found["is_drift"] else "no drift is shown"
    judgement = "worse than it was" if found["kind"] == "judged" else "good"
    shown = f", {found['value']:.1%} {judgement} ({found['low']:.1%} to {found['high']:.1%})"
    what = "ratings" if found["kind"] == "quality" else "pairs of an old and a new conversation"
    return (
        f"{found['kind']}: {verdict} (evidence {found['evidence']:.3g} of {found['needed']:.3g} needed, "
        f"{found['compared']:,} {what}{'' if isnan(found['value']) else shown})"
    )


def _inputs(database: Database, policy: FlywheelPolicy, since: datetime | None) -> Watched:
    """The newest conversations before the last run, and those since."""
    size = policy.drift.reference
    with database.read() as tx:
        if since is None:
            return _split(_one_each(route_answers.oldest(tx, *policy.place, None, size + MOST_NEW)), size)
        old = _one_each(route_answers.newest_before(tx, *policy.place, since, size))
        return Watched(old, _one_each(route_answers.oldest(tx, *policy.place, since, MOST_NEW)))


def _outputs(database: Database, policy: FlywheelPolicy) -> Watched:
    """The first answers since the route's model was changed, and the later ones: another model writes otherwise."""
    with database.read() as tx:
        since = _model_since(route_changes.history(tx, *policy.place))
        found = route_answers.oldest(tx, *policy.place, since, policy.drift.reference + MOST_NEW)
    return _split(_one_each(found), policy.drift.reference)


def _model_since(history: Sequence[RouteRevision]) -> datetime:
    """Since when the same model answers."""
    since, before = history[0]["created_at"], None
    for revision in history:
        target = None if revision["policy"] is None else answers_today(revision)
        since, before = (since if target == before else revision["created_at"]), target
    return since


def _split(found: list[Example], size: int) -> Watched:
    return Watched(found[:size], found[size:])


def _one_each(found: Iterable[tuple[str | None, Example]]) -> list[Example]:
    """One call of each conversation: calls of one are alike whatever drifts."""
    kept: dict[str, Example] = {}
    for key, example in found:
        kept.setdefault(key or f"call {example['id']}", example)
    return list(kept.values())


def _two_sample(
    kind: str, watched: Watched, text: Callable[[Example], str], embedder: Embedder, alpha: float
) -> DriftFound:
    pairs = min(len(watched.old), len(watched.new))
    old, new = (vectors_of(embedder, [text(each) for each in some]) for some in (watched.old, watched.new[:pairs]))
    return _found(kind, pairs, two_sample_drift.payoffs(old, new), alpha)


def _quality(
    database: Database, policy: FlywheelPolicy, least: float, since: datetime | None, alpha: float
) -> DriftFound:
    """Bets that answers are worse than they should be; ratings count in the order in which they came."""
    with database.read() as tx:
        ratings = route_answers.ratings(tx, *policy.place, since, MOST_NEW)
    good = [float(rating >= CURATED_RATING) for rating in ratings]
    return _with_mean(_found("quality", len(good), (least - each for each in good), alpha), good, 0.0, alpha)


def _judged(grades: judged_quality.Grades, alpha: float) -> DriftFound:
    """Bets that an answer gets a lower grade than one of the first answers did."""
    worse = [before - after for before, after in grades]
    return _with_mean(_found("judged", len(worse), iter(worse), alpha), worse, -1.0, alpha)


def _with_mean(found: DriftFound, scores: Sequence[float], lowest: float, alpha: float) -> DriftFound:
    """With the mean of scores from `lowest` to 1, and its interval."""
    if scores:
        value = fmean(scores)
        # One of the best and one of the worst more: few scores that are all alike say little about the others.
        variance = pvariance([*scores, lowest, 1.0])
        half = sqrt(variance / len(scores)) * confidence_sequences.limit(len(scores), alpha)
        found |= {"value": value, "low": max(lowest, value - half), "high": min(1.0, value + half)}
    return found


def _found(kind: str, compared: int, payoffs: Iterator[float], alpha: float) -> DriftFound:
    highest = max(log_evidence(payoffs), default=0.0)
    return {
        "kind": kind,
        "compared": compared,
        "evidence": _bounded_exp(highest),
        "needed": 1 / alpha,
        "is_drift": highest >= log(1 / alpha),
        "value": nan,
        "low": nan,
        "high": nan,
    }


def _bounded_exp(value: float) -> float:
    return exp(min(value, 700.0))


def _question(example: Example) -> str:
    messages = messages_of_example(example)
    return text_of(messages[length_of_request(messages) - 1])


def _answer(example: Example) -> str:
    return compared_text(messages_of_example(example)[-1])
