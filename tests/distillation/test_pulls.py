"""Calls are fetched from tools that speak their documented wire, over connections as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.distillation.pulls import api
from fine_tuning.errors import ConfigurationError, NotFoundError, ProviderError, UsageError
from tests import faults
from tests.data_io.test_formats import COMPLETION
from tests.wire import serving

CALLS = 7
PAGE = 3


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


@dataclass
class Tracer:
    """A tool with `CALLS` recorded calls, in pages of `PAGE`.

    Attributes:
        failures: what happens to the next requests: a status, or "drop".
        after: number of requests after which every one is refused; None for never.
    """

    url: str
    asked: list[Asked] = field(default_factory=list)
    failures: list[Any] = field(default_factory=list)
    after: int | None = None
    missing: tuple[str, ...] = ()
    retry_after: str = "0"


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    with serving(_Handler, lambda url: Tracer(url.removesuffix("/v1"))) as found:
        yield found


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        state: Tracer = self.server.state  # type: ignore[attr-defined]
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        headers = {key.lower(): value for key, value in self.headers.items()}
        asked = Asked(self.command, parts.path, parse_qs(parts.query), headers, json.loads(raw) if raw else None)
        state.asked.append(asked)
        failure = state.failures.pop(0) if state.failures else None
        if state.after is not None and len(state.asked) > state.after:
            failure = 400
        if failure == "drop":
            self.close_connection = True
            return
        if failure is not None:
            self._send(failure, {"message": "not now"}, {"Retry-After": state.retry_after})
            return
        answer = None if asked.path in state.missing else respond(asked)
        self._send(404 if answer is None else 200, {"message": "no route"} if answer is None else answer, {})

    def _send(self, status: int, body: Any, headers: dict[str, str]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def question(number: int) -> dict[str, str]:
    return {"role": "user", "content": f"Where is order {number}?"}


def respond(asked: Asked) -> Any:
    if asked.path.startswith("/api/public/"):
        return langfuse(asked)
    if asked.path.startswith("/v1/projects/"):
        return phoenix(asked)
    return langsmith(asked)


def langfuse(asked: Asked) -> Any:
    name = asked.path.removeprefix("/api/public/")
    assert asked.headers["authorization"] == "Basic cGstMTpzay0x"
    if name == "v2/observations":
        start = int((asked.query.get("cursor") or ["0"])[0])
        following = start + PAGE
        meta = {"cursor": str(following)} if following < CALLS else {}
        return {"data": [generation(number) for number in range(CALLS)[start:following]], "meta": meta}
    if name == "v3/scores":
        assert (asked.query["fields"], "page" in asked.query) == (["subject"], False)
        subject = {"kind": "observation", "id": "o1", "traceId": "t1"}
        return {"data": [{"name": "user-feedback", "value": 1, "subject": subject}], "meta": {"limit": PAGE}}
    page = int(asked.query["page"][0])
    rows = {
        "observations": [generation(number) for number in range(CALLS)],
        "traces": [{"id": f"t{number}", "sessionId": f"s{number}", "userId": None} for number in range(CALLS)],
        "v2/scores": [{"traceId": "t1", "observationId": "o1", "name": "user-feedback", "value": 1}],
    }.get(name)
    if rows is None:
        return None
    meta = {"page": page, "limit": PAGE, "totalItems": len(rows), "totalPages": -(-len(rows) // PAGE)}
    return {"data": rows[(page - 1) * PAGE : page * PAGE], "meta": meta}


def generation(number: int) -> dict[str, Any]:
    return {
        "id": f"o{number}",
        "traceId": f"t{number}",
        "type": "GENERATION",
        "name": "chat",
        "model": "gpt-4o",
        "startTime": "2026-01-02T03:04:05.000Z",
        "input": {"messages": [question(number)]},
        "output": {"role": "assistant", "content": "On its way."},
    }


def phoenix(asked: Asked) -> Any:
    assert asked.headers["authorization"] == "Bearer px-1"
    if asked.path == "/v1/projects/shop%20de/span_annotations":
        result = {"score": 1.0, "label": "thumbs-up"}
        notes = [{"id": "n1", "span_id": "1", "name": "user feedback", "annotator_kind": "HUMAN", "result": result}]
        return {"data": [each for each in notes if each["span_id"] in asked.query["span_ids"]], "next_cursor": None}
    if asked.path != "/v1/projects/shop%20de/spans":
        return None
    start = int((asked.query.get("cursor") or ["0"])[0])
    following = str(start + PAGE) if start + PAGE < CALLS else None
    chain = {"id": "c", "name": "chain", "context": {"trace_id": "t", "span_id": "c"}, "span_kind": "CHAIN"}
    return {"data": [chain, *(span(number) for number in range(CALLS)[start : start + PAGE])], "next_cursor": following}


def span(number: int) -> dict[str, Any]:
    return {
        "id": f"U{number}",
        "name": "ChatCompletion",
        "context": {"trace_id": "t", "span_id": str(number)},
        "span_kind": "LLM",
        "parent_id": None,
        "start_time": "2026-01-02T03:04:05+00:00",
        "end_time": "2026-01-02T03:04:06+00:00",
        "status_code": "OK",
        "attributes": {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-4o",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": question(number)["content"],
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "On its way.",
        },
        "events": [],
    }


def langsmith(asked: Asked) -> Any:
    assert asked.headers["x-api-key"] == "ls-1"
    if asked.path == "/sessions":
        found = [{"id": "11111111-1111-1111-1111-111111111111", "name": "shop"}]
        return [each for each in found if each["name"] == asked.query["name"][0]]
    if asked.path == "/feedback":
        start, limit = (int(asked.query[key][0]) for key in ("offset", "limit"))
        given = [each for each in FEEDBACK if each["run_id"] in asked.query["run"]]
        return given[start : start + limit]
    start = int(asked.body.get("cursor") or 0)
    following = str(start + PAGE) if start + PAGE < CALLS else None
    if asked.path == "/api/v2/runs/query":
        assert asked.body["run_type"] == "LLM"
        found = [{**run(number), "run_type": "LLM", "status": "SUCCESS"} for number in range(CALLS)]
        return {"items": found[start : start + PAGE], "next_cursor": following}
    return {"runs": [run(number) for number in range(CALLS)[start : start + PAGE]], "cursors": {"next": following}}


def run(number: int) -> dict[str, Any]:
    return {
        "id": f"r{number}",
        "trace_id": f"t{number}",
        "name": "ChatOpenAI",
        "run_type": "llm",
        "start_time": "2026-01-02T03:04:05.000000",
        "status": "success",
        "error": None,
        "inputs": {"messages": [question(number)], "model": "gpt-4o"},
        "outputs": COMPLETION,
        "feedback_stats": {"user_score": {"n": 1, "avg": 1.0}} if number == 1 else {},
    }


FEEDBACK: list[dict[str, Any]] = [
    {"id": f"f{number}", "run_id": "r1", "key": "user_score", "score": 1.0, "correction": None} for number in range(100)
]


SETTINGS = {
    "langfuse": {"LANGFUSE_PUBLIC_KEY": "pk-1", "LANGFUSE_SECRET_KEY": "sk-1"},
    "phoenix": {"PHOENIX_API_KEY": "px-1", "PHOENIX_PROJECT_NAME": "shop de"},
    "langsmith": {"LANGSMITH_API_KEY": "ls-1", "LANGSMITH_PROJECT": "shop"},
}
ADDRESSES = {
    "langfuse": "LANGFUSE_HOST",
    "phoenix": "PHOENIX_COLLECTOR_ENDPOINT",
    "langsmith": "LANGSMITH_ENDPOINT",
}
TOOLS = list(SETTINGS)


@pytest.fixture
def configured(tracer: Tracer, monkeypatch: pytest.MonkeyPatch) -> Tracer:
    for tool, variables in SETTINGS.items():
        monkeypatch.setenv(ADDRESSES[tool], tracer.url)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
    return tracer


@pytest.mark.parametrize("tool", TOOLS)
def test_import_from_tool_reads_every_page_and_ratings(tool: str, configured: Tracer) -> None:
    collector = DistillationDataCollector()
    fetched: list[int] = []
    report = collector.import_from(tool, "2026-01-01", "2026-02-01T00:00:00+01:00", on_progress=fetched.append)
    assert (report.read, report.captured, report.rejected, sum(fetched)) == (CALLS, CALLS, [], CALLS)
    found = {each["prompt"]: each for each in collector.find_examples()}
    assert found["Where is order 1?"]["rating"] == 5
    assert found["Where is order 2?"]["rating"] == 3
    if tool == "langfuse":
        assert found["Where is order 2?"]["metadata"]["session_id"] == "s2"
    again = collector.import_from(tool, "2026-01-01", "2026-02-01T00:00:00+01:00")
    assert (again.read, again.captured, again.duplicates) == (CALLS, 0, CALLS)


def test_import_from_tool_sends_the_window_as_documented(configured: Tracer) -> None:
    for tool in TOOLS:
        DistillationDataCollector().import_from(tool, "2026-01-01", "2026-02-01")
    asked = {each.path: each for each in reversed(configured.asked)}
    observed = asked["/api/public/observations"].query
    assert observed["fromStartTime"] == ["2026-01-01T00:00:00Z"]
    assert observed["toStartTime"] == ["2026-02-01T00:00:00Z"]
    assert observed["type"] == ["GENERATION"]
    spans = asked["/v1/projects/shop%20de/spans"].query
    assert (spans["start_time"], spans["span_kind"]) == (["2026-01-01T00:00:00+00:00"], ["LLM"])
    runs = asked["/runs/query"].body
    assert (runs["run_type"], runs["start_time"], runs["limit"]) == ("llm", "2026-01-01T00:00:00+00:00", 100)
    assert runs["filter"] == 'lt(start_time, "2026-02-01T00:00:00+00:00")'
    assert runs["session"] == ["11111111-1111-1111-1111-111111111111"]


@pytest.mark.parametrize("tool", TOOLS)
def test_import_from_tool_repeats_what_fails_in_passing(tool: str, configured: Tracer) -> None:
    configured.failures = [429, 503, None, "drop", 429]
    report = DistillationDataCollector().import_from(tool)
    assert (report.captured, report.rejected) == (CALLS, [])


@pytest.mark.parametrize("tool", TOOLS)
def test_import_from_tool_through_faulty_connections_reads_every_call(
    tool: str, configured: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faults.faulty(f"{configured.url}/v1") as between:
        between.rate = 0.4
        monkeypatch.setenv(ADDRESSES[tool], between.url.removesuffix("/v1"))
        report = DistillationDataCollector().import_from(tool)
    assert (report.captured, report.rejected) == (CALLS, [])
    assert between.failed.total() > 0


@pytest.mark.parametrize("tool", TOOLS)
def test_import_from_tool_interrupted_keeps_pages_and_continues(tool: str, configured: Tracer) -> None:
    collector = DistillationDataCollector()
    configured.after = {  # requests; those for scores, traces, projects, annotations and feedback are some of them
        "langfuse": 6,
        "phoenix": 3,
        "langsmith": 4,
    }[tool]
    with pytest.raises(ProviderError, match="refused .* captured calls are kept; repeat the command to continue"):
        collector.import_from(tool, "2026-01-01", "2026-02-01")
    kept = len(list(collector.find_examples()))
    assert 0 < kept < CALLS
    configured.after = None
    report = collector.import_from(tool, "2026-01-01", "2026-02-01")
    assert (report.read, report.captured, report.duplicates) == (CALLS, CALLS - kept, kept)


def test_import_from_langfuse_of_newer_host_follows_the_cursor(configured: Tracer) -> None:
    names = ("observations", "traces", "scores", "v2/scores")
    configured.missing = tuple(f"/api/public/{name}" for name in names)
    collector = DistillationDataCollector()
    report = collector.import_from("langfuse")
    assert (report.captured, report.rejected, report.unrated) == (CALLS, [], {3: CALLS - 1})


def test_import_from_langsmith_of_newer_host_reads_its_pages(configured: Tracer) -> None:
    configured.missing = ("/runs/query",)
    report = DistillationDataCollector().import_from("langsmith")
    assert (report.captured, report.rejected, report.unrated) == (CALLS, [], {3: CALLS - 1})
    asked = configured.asked[-1].body
    assert (asked["min_start_time"], asked["page_size"]) == ("1970-01-01T00:00:00+00:00", 100)


@pytest.mark.parametrize("missing", [(), ("/runs/query",)])
def test_import_from_langsmith_learns_the_correction_and_not_the_answer(
    missing: tuple[str, ...], configured: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured.missing = missing
    written = {"id": "c", "run_id": "r1", "key": "reply", "score": None, "correction": {"content": "It is in Bremen."}}
    monkeypatch.setitem(globals(), "FEEDBACK", [*FEEDBACK, written])
    collector = DistillationDataCollector()
    collector.import_from("langsmith")
    found = {each["response"]: each["rating"] for each in collector.find_examples() if "order 1?" in each["prompt"]}
    assert found["It is in Bremen."] == 5
    assert found.get("On its way.", 1) < 3


def test_import_from_phoenix_without_annotations_reads_the_spans(configured: Tracer) -> None:
    configured.missing = ("/v1/projects/shop%20de/span_annotations",)
    assert DistillationDataCollector().import_from("phoenix").captured == CALLS


@pytest.mark.parametrize("tool", TOOLS)
def test_import_from_tool_that_refuses_raises_one_line(
    tool: str, configured: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = DistillationDataCollector()
    key = list(SETTINGS[tool])[-1] if tool == "langfuse" else next(iter(SETTINGS[tool]))
    configured.failures = [401]
    with pytest.raises(ConfigurationError, match=f"refused the key \\(401\\); check .*{key}"):
        collector.import_from(tool)
    configured.failures = [429] * api.ATTEMPTS
    with pytest.raises(ProviderError, match=r"\(429\): .*not now"):
        collector.import_from(tool)
    monkeypatch.setenv(key, "s\u00e9cret")
    with pytest.raises(ConfigurationError, match="a key has invalid characters") as caught:
        DistillationDataCollector().import_from(tool)
    assert "cret" not in str(caught.value)
    monkeypatch.delenv(key)
    if tool != "phoenix":
        with pytest.raises(ConfigurationError, match=key):
            DistillationDataCollector().import_from(tool)


def test_import_from_unreachable_or_unknown_raises(configured: Tracer, monkeypatch: pytest.MonkeyPatch) -> None:
    collector = DistillationDataCollector()
    with pytest.raises(UsageError, match="unknown tool 'nagios'; use one of langfuse, phoenix, langsmith"):
        collector.import_from("nagios")
    with pytest.raises(UsageError, match="since is not an ISO 8601 time: 'soon'"):
        collector.import_from("phoenix", "soon")
    with pytest.raises(UsageError, match="since must be before until"):
        collector.import_from("phoenix", "2026-02-01", "2026-01-01")
    with pytest.raises(UsageError, match="leave --project out"):
        collector.import_from("langfuse", project="shop")
    with pytest.raises(NotFoundError, match="has no project 'other'"):
        collector.import_from("langsmith", project="other")
    with pytest.raises(NotFoundError, match="check the address and the project"):
        collector.import_from("phoenix", project="other")
    monkeypatch.setenv("PHOENIX_COLLECTOR_ENDPOINT", "localhost:6006")
    with pytest.raises(ConfigurationError, match="is not the address of a host; check PHOENIX_COLLECTOR_ENDPOINT"):
        DistillationDataCollector().import_from("phoenix")
    monkeypatch.setenv("PHOENIX_COLLECTOR_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ProviderError, match="cannot reach http://127.0.0.1:9"):
        DistillationDataCollector().import_from("phoenix")


def test_capture_import_from_tool_prints_counts(configured: Tracer, cli: Any) -> None:
    code, out, _ = cli("capture", "import", "--from", "langsmith", "--since", "2026-01-01", "--json")
    assert (code, json.loads(out)["captured"]) == (0, CALLS)
    code, out, _ = cli("capture", "import", "--from", "phoenix")
    assert (code, "duplicates" in out) == (0, True)
    for wrong, reason in (
        (["--from", "langsmith", "calls.jsonl"], "name either files"),
        (["calls.jsonl", "--since", "2026-01-01"], "need --from"),
        (["--from", "nagios"], "unknown tool"),
        ([], "no files given"),
    ):
        code, _, said = cli("capture", "import", *wrong)
        assert (code, reason in said) == (2, True)


def test_stated_wait_reads_seconds_and_dates() -> None:
    assert api._stated_wait({"retry-after": "7"}, 1.0) == 7.0
    assert api._stated_wait({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 1.0) == 0.0
    assert api._stated_wait({"retry-after": "later"}, 1.0) == 1.0
    assert api._stated_wait({}, 1.0) == 1.0
