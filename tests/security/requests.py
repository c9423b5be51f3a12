"""Requests that wait as long as other tests keep the processors busy."""

from __future__ import annotations

from typing import Any

import httpx

PATIENCE = 60.0


def ask(method: str, address: str, **more: Any) -> httpx.Response:
    """The answer to a request; see `httpx.request`."""
    return httpx.request(method, address, timeout=PATIENCE, **more)
