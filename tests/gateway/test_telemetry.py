"""Spans and metrics of calls, sent to a collector that reads OTLP; and those that Prometheus reads."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import generate_latest

from fine_tuning.gateway import telemetry
from fine_tuning.gateway.recorder import SPOOL
from fine_tuning.gateway.stored_calls import store_spool
from fine_tuning.server import authentication
from fine_tuning.server.prometheus_metrics import REGISTRY
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store.workspace import open_workspace
from tests.gateway.conftest import Gateway
from tests.gateway.scripted_upstream import Upstream, answer
from tests.gateway.test_pass_through import ask, request
from tests.gateway.test_recording import CHAT, JSON
from tests.gateway.test_routes import save
from tests.server.conftest import listening

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(BaseHTTPRequestHandler):
    """Keeps what it is sent."""

    received: ClassVar[dict[str, list[bytes]]]

    def do_POST(self) -> None:
        self.received.setdefault(self.path, []).append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[bytes]]]:
    Collector.received = {}
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        yield Collector.received
        server.shutdown()


def values(attributes: Any) -> dict[str, object]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


def send(gateway: Gateway) -> None:
    """Store what the gateway recorded, with telemetry; a second time, which adds nothing."""
    gateway.stop()
    workspace = open_workspace()
    sender = telemetry.opened()
    assert sender is not None
    with closing(sender):
        assert store_spool(workspace, workspace.settings.folder(SPOOL), sender) > 0
        assert store_spool(workspace, workspace.settings.folder(SPOOL), sender) == 0


def spans(collected: dict[str, list[bytes]]) -> list[Any]:
    messages = [ExportTraceServiceRequest.FromString(each) for each in collected["/v1/traces"]]
    groups = [group for message in messages for group in message.resource_spans]
    assert {values(group.resource.attributes)["service.name"] for group in groups} == {"fine-tuning-gateway"}
    return [span for group in groups for scope in group.scope_spans for span in scope.spans]


def test_call_is_a_span_below_that_of_the_application(
    gateway: Gateway, vendor: Upstream, collected: dict[str, list[bytes]]
) -> None:
    vendor.answers(answer(json.dumps(CHAT).encode(), JSON))
    parent = f"00-{TRACE}-{SPAN}-01"
    said = {"messages": [{"role": "user", "content": "A secret?"}], "temperature": 0.5, "max_tokens": 9, "stop": "END"}
    body = json.dumps({"model": "gpt-4o", **said, "top_p": "much"}).encode()
    ask(gateway, request("/openai/v1/chat/completions", body, f"traceparent: {parent}".encode(), JSON))
    assert f"traceparent: {parent}".encode() in vendor.requests[0]  # as it came
    send(gateway)
    (span,) = spans(collected)
    assert (span.name, span.trace_id.hex(), span.parent_span_id.hex()) == ("chat gpt-4o", TRACE, SPAN)
    assert span.end_time_unix_nano > span.start_time_unix_nano
    found = values(span.attributes)
    assert {name: found[name] for name in EXPECTED} == EXPECTED
    lists = ("gen_ai.response.finish_reasons", "gen_ai.request.stop_sequences")
    assert [[each.string_value for each in found[name].values] for name in lists] == [["stop"], ["END"]]  # type: ignore[attr-defined]
    assert "gen_ai.request.top_p" not in found
    assert "A secret" not in str(collected)

    (message,) = map(ExportMetricsServiceRequest.FromString, collected["/v1/metrics"])
    metrics = {each.name: each for each in message.resource_metrics[0].scope_metrics[0].metrics}
    counted = {values(point.attributes)["gen_ai.token.type"]: point.sum for point in tokens(metrics)}
    assert counted == {"input": 1000, "output": 100}
    assert metrics["gen_ai.client.operation.duration"].histogram.data_points[0].count == 1
    assert "fine_tuning.gateway.cost" not in metrics  # this host's price is not known, which is not 0
    assert "fine_tuning.cost_usd" not in found


EXPECTED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.request.temperature": 0.5,
    "gen_ai.request.max_tokens": 9,
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "http.response.status_code": 200,
    "server.address": "127.0.0.1",
}


def tokens(metrics: dict[str, Any]) -> Any:
    return metrics["gen_ai.client.token.usage"].histogram.data_points


@pytest.mark.parametrize(("name", "status"), [("openai", 429), ("away", 502)])
def test_failed_call_is_a_span_with_an_error(
    gateway: Gateway, vendor: Upstream, collected: dict[str, list[bytes]], name: str, status: int
) -> None:
    vendor.answers(answer(b"{}", JSON, status=b"429 Too Many Requests"))
    ask(gateway, request(f"/{name}/v1/embeddings", b'{"model": "e"}', JSON))
    send(gateway)
    (span,) = spans(collected)
    found = values(span.attributes)
    assert (span.name, found["error.type"], span.status.code) == ("embeddings e", str(status), 2)
    assert found["http.response.status_code"] == status
    assert "gen_ai.response.model" not in found  # none answered


def test_cost_is_that_of_the_price_list(
    gateway: Gateway, vendor: Upstream, collected: dict[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    price = {"input": 2.0, "output": 8.0}  # dollars a million
    monkeypatch.setenv("FINE_TUNING_PRICES", json.dumps({f"{vendor.address}/gpt-4o-2024-08-06": price}))
    vendor.answers(answer(json.dumps(CHAT).encode(), JSON))
    ask(gateway, request("/openai/v1/chat/completions", b'{"model": "gpt-4o", "messages": []}', JSON))
    send(gateway)
    (span,) = spans(collected)
    assert values(span.attributes)["fine_tuning.cost_usd"] == pytest.approx(0.0028)
    (message,) = map(ExportMetricsServiceRequest.FromString, collected["/v1/metrics"])
    metrics = {each.name: each for each in message.resource_metrics[0].scope_metrics[0].metrics}
    assert metrics["fine_tuning.gateway.cost"].sum.data_points[0].as_double == pytest.approx(0.0028)


def test_nothing_is_sent_where_no_collector_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert telemetry.opened() is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert telemetry.opened() is None


def test_wrong_variable_is_said_and_stops_no_recording(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-5")
    assert telemetry.opened() is None
    assert "no telemetry is sent" in caplog.text


def test_prometheus_counts_calls_by_upstream_and_status(gateway: Gateway, vendor: Upstream) -> None:
    vendor.answers(answer(b"{}", JSON))
    before = counted("gemini")
    ask(gateway, request("/gemini/v1beta/models/g:generateContent", b"{}", JSON))
    gateway.stop()
    assert counted("gemini") == before + 1
    assert b"ft_gateway_first_byte_seconds_bucket" in generate_latest(REGISTRY)


def counted(upstream: str, route: str = "") -> float:
    labels = {"project": "default", "upstream": upstream, "route": route, "status": "200"}
    return REGISTRY.get_sample_value("ft_gateway_calls_total", labels) or 0


def test_cached_answer_is_none_of_the_upstreams(
    gateway: Gateway, vendor: Upstream, collected: dict[str, list[bytes]]
) -> None:
    save(incumbent="openai/gpt-4o", cache={"seconds": 600})
    vendor.answers(answer(json.dumps(CHAT).encode(), JSON))
    before = [counted(name, "triage") for name in ("openai", "cache")]
    for _ in range(3):
        ask(gateway, request("/openai/v1/chat/completions", json.dumps({"model": "triage", "messages": []}).encode()))
    send(gateway)
    assert [counted(name, "triage") for name in ("openai", "cache")] == [before[0] + 1, before[1] + 2]
    (span,) = spans(collected)
    assert values(span.attributes)["fine_tuning.role"] == "incumbent"
    (message,) = map(ExportMetricsServiceRequest.FromString, collected["/v1/metrics"])
    metrics = {each.name: each for each in message.resource_metrics[0].scope_metrics[0].metrics}
    assert [point.sum for point in tokens(metrics)] == [1000, 100]


def test_metrics_of_all_projects_need_a_key_that_sees_all(workspace: Path) -> None:
    database = open_workspace().database
    mine = authentication.create(database, "app")[0]
    with listening(ServerConfig()) as address:

        def status(key: str) -> int:
            bearer = {"Authorization": f"Bearer {key}"}
            return httpx2.get(f"{address.removesuffix('/v1')}/metrics", headers=bearer).status_code

        assert status(mine) == 200  # there is no other project
        other = authentication.create(database, "app", "shop")[0]
        owner = authentication.create(database, "prometheus", is_owner=True, read_only=True)[0]
        assert [status(each) for each in (mine, other, "sk-ft-none", owner)] == [403, 403, 401, 200]
