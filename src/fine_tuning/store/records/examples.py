"""Captured calls, their reviews and preference pairs."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from fine_tuning.data_io.messages import Message, Tool
from fine_tuning.store.records.rows import JsonColumn


class CapturedCall(TypedDict):
    """The content of a call; `messages` is None for a prompt and its response alone."""

    id: str
    prompt: str
    response: str
    messages: list[Message] | None
    tools: list[Tool] | None
    domain: str
    task_type: str
    rating: int
    model_used: str
    metadata: JsonColumn


class NewExample(CapturedCall):
    """A captured call before it is stored."""

    project: str
    captured_at: datetime


class Example(CapturedCall):
    """A row of `examples`. Times are ISO 8601; `curated` is a rating of 4 or 5."""

    sightings: int
    captured_at: str
    last_seen_at: str
    curated: bool


class Preference(TypedDict):
    """A preference pair; `example_id` is the rejected example, `chosen_id` the better one, None if unknown."""

    example_id: str
    prompt: str
    chosen: str
    rejected: str
    chosen_id: str | None


class Review(TypedDict):
    """A person's rating of a captured call; `corrected_id` is the example with the correction."""

    id: int
    example_id: str
    reviewer: str
    rating: int
    corrected_id: str | None
    rating_before: int
    judged_before: bool
    created_at: datetime
    undone_at: datetime | None
