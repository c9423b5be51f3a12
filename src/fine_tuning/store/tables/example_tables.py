"""Captured calls, their ratings and reviews, and the files that they were imported from."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    false,
    true,
)

from fine_tuning.store.column_types import BigId, Json, String, Text, UtcTime
from fine_tuning.store.tables.schema_metadata import metadata, only

examples = Table(
    "examples",
    metadata,
    Column("id", String(80), primary_key=True, doc="sha256:<hash of the canonical conversation>"),
    Column("project", String(80), nullable=False, server_default="default", doc="a part of the id, but for default"),
    Column("prompt", Text, nullable=False),
    Column("response", Text, nullable=False),
    Column("messages", Json, doc="the conversation; NULL if prompt and response are all of it"),
    Column("tools", Json),
    Column("domain", String(200), nullable=False),
    Column("task_type", String(200), nullable=False),
    Column("rating", Integer, nullable=False),
    Column("judged", Boolean, nullable=False, server_default=false(), doc="rated or corrected by a person"),
    Column("model_used", String(200), nullable=False),
    Column("metadata", Json, nullable=False),
    Column("sightings", Integer, nullable=False, default=1),
    Column("captured_at", UtcTime, nullable=False),
    Column("last_seen_at", UtcTime, nullable=False),
    CheckConstraint("rating BETWEEN 1 AND 5", name="rating_1_to_5"),
    Index(None, "domain", "rating"),
    Index(None, "captured_at"),
)
# Few of the captured calls wait for a review.
Index(
    "ix_examples_waiting",
    examples.c.captured_at,
    examples.c.id,
    **only(examples.c.judged.is_(False)),
)
Index(
    "ix_examples_waiting_kind",
    examples.c.domain,
    examples.c.model_used,
    **only(examples.c.judged.is_(False)),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("example_id", ForeignKey("examples.id"), nullable=False),
    Column("reviewer", String(200), nullable=False),
    Column("rating", Integer, nullable=False),
    Column("corrected_id", String(80), doc="the corrected call; no foreign key, as a correction may be undone"),
    Column("rating_before", Integer, nullable=False, doc="of the call; restored by an undo"),
    Column("judged_before", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("undone_at", UtcTime, doc="NULL: in effect"),
    CheckConstraint("rating BETWEEN 1 AND 5", name="rating_1_to_5"),
    Index(None, "example_id"),
    Index(None, "reviewer", "id"),
)

review_claims = Table(
    "review_claims",
    metadata,
    Column("example_id", ForeignKey("examples.id"), primary_key=True),
    Column(
        "reviewer",
        String(200),
        nullable=False,
        doc="a reviewer, or one of their browser tabs; no other gets the example",
    ),
    Column("expires_at", UtcTime, nullable=False),
)

review_draws = Table(
    "review_draws",
    metadata,
    Column("example_id", ForeignKey("examples.id"), primary_key=True),
    Column("weight", Float, nullable=False, doc="the call's draw is below a limit with probability weight * limit"),
    Column("draw", Float, nullable=False, doc="its number, uniform in 0 to 1, / weight: the lowest is asked first"),
    Column("reason", String(200), doc="of a weight above the lowest"),
    Column("is_counted", Boolean, nullable=False, server_default=true(), doc="in estimates; its time was not removed"),
    Column("entered_at", UtcTime, nullable=False, doc="when the inbox first gave it a weight"),
    CheckConstraint("weight > 0", name="weight_above_0"),
    Index(None, "draw"),
)

preferences = Table(
    "preferences",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("example_id", ForeignKey("examples.id"), nullable=False, doc="the corrected example"),
    Column("prompt", Text, nullable=False),
    Column("chosen", Text, nullable=False),
    Column("rejected", Text, nullable=False),
    Column("chosen_id", ForeignKey("examples.id"), doc="the corrected call; NULL in records of older versions"),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("example_id", "chosen"),
)

imports = Table(
    "imports",
    metadata,
    Column("path", Text, primary_key=True, doc="a file of the older file-based system, read once"),
    Column("kind", String(20), primary_key=True),
    Column("rows", Integer, nullable=False),
    Column("imported_at", UtcTime, nullable=False),
)
