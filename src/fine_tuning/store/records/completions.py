"""Chat completions that the server stores."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from fine_tuning.store.records.rows import JsonColumn


class NewCompletion(TypedDict):
    """A new row of `completions`: a request of OpenAI's chat API and its response."""

    id: str
    project: str
    model: str
    request: JsonColumn
    response: JsonColumn
    metadata: dict[str, str]
    example_id: str | None


class StoredCompletion(NewCompletion):
    """A row of `completions`."""

    created_at: datetime
