"""Metrics for Prometheus: requests, calls of the gateway, jobs, loaded models and serving parity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fine_tuning.gateway.exchanges import CACHE, Exchange
from fine_tuning.server.context import Context
from fine_tuning.store import jobs

REGISTRY = CollectorRegistry()
REQUESTS = Counter("ft_requests", "Requests by route and status.", ["method", "route", "status"], registry=REGISTRY)
SECONDS = Histogram("ft_request_seconds", "Time to the last byte.", ["method", "route"], registry=REGISTRY)

_LONG = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 150, 600)  # seconds of a model's answer
_OF_CALLS: Any = {"labelnames": ["project", "upstream", "route"], "buckets": _LONG, "registry": REGISTRY}
GATEWAY_CALLS = Counter(
    "ft_gateway_calls",
    "Calls passed on, by status of the answer.",
    ["project", "upstream", "route", "status"],
    registry=REGISTRY,
)
GATEWAY_SECONDS = Histogram("ft_gateway_seconds", "Time to the last byte of calls passed on.", **_OF_CALLS)
GATEWAY_FIRST_BYTE = Histogram("ft_gateway_first_byte_seconds", "Time to the first byte of their answers.", **_OF_CALLS)
GATEWAY_DROPPED = Gauge(
    "ft_gateway_dropped_calls",
    "Calls that were not recorded since the start, or as the server before was killed.",
    registry=REGISTRY,
)
GATEWAY_UNKEPT = Counter(
    "ft_gateway_calls_without_bodies", "Calls recorded without bodies since memory was full.", registry=REGISTRY
)
SHADOW_DROPPED = Gauge(
    "ft_gateway_shadow_dropped_calls", "Calls since the start with no place in the shadow.", registry=REGISTRY
)


def count_call(exchange: Exchange) -> None:
    """Count a call that the gateway passed on, or answered from a route's cache, which is no upstream's."""
    route = "" if exchange.route is None else exchange.route["name"]
    is_cached = exchange.route is not None and exchange.route["role"] == CACHE
    of_call = exchange.project, CACHE if is_cached else exchange.upstream, route
    GATEWAY_CALLS.labels(*of_call, str(exchange.status or "none")).inc()
    if exchange.lacked_memory:
        GATEWAY_UNKEPT.inc()
    if exchange.seconds is not None:
        GATEWAY_SECONDS.labels(*of_call).observe(exchange.seconds)
    if exchange.first_byte is not None:
        GATEWAY_FIRST_BYTE.labels(*of_call).observe(exchange.first_byte)


class _State(Collector):
    """The state of the database and the engines when metrics are read."""

    def __init__(self, server: Context) -> None:
        self._server = server

    def collect(self) -> Iterable[Metric]:
        by_status = GaugeMetricFamily("ft_jobs", "Fine-tuning jobs by status.", labels=["status"])
        with self._server.database.read() as tx:
            for status, count in jobs.count_by_status(tx).items():
                by_status.add_metric([status], count)
        yield by_status
        loaded = GaugeMetricFamily("ft_loaded_model_bytes", "Weights of the models in memory.", labels=["model"])
        for name, size in self._server.engines.loaded():
            loaded.add_metric([name], size)
        yield loaded
        parity = GaugeMetricFamily(
            "ft_model_parity", "Share of probe answers that are identical to the trainer's.", labels=["job"]
        )
        for job_id, result in self._server.parity.results.copy().items():
            parity.add_metric([job_id], result.same / result.probes)
        yield parity


def registry_of(server: Context) -> CollectorRegistry:
    """The registry with the state of this server."""
    if not hasattr(server.engines, "_registered"):
        REGISTRY.register(_State(server))
        server.engines._registered = True  # type: ignore[attr-defined]
    return REGISTRY
