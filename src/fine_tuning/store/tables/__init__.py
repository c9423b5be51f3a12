"""Every table, declared once. Lineage is one chain of foreign keys:

    example -> dataset -> job -> artifact -> model version -> evaluation -> experiment -> deployment -> cost

Unknown is NULL, money is US dollars, times are UTC. A change here needs a migration in `migrations/versions`;
a test compares the two.
"""

from __future__ import annotations

from fine_tuning.store.tables.bakeoff_tables import bakeoff_calls, bakeoffs
from fine_tuning.store.tables.batch_tables import BATCH_STATUSES, batch_results, batches
from fine_tuning.store.tables.cost_tables import COST_KINDS, budgets, cost_events, cost_totals
from fine_tuning.store.tables.dataset_tables import dataset_examples, datasets
from fine_tuning.store.tables.evaluation_tables import evaluation_results, evaluations
from fine_tuning.store.tables.example_tables import (
    examples,
    imports,
    preferences,
    review_claims,
    review_draws,
    reviews,
)
from fine_tuning.store.tables.experiment_tables import (
    ARMS,
    experiment_clusters,
    experiment_decisions,
    experiment_looks,
    experiments,
    samples,
)
from fine_tuning.store.tables.file_tables import files, upload_parts, uploads
from fine_tuning.store.tables.flywheel_tables import (
    FLYWHEEL_STATUSES,
    drift_looks,
    flywheel_alerts,
    flywheel_runs,
    flywheel_steps,
)
from fine_tuning.store.tables.gateway_tables import call_feedback, gateway_calls, vendor_keys
from fine_tuning.store.tables.job_tables import JOB_STATUSES, artifacts, job_events, jobs
from fine_tuning.store.tables.label_tables import label_batches, label_calls
from fine_tuning.store.tables.model_tables import (
    MODEL_STATUSES,
    deployment_events,
    exports,
    model_aliases,
    model_shutdowns,
    model_versions,
    models,
    registry_changes,
    relocations,
)
from fine_tuning.store.tables.response_tables import conversations, response_items, responses
from fine_tuning.store.tables.route_tables import route_revisions, routes
from fine_tuning.store.tables.schema_metadata import metadata
from fine_tuning.store.tables.server_tables import api_keys, checkpoint_permissions, completions
from fine_tuning.store.tables.task_table import tasks

__all__ = [
    "ARMS",
    "BATCH_STATUSES",
    "COST_KINDS",
    "FLYWHEEL_STATUSES",
    "JOB_STATUSES",
    "MODEL_STATUSES",
    "api_keys",
    "artifacts",
    "bakeoff_calls",
    "bakeoffs",
    "batch_results",
    "batches",
    "budgets",
    "call_feedback",
    "checkpoint_permissions",
    "completions",
    "conversations",
    "cost_events",
    "cost_totals",
    "dataset_examples",
    "datasets",
    "deployment_events",
    "drift_looks",
    "evaluation_results",
    "evaluations",
    "examples",
    "experiment_clusters",
    "experiment_decisions",
    "experiment_looks",
    "experiments",
    "exports",
    "files",
    "flywheel_alerts",
    "flywheel_runs",
    "flywheel_steps",
    "gateway_calls",
    "imports",
    "job_events",
    "jobs",
    "label_batches",
    "label_calls",
    "metadata",
    "model_aliases",
    "model_shutdowns",
    "model_versions",
    "models",
    "preferences",
    "registry_changes",
    "relocations",
    "response_items",
    "responses",
    "review_claims",
    "review_draws",
    "reviews",
    "route_revisions",
    "routes",
    "samples",
    "tasks",
    "upload_parts",
    "uploads",
    "vendor_keys",
]
