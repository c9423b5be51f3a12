"""Results as the store keeps them: JSON knows neither nan nor infinity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from math import inf, isfinite, nan
from typing import Any

from fine_tuning.experiments.verdict import ABTestResult


def storable(result: dict[str, Any]) -> dict[str, Any]:
    """A result with null for what is not finite."""

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [clean(item) for item in value]
        return None if isinstance(value, float) and not isfinite(value) else value

    cleaned: dict[str, Any] = clean(result)
    return cleaned


def ended(test: Mapping[str, Any]) -> ABTestResult:
    """The stored verdict of a test that is over, with what came after."""
    result = stored(test["result"])
    result.late_samples = test["late"]
    return result


def stored(result: Mapping[str, Any]) -> ABTestResult:
    """A result as `storable` gave it."""
    known = {field.name for field in fields(ABTestResult)}
    values = {key: value for key, value in result.items() if key in known}
    for key, value in values.items():
        if value is None and key != "completed_at":
            values[key] = nan
    values["intervals"] = {
        key: (low if low is not None else -inf, high if high is not None else inf)
        for key, (low, high) in values.get("intervals", {}).items()
    }
    ends = {"model_a": nan, "model_b": nan, "low": -inf, "high": inf}
    values["guardrails"] = [
        {name: ends.get(name) if value is None else value for name, value in rail.items()}
        for rail in values.get("guardrails") or []
    ]
    return ABTestResult(**values)
