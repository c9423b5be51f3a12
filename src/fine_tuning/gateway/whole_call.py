"""A call that was passed on, with what was asked and answered and what was said of it."""

from __future__ import annotations

from typing import NamedTuple

from fine_tuning.errors import NotFoundError
from fine_tuning.store import call_feedback, examples, gateway_calls
from fine_tuning.store.database import Database
from fine_tuning.store.records.examples import Example
from fine_tuning.store.records.gateway_calls import CallFeedback, GatewayCall


class WholeCall(NamedTuple):
    """Everything that is stored of a call; no example where it was not captured, or is not kept any more."""

    call: GatewayCall
    example: Example | None
    feedback: list[CallFeedback]


def whole_call(database: Database, call_id: str) -> WholeCall:
    """A call by its id.

    Raises:
        NotFoundError: no call has it.
    """
    with database.read() as tx:
        call = gateway_calls.get(tx, call_id)
        if call is None:
            raise NotFoundError(f"no call {call_id}; a call is stored some seconds after its answer: ft-cli calls tail")
        example = None if call["example_id"] is None else examples.get(tx, call["example_id"])
        return WholeCall(call, example, call_feedback.of_call(tx, call_id, call["project"]))
