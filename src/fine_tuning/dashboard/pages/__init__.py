"""One file a page."""

from __future__ import annotations

from importlib import import_module

NAMES = (
    *("overview", "calls", "call", "routes", "route", "review", "datasets", "jobs", "job"),
    *("models", "model", "experiments", "bakeoffs", "costs", "playground"),
)


def register() -> None:
    """Make every page known to the library, which keeps them by path."""
    for name in NAMES:
        import_module(f"fine_tuning.dashboard.pages.{name}")
