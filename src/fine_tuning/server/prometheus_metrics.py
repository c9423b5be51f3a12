"""Metrics for Prometheus: requests, jobs, loaded models and serving parity."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fine_tuning.server.context import Context
from fine_tuning.store import jobs

REGISTRY = CollectorRegistry()
REQUESTS = Counter("ft_requests", "Requests by route and status.", ["method", "route", "status"], registry=REGISTRY)
SECONDS = Histogram("ft_request_seconds", "Time to the last byte.", ["method", "route"], registry=REGISTRY)


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
