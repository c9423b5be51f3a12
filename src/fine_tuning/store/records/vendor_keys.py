"""Keys of vendors that the gateway holds."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict


class VendorKey(TypedDict):
    """A row of `vendor_keys`, without the key."""

    project: str
    upstream: str
    created_at: datetime
