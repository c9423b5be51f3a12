"""Spans and metrics of the calls that were passed on, by OpenTelemetry's GenAI conventions, sent over OTLP.

Off until `OTEL_EXPORTER_OTLP_ENDPOINT` (or that of traces or metrics alone) names a collector; all variables of
OpenTelemetry's own mean what they mean elsewhere. What was asked and answered is not sent.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from fine_tuning.errors import MissingDependencyError
from fine_tuning.gateway.call_attributes import DescribedCall
from fine_tuning.gateway.exchanges import CACHE
from fine_tuning.gateway.spooled_calls import SpooledCall
from fine_tuning.store.records.gateway_calls import GatewayCall

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

SERVICE = "fine-tuning-gateway"  # where OTEL_SERVICE_NAME says no other
_ENDPOINT = "OTEL_EXPORTER_OTLP_{}ENDPOINT"
_NANOSECONDS = 1e9
_log = logging.getLogger(__name__)
# The bounds that the conventions advise, https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
_SECONDS = [0.01 * 2**power for power in range(14)]
_TOKENS = [4**power for power in range(14)]


def is_wanted(signal: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a signal (traces or metrics) is to be sent."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if environment.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp") != "otlp":
        return False
    names = (_ENDPOINT.format(""), _ENDPOINT.format(f"{signal.upper()}_"))
    return any(environment.get(name) for name in names)


def opened() -> Telemetry | None:
    """What sends; None where no collector is named, or (with a warning) it cannot, as without the extra `telemetry`."""
    if not is_wanted("traces") and not is_wanted("metrics"):
        return None
    try:
        return Telemetry()
    except ModuleNotFoundError:
        package = "opentelemetry-exporter-otlp-proto-http"
        _log.warning("%s", MissingDependencyError(package, "telemetry", "OTEL_EXPORTER_OTLP_ENDPOINT"))
    except ValueError as error:
        _log.warning("no telemetry is sent, a variable of OpenTelemetry has no such value: %s", error)
    return None


class Telemetry:
    """Sends what it is given, in the background; call `close` at the end.

    Raises:
        ModuleNotFoundError: the extra `telemetry` is not installed.
        ValueError: a variable of OpenTelemetry is wrong.
    """

    def __init__(self) -> None:
        self._spans = _tracer_provider() if is_wanted("traces") else None
        self._metrics = _meter_provider() if is_wanted("metrics") else None
        if self._metrics is not None:
            meter = self._metrics.get_meter(SERVICE)
            self._seconds = meter.create_histogram(
                "gen_ai.client.operation.duration", "s", explicit_bucket_boundaries_advisory=_SECONDS
            )
            self._first_chunk = meter.create_histogram(
                "gen_ai.client.operation.time_to_first_chunk", "s", explicit_bucket_boundaries_advisory=_SECONDS
            )
            self._tokens = meter.create_histogram(
                "gen_ai.client.token.usage", "{token}", explicit_bucket_boundaries_advisory=_TOKENS
            )
            self._cost = meter.create_counter("fine_tuning.gateway.cost", "USD")

    def add(self, calls: Iterable[tuple[SpooledCall, GatewayCall]]) -> None:
        """Send calls that were stored; one that has not ended (`seconds` is None) is left out, and one that a route's
        cache has answered.
        """
        for spooled, call in calls:
            if call["seconds"] is not None and call["role"] != CACHE:
                described = DescribedCall(spooled, call)
                self._add_span(spooled, described, call["seconds"])
                self._add_metrics(call, described, call["seconds"])

    def close(self) -> None:
        """Send what waits."""
        for provider in (self._spans, self._metrics):
            if provider is not None:
                provider.shutdown()

    def _add_span(self, spooled: SpooledCall, described: DescribedCall, seconds: float) -> None:
        if self._spans is None:
            return
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        started = spooled.facts["started_at"]
        carrier = {"traceparent": spooled.facts.get("trace_parent", "")}
        span = self._spans.get_tracer(SERVICE).start_span(
            described.name,
            context=TraceContextTextMapPropagator().extract(carrier),
            kind=SpanKind.CLIENT,
            attributes=described.attributes,
            start_time=int(started * _NANOSECONDS),
        )
        if described.error is not None:
            span.set_status(Status(StatusCode.ERROR, described.error))
        span.end(int((started + seconds) * _NANOSECONDS))

    def _add_metrics(self, call: GatewayCall, described: DescribedCall, seconds: float) -> None:
        if self._metrics is None:
            return
        labels, error = described.labels, described.error
        self._seconds.record(seconds, labels if error is None else {**labels, "error.type": error})
        if call["first_byte_seconds"] is not None and described.is_streamed:
            self._first_chunk.record(call["first_byte_seconds"], labels)
        for kind, count in (("input", call["prompt_tokens"]), ("output", call["completion_tokens"])):
            if count is not None:
                self._tokens.record(count, {**labels, "gen_ai.token.type": kind})
        if call["cost"] is not None:
            self._cost.add(call["cost"], labels)


def _tracer_provider() -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=_resource())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _meter_provider() -> MeterProvider:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    return MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource=_resource())


def _resource() -> Resource:
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    own = Resource({"service.name": SERVICE}).merge(OTELResourceDetector().detect())
    return Resource.create().merge(own)
