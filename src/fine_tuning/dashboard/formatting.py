"""Formatting of values for people."""

from __future__ import annotations

from datetime import datetime
from math import isfinite, isinf, isnan

NONE = "-"


def shown(value: object) -> str:
    """Format a value; unknown is a dash."""
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
    """Format an ISO 8601 time to the minute."""
    return moment[:16].replace("T", " ")


def usd(value: float | None) -> str:
    """Format US dollars, with more digits for small amounts."""
    if value is None or not isfinite(value):
        return NONE
    return f"${value:,.2f}" if value == 0 or abs(value) >= 0.01 else f"${value:.2g}"


def until(value: float, unit: str) -> str:
    """Format a number of calls or days until something happens; an infinite one never does."""
    if isnan(value):
        return NONE
    return "never" if isinf(value) else f"{value:,.0f} {unit}" if value >= 10 else f"{value:.3g} {unit}"


def ratio(value: float) -> str:
    """Format a return as percent; an infinite one is of an investment of nothing."""
    if isnan(value):
        return NONE
    return f"{value:,.1%}" if isfinite(value) else "unlimited" if value > 0 else "a loss"


def duration(seconds: float | None) -> str:
    """Format seconds as hours, minutes and seconds."""
    if seconds is None or not isfinite(seconds):
        return NONE
    total = round(seconds)
    hours, minutes = divmod(total // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {total % 60} s" if minutes else f"{total} s"
