"""Options of ECharts' plots, each with a description for screen readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

GREY = "#7d8590"
COLOURS = ("#3b82c4", "#d97706", "#4d9a5d", GREY)  # apart in light and in dark
AXIS = {"axisLabel": {"color": GREY}, "splitLine": {"lineStyle": {"color": "#7d859044"}}}
Point = tuple[float | str, float | None]
Bounds = Sequence[float | None]
Options = dict[str, Any]  # of ECharts


def _base(description: str) -> Options:
    return {
        "aria": {"enabled": True, "label": {"description": description}},
        "animation": False,
        "color": list(COLOURS),
        "textStyle": {"color": GREY},
        "legend": {"textStyle": {"color": GREY}, "top": 0},
        "grid": {"left": 8, "right": 32, "top": 36, "bottom": 28, "containLabel": True},  # the axis' name is below
        "tooltip": {"trigger": "axis"},
    }


def lines(description: str, x: str, series: Mapping[str, Sequence[Point]], *, kind: str = "value") -> Options:
    """Line chart: series by name over a common axis."""
    return _base(description) | {
        "xAxis": {"type": kind, "name": x, "nameLocation": "middle", "nameGap": 26, **AXIS},
        "yAxis": {"type": "value", "scale": True, **AXIS},
        "series": [
            {"name": name, "type": "line", "showSymbol": len(points) < 20, "data": [list(point) for point in points]}
            for name, points in series.items()
        ],
    }


def stacked_bars(description: str, labels: Sequence[str], series: Mapping[str, Sequence[float]]) -> Options:
    """Stacked bars by label, with a part for each series."""
    return _base(description) | {
        "xAxis": {"type": "category", "data": list(labels), **AXIS},
        "yAxis": {"type": "value", **AXIS},
        "series": [
            {"name": name, "type": "bar", "stack": "all", "data": list(values)} for name, values in series.items()
        ],
    }


def interval(description: str, sizes: Sequence[int], effect: Sequence[float], low: Bounds, high: Bounds) -> Options:
    """Effect and its interval over the number of samples, with a line at no difference."""
    drawn = lines(
        description, "samples per model, or pairs", {"effect": list(zip(sizes, effect, strict=True))}, kind="log"
    )
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


def qualities(description: str, x: str, points: Mapping[str, tuple[float, Mapping[str, float]]]) -> Options:
    """Points by name: where each is on the x axis, and its value with its interval (value, low, high) as a bar."""
    series: list[Options] = []
    for name, (place, found) in points.items():
        series.append({"name": name, "type": "scatter", "symbolSize": 12, "data": [[place, found["value"]]]})
        ends = [[place, found["low"]], [place, found["high"]]]
        bar = {"type": "line", "symbol": "none", "lineStyle": {"width": 2, "color": GREY}, "silent": True, "data": ends}
        series.append({"name": name, **bar})
    return _base(description) | {
        "tooltip": {"trigger": "item"},
        "xAxis": {"type": "value", "scale": True, "name": x, "nameLocation": "middle", "nameGap": 26, **AXIS},
        "yAxis": {"type": "value", "scale": True, **AXIS},
        "series": series,
    }


def timeline(
    description: str, spans: Mapping[str, Sequence[Sequence[str]]], points: Sequence[tuple[str, str]]
) -> Options:
    """Timeline: a row for each name with bars from start to end, and points; times in ISO 8601."""
    bars = [
        {
            "name": "deployed",
            "type": "line",
            "showSymbol": False,
            "lineStyle": {"width": 12, "color": COLOURS[0]},
            "data": [[moment, name] for moment in span],
        }
        for name, of_name in spans.items()
        for span in of_name
    ]
    dots = {
        "name": "registered",
        "type": "scatter",
        "symbolSize": 10,
        "color": COLOURS[1],
        "data": [list(point) for point in points],
    }
    return _base(description) | {
        "tooltip": {"trigger": "item"},
        "xAxis": {"type": "time", **AXIS},
        "yAxis": {"type": "category", "data": list(spans), **AXIS},
        "series": [*bars, dots],
    }
