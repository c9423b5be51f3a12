"""What an application says of a call: a rating, a better answer, figures. It may come before the call is stored."""

from __future__ import annotations

from fine_tuning.distillation.corrections import apply_correction
from fine_tuning.errors import UsageError
from fine_tuning.store import call_feedback, examples, gateway_calls
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.records.gateway_calls import CallFeedback, GatewayCall

BLOCK = 200
_MAX_REASON = 300  # characters


def give(database: Database, feedback: CallFeedback) -> CallFeedback:
    """Store feedback, and apply it where its call is stored. Returns it with its status, and the reason of a refusal.

    The rating and the better answer become those of the captured example, as a person's.
    """
    with database.write() as tx:
        call_feedback.add(tx, feedback)
        return _apply(tx, feedback)


def apply_waiting(database: Database) -> int:
    """Apply the feedback whose calls have been stored since. Returns how many there were."""
    with database.read() as tx:
        found = call_feedback.waiting(tx, BLOCK)
    if found:
        with database.write() as tx:
            for each in found:
                _apply(tx, each)
    return len(found)


def _apply(tx: Transaction, feedback: CallFeedback) -> CallFeedback:
    calls = _calls(tx, feedback)
    if not calls:
        return feedback
    try:
        call = _only(calls, feedback)
        feedback = {**feedback, "call_id": call["id"]}
        _rate(tx, call, feedback)
    except UsageError as error:
        feedback = {**feedback, "status": "refused", "reason": str(error)[:_MAX_REASON]}
    else:
        feedback = {**feedback, "status": "applied"}
    call_feedback.settle(tx, feedback, feedback["status"], feedback["reason"])
    return feedback


def _calls(tx: Transaction, feedback: CallFeedback) -> list[GatewayCall]:
    if feedback["call_id"] is not None:
        call = gateway_calls.get(tx, feedback["call_id"], feedback["project"])
        return [] if call is None else [call]
    return gateway_calls.of_own_id(tx, feedback["project"], feedback["own_id"] or "")


def _only(calls: list[GatewayCall], feedback: CallFeedback) -> GatewayCall:
    """The call that is meant: of repeated ones, that which was answered."""
    captured = [call for call in calls if call["example_id"] is not None]
    if len({call["example_id"] for call in captured}) > 1:
        raise UsageError(f"{len(captured)} calls have the id {feedback['own_id']}; give the call_id of one")
    return (captured or calls)[0]


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
