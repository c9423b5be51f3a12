"""Options of ECharts' plots. Each says in words what it shows, for those who do not see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

GREY = "#7d8590"
COLOURS = ("#3b82c4", "#d97706", "#4d9a5d", GREY)  # apart in light and in dark
AXIS = {"axisLabel": {"color": GREY}, "splitLine": {"lineStyle": {"color": "#7d859044"}}}
Point = tuple[Any, float | None]


def _base(said: str) -> dict[str, Any]:
    return {
        "aria": {"enabled": True, "label": {"description": said}},
        "animation": False,
        "color": list(COLOURS),
        "textStyle": {"color": GREY},
        "legend": {"textStyle": {"color": GREY}, "top": 0},
        "grid": {"left": 8, "right": 32, "top": 36, "bottom": 8, "containLabel": True},
        "tooltip": {"trigger": "axis"},
    }


def lines(said: str, x: str, series: Mapping[str, Sequence[Point]], *, kind: str = "value") -> dict[str, Any]:
    """Curves by name over a common axis."""
    return _base(said) | {
        "xAxis": {"type": kind, "name": x, "nameLocation": "middle", "nameGap": 26, **AXIS},
        "yAxis": {"type": "value", "scale": True, **AXIS},
        "series": [
            {"name": name, "type": "line", "showSymbol": len(points) < 20, "data": [list(point) for point in points]}
            for name, points in series.items()
        ],
    }


def stacked_bars(said: str, labels: Sequence[str], series: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Bars by label, made of parts by name."""
    return _base(said) | {
        "xAxis": {"type": "category", "data": list(labels), **AXIS},
        "yAxis": {"type": "value", **AXIS},
        "series": [
            {"name": name, "type": "bar", "stack": "all", "data": list(values)} for name, values in series.items()
        ],
    }


def interval(said: str, sizes: Sequence[int], effect: Sequence[float], low: Sequence[Any], high: Sequence[Any]) -> Any:
    """An estimate with its interval as it became narrow, and the line of no difference."""
    drawn = lines(said, "samples per model, or pairs", {"effect": list(zip(sizes, effect, strict=True))}, kind="log")
    for name, ends in (("lower bound", low), ("upper bound", high)):
        points = [list(point) for point in zip(sizes, ends, strict=True)]
        drawn["series"].append(
            {"name": name, "type": "line", "showSymbol": False, "lineStyle": {"type": "dashed"}, "data": points}
        )
    drawn["series"][0]["markLine"] = {
        "silent": True,
        "symbol": "none",
        "data": [{"yAxis": 0}],
        "label": {"formatter": "no difference", "position": "insideStartTop", "color": GREY},
    }
    return drawn


def time_line(
    said: str, spans: Mapping[str, Sequence[Sequence[str]]], points: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """A row for each name: bars from moment to moment, and points in time, all in ISO 8601."""
    bars = [
        {"name": "deployed", "type": "line", "showSymbol": False, "lineStyle": {"width": 12, "color": COLOURS[0]},
         "data": [[moment, name] for moment in span]}
        for name, of_name in spans.items()
        for span in of_name
    ]  # fmt: skip
    dots = {"name": "registered", "type": "scatter", "symbolSize": 10, "color": COLOURS[1],
            "data": [list(point) for point in points]}  # fmt: skip
    return _base(said) | {
        "tooltip": {"trigger": "item"},
        "xAxis": {"type": "time", **AXIS},
        "yAxis": {"type": "category", "data": list(spans), **AXIS},
        "series": [*bars, dots],
    }
