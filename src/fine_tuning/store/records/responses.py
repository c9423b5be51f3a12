"""Responses and conversations that the server stores."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from fine_tuning.store.records.rows import JsonColumn


class NewResponse(TypedDict):
    """A new row of `responses`: an object of OpenAI's Responses API."""

    id: str
    project: str
    model: str
    previous_response_id: str | None
    response: JsonColumn
    example_id: str | None


class StoredResponse(NewResponse):
    """A row of `responses`."""

    created_at: datetime


class Conversation(TypedDict):
    """A row of `conversations`."""

    id: str
    project: str
    metadata: dict[str, str]
    created_at: datetime
