"""Server-sent events as text: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

DONE = "data: [DONE]\n\n"
"""Ends the chunks of a chat completion."""


def event(data: Mapping[str, object]) -> str:
    """An event of JSON, without a name."""
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


def typed_events(events: Sequence[Mapping[str, object]]) -> str:
    """Events that have a `type`, which is also their name."""
    return "".join(f"event: {each['type']}\n{event(each)}" for each in events)
