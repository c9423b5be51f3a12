"""Calls that the gateway passed on, and what was said of them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, Table

from fine_tuning.store.column_types import Json, String, Text, UtcTime
from fine_tuning.store.tables.schema_metadata import metadata, only

gateway_calls = Table(
    "gateway_calls",
    metadata,
    Column("id", String(80), primary_key=True, doc="as the client got it in the header x-ft-call-id"),
    Column("project", String(80), nullable=False),
    Column("upstream", String(80), nullable=False),
    Column("path", String(200), nullable=False, doc="of the call, without its query"),
    Column("model", String(200), doc="that answered, else that was asked"),
    Column("status", Integer, doc="of the response; NULL where there was none"),
    Column("is_whole", Boolean, nullable=False, doc="the response arrived to its end, and of a chat is an answer"),
    Column("is_delivered", Boolean, nullable=False, doc="the client took all of it"),
    Column("seconds", Float, doc="from the request to the end of the response"),
    Column("first_byte_seconds", Float, doc="from the request to the first byte of the response's body"),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("cost", Float),
    Column("unit", String(200), doc="who asked, such as a user: the header x-ft-unit"),
    Column("conversation", String(200), doc="the header x-ft-conversation"),
    Column("metadata", Json, nullable=False, doc="the header x-ft-metadata"),
    Column("example_id", ForeignKey("examples.id"), doc="the captured example it became"),
    Column("not_captured", String(200), doc="why it became none"),
    Column("started_at", UtcTime, nullable=False),
    Column("own_id", String(200), doc="the application's: the header x-ft-id"),
    Column("bytes", BigInteger, nullable=False, server_default="0", doc="of request and response"),
    Column("route", String(80), doc="the route that the client asked as model; NULL: it asked none"),
    Column("revision", Integer, doc="of the route, by which the call was sent to its target"),
    Column("target", String(300), doc="UPSTREAM/MODEL or local/MODEL"),
    Column("role", String(20), doc="incumbent, candidate, shadow, fallback or cache"),
    Column("pair_id", String(80), doc="of a shadow: the call that it shadows; from the cache: that of its answer"),
    Column("arm", String(20), doc="of the A/B test of the route's canary; NULL: the call is no sample of it"),
    Column("is_cancelled", Boolean, doc="of a route: the client left, or another target was faster"),
    Column("was_slower", Boolean, doc="of a route: the latter"),
    Column("is_in_form", Boolean, doc="the answer is JSON as the request demands; NULL: it demands none"),
    Column("answer", Json, doc="of a shadow: its message, as it becomes no example"),
    Index(None, "project", "started_at"),
    Index(None, "example_id"),
    Index(None, "project", "own_id"),
    Index(None, "project", "route", "started_at"),
    Index(None, "pair_id"),
)

call_feedback = Table(
    "call_feedback",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("project", String(80), nullable=False),
    Column("call_id", String(80), doc="no foreign key, as it may come before its call is stored"),
    Column("own_id", String(200), doc="the application's, where it named the call by it"),
    Column("rating", Integer),
    Column("correction", Text, doc="what the answer should have been"),
    Column("metrics", Json, nullable=False, doc="numbers by name"),
    Column("comment", Text),
    Column("status", String(20), nullable=False, doc="waiting (for its call), applied or refused"),
    Column("reason", String(300), doc="why it was refused"),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "call_id"),
)
Index("ix_call_feedback_waiting", call_feedback.c.created_at, **only(call_feedback.c.status == "waiting"))

vendor_keys = Table(
    "vendor_keys",
    metadata,
    Column("project", String(80), primary_key=True),
    Column("upstream", String(80), primary_key=True),
    Column("encrypted", Text, nullable=False, doc="see gateway.vendor_keys"),
    Column("created_at", UtcTime, nullable=False),
)
