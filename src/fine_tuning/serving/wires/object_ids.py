"""Ids of objects of an answer."""

from __future__ import annotations

import uuid


def new_id(prefix: str) -> str:
    """An id that nothing else has."""
    return f"{prefix}_{uuid.uuid4().hex}"
