"""The status of a row after deduplication, filtering and sampling."""

from __future__ import annotations

from enum import IntEnum


class RowStatus(IntEnum):
    """Why a row is kept or removed."""

    KEPT = 0
    REJECTED = 1
    FILTERED = 2
    DUPLICATE = 3
    NEAR_DUPLICATE = 4
    NOT_SAMPLED = 5
    CONTINUED = 6
