"""What a convention finds in a span."""

from __future__ import annotations

from dataclasses import dataclass, field

from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.data_io.messages import Message
from fine_tuning.data_io.usage import Usage


@dataclass(frozen=True)
class RecordedSpan:
    """The conversation of a span, and what is known of it; None is unknown.

    Attributes:
        tools: as the span has them.
        options: of the request, as `request_options` has them.
    """

    messages: list[Message]
    tools: object = None
    model: object = None
    finish_reason: str | None = None
    usage: Usage | None = None
    options: JsonObject = field(default_factory=dict)
