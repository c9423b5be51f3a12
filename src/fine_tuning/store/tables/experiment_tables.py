"""A/B tests, their samples, looks and decisions."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Table, UniqueConstraint

from fine_tuning.store.column_types import BigId, Json, String, Text, UtcTime
from fine_tuning.store.tables.histories import only_grows
from fine_tuning.store.tables.schema_metadata import metadata, one_of

ARMS = tuple(f"model_{letter}" for letter in "abcdefgh")

experiments = Table(
    "experiments",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("model_a", String(200), nullable=False),
    Column("model_b", String(200), nullable=False),
    Column("more", Json, doc="further models, from model_c on; NULL where there are none"),
    Column("status", String(20), nullable=False),
    Column("design", Json, nullable=False, doc="see experiments.design.Design"),
    Column(
        "statistics",
        Json,
        doc="running sums, see experiments.sufficient_statistics; NULL before the first sample",
    ),
    Column("slots", Json, nullable=False, doc="the thousandths of all units (of the layer) that take part"),
    Column("layer", String(200), doc="experiments of one layer share no units"),
    Column("pinned", Json, doc="version of each arm, for registered models"),
    Column("late", BigId, nullable=False, default=0, doc="samples after the end"),
    Column("metadata", Json, nullable=False),
    Column("result", Json, doc="the verdict, once concluded"),
    Column("started_at", UtcTime, nullable=False),
    Column("completed_at", UtcTime),
    one_of("status", ("running", "completed"), "status"),
    Index(None, "layer"),
)

samples = Table(
    "samples",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("experiment_id", ForeignKey("experiments.id"), nullable=False),
    Column("arm", String(10), nullable=False),
    Column("ordinal", BigId, doc="1, 2, 3 ... within the arm, in the order in which they came"),
    Column("sample_id", String(200), doc="id of the request, shared by both models and a later outcome"),
    Column("cluster_id", String(200), doc="correlated samples, such as those of a user"),
    Column("prediction", Text),
    Column("reference", Text),
    Column("score", Float, doc="NULL while unknown, and for a failed call"),
    Column("error", Text, doc="reason of a failed call"),
    Column("latency_ms", Float),
    Column("cost", Float),
    Column("covariate", Float, doc="known before the call"),
    Column("stratum", String(200), doc="known before the call; models are compared within it"),
    Column("measures", Json, doc="other measured values, by name"),
    Column("metadata", Json, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    one_of("arm", ARMS, "arm"),
    UniqueConstraint("experiment_id", "arm", "ordinal"),
    UniqueConstraint("experiment_id", "sample_id", "arm"),
)

experiment_clusters = Table(
    "experiment_clusters",
    metadata,
    Column("experiment_id", ForeignKey("experiments.id"), primary_key=True),
    Column("arm", String(10), primary_key=True, doc="or pair, for differences of pairs of version 1.0"),
    Column("cluster_id", String(200), primary_key=True),
    Column("size", BigId, nullable=False),
    Column("total", Float, nullable=False, doc="of the scores"),
    Column("covariate", Float, doc="sum from the test's first one"),
    Column("ordinal", BigId, doc="of the first sample"),
    Column("stratum", String(200), doc="of the first sample"),
    Column("measures", Json, doc="count and sum of latency, cost and others, by name"),
)

experiment_decisions = Table(
    "experiment_decisions",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("experiment_id", ForeignKey("experiments.id"), nullable=False),
    Column("action", String(20), nullable=False, doc="promoted, rolled_back, kept, concluded, ramped, ..."),
    Column("model", String(200), doc="the model in use after the decision"),
    Column("reason", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "experiment_id"),
)
only_grows(experiment_decisions)

experiment_looks = Table(
    "experiment_looks",
    metadata,
    Column("experiment_id", ForeignKey("experiments.id"), primary_key=True),
    Column("size", BigId, primary_key=True, doc="samples, or pairs, of the interval"),
    Column("effect", Float, nullable=False),
    Column("low", Float, doc="of the interval; NULL: no bound yet"),
    Column("high", Float),
    Column("p_value", Float),
    Column("created_at", UtcTime, nullable=False),
)
