"""Numeric match: the last numbers of prediction and reference are equal within a tolerance."""

from __future__ import annotations

import re
from math import inf, isclose, isfinite

_NUMBER = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def matches(prediction: str, reference: str, tolerance: float = 1e-6) -> bool:
    """Compare the last numbers of both texts; `tolerance` is relative, and absolute around 0."""
    predicted, expected = _last_number(prediction), _last_number(reference)
    if predicted is None or expected is None:
        return False
    return isclose(predicted, expected, rel_tol=tolerance, abs_tol=tolerance)


def _last_number(text: str) -> float | None:
    found = _NUMBER.findall(text)
    value = float(found[-1].replace(",", "")) if found else inf
    return value if isfinite(value) else None
