"""Stored records as the objects of OpenAI's API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import get_args

from fine_tuning._util.model_names import checkpoint_name
from fine_tuning.store.records.api_keys import CheckpointPermission
from fine_tuning.store.records.batches import Batch, BatchTime
from fine_tuning.store.records.files import StoredFile, Upload, UploadPart
from fine_tuning.store.records.job_events import JobEvent
from fine_tuning.store.records.job_results import Artifact
from fine_tuning.store.records.jobs import Job

ApiObject = dict[str, object]
"""An object of OpenAI's API; its `response_model` checks the keys."""


def seconds(moment: datetime | None) -> int | None:
    """Unix time of a stored time."""
    return None if moment is None else int(moment.timestamp())


def file(row: StoredFile) -> ApiObject:
    """A file."""
    shown: ApiObject = {
        "id": row["id"],
        "object": "file",
        "bytes": row["bytes"],
        "created_at": seconds(row["created_at"]),
        "filename": row["filename"],
        "purpose": row["purpose"],
        "status": row["status"],
    }
    return shown | ({"expires_at": seconds(row["expires_at"])} if row["expires_at"] else {})


def upload(row: Upload, file_row: StoredFile | None = None) -> ApiObject:
    """An upload, with its completed file."""
    return {
        "id": row["id"],
        "object": "upload",
        "bytes": row["bytes"],
        "created_at": seconds(row["created_at"]),
        "expires_at": seconds(row["expires_at"]),
        "filename": row["filename"],
        "purpose": row["purpose"],
        "status": row["status"],
        "file": None if file_row is None else file(file_row),
    }


def part(row: UploadPart) -> ApiObject:
    """A part of an upload."""
    return {
        "id": row["id"],
        "object": "upload.part",
        "created_at": seconds(row["created_at"]),
        "upload_id": row["upload_id"],
    }


def job(row: Job, estimated_finish: datetime | None = None) -> ApiObject:
    """A fine-tuning job."""
    kind = (row["method"] or {"type": "supervised"})["type"]
    chosen = {name: value for name, value in row["hyperparameters"].items() if name in REPORTED[kind]}
    error = row["error"]
    return {
        "id": row["id"],
        "object": "fine_tuning.job",
        "created_at": seconds(row["created_at"]),
        "error": None if error is None else {name: error.get(name) for name in ("code", "message", "param")},
        "fine_tuned_model": row["fine_tuned_model"],
        "finished_at": seconds(row["finished_at"]),
        "hyperparameters": {name: value for name, value in chosen.items() if name in REPORTED["supervised"]},
        "model": row["model"],
        "organization_id": f"org-{row['project']}",
        "result_files": [row["result_file_id"]] if row["result_file_id"] else [],
        "seed": row["hyperparameters"].get("seed", 0),
        "status": row["status"],
        "trained_tokens": row["trained_tokens"],
        "training_file": row["training_file_id"],
        "validation_file": row["validation_file_id"],
        "estimated_finish": seconds(estimated_finish),
        "integrations": row["integrations"] or [],
        "metadata": row["metadata"] or {},
        "method": {"type": kind, kind: {"hyperparameters": chosen}},
    }


REPORTED = {
    "supervised": ("n_epochs", "batch_size", "learning_rate_multiplier"),
    "dpo": ("n_epochs", "batch_size", "learning_rate_multiplier", "beta"),
}
_METRICS = {
    "train_loss": "train_loss",
    "token_accuracy": "train_mean_token_accuracy",
    "valid_loss": "valid_loss",
    "valid_token_accuracy": "valid_mean_token_accuracy",
}


def event(row: JobEvent) -> ApiObject:
    """An event of a job; a checkpoint's event is a message."""
    data = {_METRICS.get(name, name): value for name, value in row["data"].items() if name != "path"}
    return {
        "id": f"ftevent-{row['id']}",
        "object": "fine_tuning.job.event",
        "created_at": seconds(row["created_at"]),
        "level": row["level"],
        "message": row["message"],
        "type": "metrics" if row["kind"] == "metrics" else "message",
        "data": data,
    }


def checkpoint(row: Artifact, model: str, metrics: Mapping[str, object]) -> ApiObject:
    """A checkpoint of a job, which can be called like a model."""
    known = {_METRICS[name]: metrics[name] for name in _METRICS if metrics.get(name) is not None}
    step = row["step"]
    assert step is not None  # noqa: S101 - each epoch's artifact has its step
    return {
        "id": f"ftckpt-{row['id']}",
        "object": "fine_tuning.job.checkpoint",
        "created_at": seconds(row["created_at"]),
        "fine_tuned_model_checkpoint": checkpoint_name(model, step),
        "fine_tuning_job_id": row["job_id"],
        "metrics": {"step": step, **known},
        "step_number": step,
    }


def batch(row: Batch) -> ApiObject:
    """A batch; those that have not begun have no usage."""
    errors, has_begun = row["errors"], row["in_progress_at"] is not None
    return {
        "id": row["id"],
        "object": "batch",
        "endpoint": row["endpoint"],
        "model": row["model"],
        "errors": None if errors is None else {"object": "list", "data": errors["data"]},
        "input_file_id": row["input_file_id"],
        "completion_window": row["completion_window"],
        "status": row["status"],
        "output_file_id": row["output_file_id"],
        "error_file_id": row["error_file_id"],
        "created_at": seconds(row["created_at"]),
        **{name: seconds(row[name]) for name in _BATCH_TIMES},
        "request_counts": {"total": row["total"], "completed": row["completed"], "failed": row["failed"]},
        "metadata": row["metadata"],
        "usage": _batch_usage(row) if has_begun else None,
    }


_BATCH_TIMES: tuple[BatchTime, ...] = get_args(BatchTime)


def _batch_usage(row: Batch) -> ApiObject:
    return {
        "input_tokens": row["input_tokens"],
        "input_tokens_details": {"cached_tokens": row["cached_tokens"]},
        "output_tokens": row["output_tokens"],
        "output_tokens_details": {"reasoning_tokens": row["reasoning_tokens"]},
        "total_tokens": row["input_tokens"] + row["output_tokens"],
    }


def permission(row: CheckpointPermission) -> ApiObject:
    """A permission on a checkpoint."""
    return {
        "id": row["id"],
        "object": "checkpoint.permission",
        "created_at": seconds(row["created_at"]),
        "project_id": row["project"],
    }


def model(name: str, created: datetime | None, owner: str) -> ApiObject:
    """A model; those of a workspace have no shutdown date."""
    return {"id": name, "object": "model", "created": seconds(created) or 0, "owned_by": owner, "shutdown_date": None}


def deleted(name: str, kind: str) -> ApiObject:
    """The confirmation of a deletion."""
    return {"id": name, "object": kind, "deleted": True}
