"""What an application says of a call: a rating, a better answer, figures. It may come before the call is stored."""

from __future__ import annotations

from datetime import timedelta

from fine_tuning.distillation.corrections import apply_correction
from fine_tuning.errors import FineTuningError, StorageError, UnavailableError, UsageError
from fine_tuning.gateway import canary_samples, kept_feedback
from fine_tuning.gateway.call_records import SHADOW
from fine_tuning.gateway.canary_samples import is_failed
from fine_tuning.gateway.capture_policy import CapturePolicy
from fine_tuning.gateway.exchanges import CACHE
from fine_tuning.gateway.recorder import SPOOL
from fine_tuning.store import call_feedback, examples, gateway_calls
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.gateway_calls import CallFeedback, GatewayCall
from fine_tuning.store.workspace import Workspace

BLOCK = 200
PATIENCE_SECONDS = 2.0  # for another writer: applications wait for the reply
REPEATED_WITHIN = timedelta(seconds=15)  # a try that failed may be stored seconds before the one that was answered
_MAX_REASON = 300  # characters


def give(workspace: Workspace, feedback: CallFeedback) -> CallFeedback:
    """Store feedback, and apply it where its call is stored. Returns it with its status, and the reason of a refusal.

    The rating and the better answer become those of the captured example, as a person's; of a canary's call it is the
    outcome that the route's policy names. While the database is away it waits in the spool.

    Raises:
        StorageError: the spool cannot be written either.
    """
    feedback = _masked(feedback, CapturePolicy.of(workspace.settings))
    try:
        with workspace.database.write(PATIENCE_SECONDS) as tx:
            call_feedback.add(tx, feedback)
    except UnavailableError:
        kept_feedback.keep(workspace.settings.folder(SPOOL), feedback)
        return feedback
    try:
        return _apply(workspace, feedback)
    except UnavailableError:  # it is stored, and waits there
        return feedback


def store_kept(workspace: Workspace) -> None:
    """Store the feedback that waits in the spool; what is stored again, after a kill, adds nothing."""
    for path in kept_feedback.kept(workspace.settings.folder(SPOOL)):
        with kept_feedback.taken(path) as feedback, workspace.database.write() as tx:
            if not call_feedback.is_known(tx, feedback["id"]):
                call_feedback.add(tx, feedback)


def _masked(feedback: CallFeedback, policy: CapturePolicy) -> CallFeedback:
    """Feedback without what is private, as its call is stored."""
    correction, comment, own_id = feedback["correction"], feedback["comment"], feedback["own_id"]
    return {
        **feedback,
        "correction": None if correction is None else policy.text(correction),
        "comment": None if comment is None else policy.text(comment),
        "own_id": None if own_id is None else policy.name(own_id),
        "metrics": {policy.name(name): value for name, value in feedback["metrics"].items()},
    }


def apply_waiting(workspace: Workspace) -> int:
    """Apply the feedback whose calls have been stored since. Returns how many there were."""
    with workspace.database.read() as tx:
        found = call_feedback.waiting(tx, BLOCK)
    for each in found:
        _apply(workspace, each)
    return len(found)


def _apply(workspace: Workspace, feedback: CallFeedback) -> CallFeedback:
    with workspace.database.read() as tx:
        calls = _calls(tx, feedback)
    if not calls or _may_be_repeated(calls, feedback):
        return feedback
    is_outcome = False
    try:
        call = _only(calls, feedback)
        feedback = {**feedback, "call_id": call["id"]}
        with workspace.database.read() as tx:
            call = _answered_by_model(tx, call)
        is_outcome = canary_samples.record_outcome(workspace, call, feedback)  # first: it may be repeated after a crash
        with workspace.database.write() as tx:
            _rate(tx, call, feedback)
            return _settled(tx, {**feedback, "status": "applied"})
    except StorageError:
        raise
    except FineTuningError as error:  # kept as waiting, it would come again for ever, before all others
        refusal: CallFeedback = {**feedback, "status": "refused", "reason": str(error)[:_MAX_REASON]}
        with workspace.database.write() as tx:
            return _settled(tx, {**refusal, "status": "applied"} if is_outcome else refusal)


def _settled(tx: Transaction, feedback: CallFeedback) -> CallFeedback:
    call_feedback.settle(tx, feedback, feedback["status"], feedback["reason"])
    return feedback


def _calls(tx: Transaction, feedback: CallFeedback) -> list[GatewayCall]:
    if feedback["call_id"] is not None:
        call = gateway_calls.get(tx, feedback["call_id"], feedback["project"])
        return [] if call is None else [call]
    return gateway_calls.of_own_id(tx, feedback["project"], feedback["own_id"] or "")


def _may_be_repeated(calls: list[GatewayCall], feedback: CallFeedback) -> bool:
    """Whether the call that is meant may not be stored yet: those of the application's id that are have failed."""
    is_new = feedback["created_at"] > now() - REPEATED_WITHIN
    return feedback["call_id"] is None and is_new and all(map(is_failed, calls))


def _only(calls: list[GatewayCall], feedback: CallFeedback) -> GatewayCall:
    """The call that is meant: of repeated ones, that which was answered; one in shadow answers nobody."""
    answered = [call for call in calls if not is_failed(call) and call["role"] != SHADOW]
    meant = [call for call in answered if call["example_id"] is not None] or answered
    if len({call["example_id"] or call["id"] for call in meant}) > 1:
        raise UsageError(f"{len(meant)} calls have the id {feedback['own_id']}; give the call_id of one")
    return (meant or calls)[0]


def _answered_by_model(tx: Transaction, call: GatewayCall) -> GatewayCall:
    """The call whose answer it is: of one that the cache answered, the call that a model did, while it is stored."""
    if call["role"] != CACHE or call["pair_id"] is None:
        return call
    return gateway_calls.get(tx, call["pair_id"], call["project"]) or call


def _rate(tx: Transaction, call: GatewayCall, feedback: CallFeedback) -> None:
    if feedback["rating"] is None and feedback["correction"] is None:
        return  # figures and comments are of the call itself
    example = None if call["example_id"] is None else examples.get(tx, call["example_id"])
    if example is None:
        why = call["not_captured"] or "its example was deleted"
        raise UsageError(f"the call has no captured example that could be rated: {why}")
    if feedback["correction"] is not None:
        apply_correction(tx, example, feedback["correction"], feedback["rating"])
    elif feedback["rating"] is not None:
        examples.rate(tx, example["id"], feedback["rating"])
