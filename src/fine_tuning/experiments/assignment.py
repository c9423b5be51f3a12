"""Which arm a unit sees: always the same one for the same test and unit."""

from __future__ import annotations

import hashlib


def assign(test_id: str, unit_id: str, share_b: float = 0.5) -> str:
    """ "model_a" or "model_b" by a hash of test and unit, so that tests do not influence each other.

    Args:
        share_b: part of the units (0 to 1) that see model_b; raising it moves units from A to B only.
    """
    digest = hashlib.sha256(f"{test_id}\0{unit_id}".encode()).digest()
    return "model_b" if int.from_bytes(digest[:8], "big") / 2**64 < share_b else "model_a"
