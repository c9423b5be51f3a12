"""Captured calls that nothing needs any more."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, case, delete, select, update

from fine_tuning.store import review_draws, tables

_examples, _draws = tables.examples, tables.review_draws
_USERS = (
    tables.dataset_examples.c.example_id,
    tables.reviews.c.example_id,
    tables.review_claims.c.example_id,
    tables.preferences.c.example_id,
    tables.preferences.c.chosen_id,
    tables.completions.c.example_id,
    tables.responses.c.example_id,
    tables.gateway_calls.c.example_id,
)


def forget(connection: Connection, sightings: Mapping[str, int]) -> int:
    """Take back so many sightings of each captured call, and delete those that were not seen otherwise.

    What a person rated or corrected, and what a dataset, a review or another record needs, stays, and leaves the
    estimates of the inbox: the other calls of its time are gone. Returns the number of deleted ones.
    """
    gone = 0
    for example_id, count in sightings.items():
        is_it = _examples.c.id == example_id
        is_unused: list[ColumnElement[bool]] = [~select(user).where(user == example_id).exists() for user in _USERS]
        unseen = [is_it, _examples.c.sightings <= count]
        review_draws.leave_out(connection, select(_examples.c.id).where(*unseen))
        is_gone = [*unseen, ~_examples.c.judged, *is_unused]
        connection.execute(delete(_draws).where(_draws.c.example_id.in_(select(_examples.c.id).where(*is_gone))))
        if connection.execute(delete(_examples).where(*is_gone)).rowcount:
            gone += 1
        else:
            left = case((_examples.c.sightings > count, _examples.c.sightings - count), else_=1)
            connection.execute(update(_examples).where(is_it).values(sightings=left))
    return gone
