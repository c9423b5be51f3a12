"""Values as people read them."""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import Any

NONE = "-"


def shown(value: Any) -> str:
    """A value as people read it; what is unknown is a dash."""
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list | dict) and not value:
        return NONE
    return str(value)


def minute(moment: str) -> str:
    """A time in ISO 8601, as far as people want to know it."""
    return moment[:16].replace("T", " ")


def usd(value: float | None) -> str:
    """US dollars; cents where that is enough."""
    if value is None or not isfinite(value):
        return NONE
    return f"${value:,.2f}" if value == 0 or abs(value) >= 0.01 else f"${value:.2g}"


def duration(seconds: float | None) -> str:
    """Seconds as people say them."""
    if seconds is None or not isfinite(seconds):
        return NONE
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
