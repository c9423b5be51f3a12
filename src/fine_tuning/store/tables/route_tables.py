"""Routes of the gateway: names that applications use as model, what answers for them, and the history of that."""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, Table, UniqueConstraint

from fine_tuning.store.column_types import BigId, Json, String, Text, UtcTime
from fine_tuning.store.tables.histories import only_grows
from fine_tuning.store.tables.schema_metadata import metadata

routes = Table(
    "routes",
    metadata,
    Column("project", String(80), primary_key=True),
    Column("name", String(80), primary_key=True),
    Column("revision", Integer, nullable=False, doc="the current one of its history"),
    Column("shadow_calls", Integer, nullable=False, doc="that the candidate has answered in shadow, of its budget"),
    Column("shadow_dollars", Float, nullable=False, doc="that they cost, where it is known"),
)

route_revisions = Table(
    "route_revisions",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("project", String(80), nullable=False),
    Column("name", String(80), nullable=False),
    Column("revision", Integer, nullable=False, doc="1, 2, ...; goes on where a deleted route is created again"),
    Column("action", String(20), nullable=False, doc="set, advance, return, promote or delete"),
    Column("policy", Json, doc="NULL: the route was deleted"),
    Column("share", Float, nullable=False, doc="of the units whose calls the candidate answers, 0 to 1"),
    Column("changed_by", String(20), nullable=False, doc="cli, api, dashboard, guardrail, verdict or flywheel"),
    Column("actor", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("project", "name", "revision"),
)
only_grows(route_revisions)
