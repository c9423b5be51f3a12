"""Batches of requests and their results."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple, TypedDict

BatchStatus = Literal[
    "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"
]
BatchTime = Literal[
    "in_progress_at",
    "expires_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
]


class BatchError(TypedDict):
    """Why a batch cannot run; `line` is of its input file, from 1, or None for the file as a whole."""

    code: str
    message: str
    param: str | None
    line: int | None


class BatchErrors(TypedDict):
    """All of them."""

    data: list[BatchError]


class NewBatch(TypedDict):
    """A new row of `batches`."""

    id: str
    project: str
    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None
    output_keep_seconds: int | None


class Batch(NewBatch):
    """A row of `batches`."""

    model: str | None
    status: BatchStatus
    errors: BatchErrors | None
    total: int
    completed: int
    failed: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    output_file_id: str | None
    error_file_id: str | None
    worker: str | None
    lease_expires_at: datetime | None
    deaths: int
    created_at: datetime
    expires_at: datetime
    in_progress_at: datetime | None
    finalizing_at: datetime | None
    completed_at: datetime | None
    failed_at: datetime | None
    expired_at: datetime | None
    cancelling_at: datetime | None
    cancelled_at: datetime | None


class TokenCounts(NamedTuple):
    """Tokens of one answer; cached ones are part of the input's, reasoning of the output's."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0


class BatchResult(NamedTuple):
    """The result of one request: its line of the input file, from 1, and its text in the output or error file."""

    line: int
    is_error: bool
    text: str
    tokens: TokenCounts = TokenCounts()
