"""What calls of routes cost: bodies and answers that take long, take memory, or never end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fine_tuning._util.memory_budget import MemoryBudget
from fine_tuning.data_io.usage import usage_of, usage_of_both
from fine_tuning.errors import DataError
from fine_tuning.gateway.answer_cache import AnswerCache
from fine_tuning.gateway.content_encodings import MOST_ENCODINGS, decoded
from fine_tuning.gateway.exchanges import Exchange
from fine_tuning.gateway.forwarding import Forwarder, Limits
from fine_tuning.gateway.kept_bodies import BodyLimits
from fine_tuning.gateway.litellm_process import LiteLLMProcess
from fine_tuning.gateway.remembered import READ_SECONDS
from fine_tuning.gateway.route_calls import RouteCalls, Sources
from fine_tuning.gateway.route_policy import Cache
from fine_tuning.gateway.route_table import RouteTable
from fine_tuning.gateway.routed_body import read_body
from fine_tuning.gateway.shadowing import Shadowed
from fine_tuning.gateway.target_requests import RoutedCall
from fine_tuning.gateway.translation.translated_calls import MAX_ANSWER_BYTES, TranslatedCall
from fine_tuning.gateway.upstream_connections import MOST_INFORMATIONAL
from fine_tuning.gateway.upstreams import read_upstreams
from fine_tuning.settings import get_settings
from fine_tuning.store.database import open_database
from fine_tuning.store.workspace import open_workspace
from tests.gateway.conftest import Gateway
from tests.gateway.conftest import gateway as gateway
from tests.gateway.conftest import second as second
from tests.gateway.conftest import vendor as vendor
from tests.gateway.scripted_upstream import Upstream, answer, chunk
from tests.gateway.test_pass_through import STREAM
from tests.gateway.test_recording import JSON, exchange
from tests.gateway.test_routes import save

PATIENCE = 10.0  # seconds, since other tests share the processors; each took a minute
CALLS = 4_900  # of one turn: what a body has room for
ASKED = b'{"model": "triage", "messages": [{"role": "user", "content": "Hi"}]}'


def test_body_with_its_model_many_times_is_written_in_linear_time() -> None:
    name, text = b'"model":"triage"', b"x" * 3_000_000
    found = read_body(b"{" + b",".join([name] * 49_000) + b',"a":"' + text + b'"}')
    assert found is not None
    started = time.monotonic()
    assert found.with_model("other") == b"{" + b",".join([b'"model":"other"'] * 49_000) + b',"a":"' + text + b'"}'
    assert time.monotonic() - started < PATIENCE


def function(name: str, **more: object) -> dict[str, object]:
    return {"type": "function_call", "call_id": name, "name": "f", "arguments": "{}", **more}


def of_responses(names: Sequence[str]) -> dict[str, object]:
    outputs = [{"type": "function_call_output", "call_id": name, "output": "r"} for name in reversed(names)]
    return {"input": [*map(function, names), *outputs]}


def of_messages(names: Sequence[str]) -> dict[str, object]:
    calls = [{"type": "tool_use", "id": name, "name": "f", "input": {}} for name in names]
    results = [{"type": "tool_result", "tool_use_id": name, "content": "r"} for name in reversed(names)]
    asked = [{"role": "user", "content": "a"}, {"role": "assistant", "content": calls}]
    return {"max_tokens": 1, "messages": [*asked, {"role": "user", "content": results}]}


@pytest.mark.parametrize(
    ("api", "target", "body"), [("responses", "messages", of_responses), ("messages", "chat", of_messages)]
)
def test_thousands_of_calls_and_their_results_are_translated_in_linear_time(api: Any, target: Any, body: Any) -> None:
    fields, started = body([f"c{number}" for number in range(CALLS)]), time.monotonic()
    assert TranslatedCall.of(api, target, fields, "m").body.count(b'"r"') == CALLS
    assert time.monotonic() - started < PATIENCE


def test_encodings_of_encodings_are_not_read() -> None:
    with pytest.raises(DataError, match="13,000 content encodings"):
        decoded(b"", ", ".join(["gzip"] * 13_000))
    assert decoded(b"a", ", ".join(["identity"] * MOST_ENCODINGS)) == b"a"


def test_cache_counts_headers_of_answers_without_a_body() -> None:
    cache, header = AnswerCache(100_000), (b"x-large", b"x" * 60_000)
    for number in range(3):
        made: Exchange = exchange(number)
        made.keep_response(b"")
        cache.put(b"%d" % number, Cache(seconds=60), made, [header])
    assert [cache.get(b"%d" % number) is None for number in range(3)] == [True, True, False]


def test_counts_that_no_column_holds_are_unknown() -> None:
    most = 2**31 - 1
    found = usage_of({"input_tokens": most, "cache_read_input_tokens": most, "output_tokens": 1})
    assert found is not None
    assert (found["prompt_tokens"], found["completion_tokens"]) == (None, 1)
    both = usage_of_both(*[{"prompt_tokens": most, "completion_tokens": 1}] * 2)  # type: ignore[list-item]
    assert both == {"prompt_tokens": None, "completion_tokens": 2}


def test_translated_stream_without_end_ends(gateway: Gateway, vendor: Upstream) -> None:
    save(incumbent="anthropic/claude-x")
    time.sleep(READ_SECONDS)
    message = {"type": "message_start", "message": {"id": "m", "model": "c", "role": "assistant", "content": []}}
    text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x" * (1 << 20)}}
    begun = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    pieces = [chunk(b"data: " + json.dumps(each).encode() + b"\n\n") for each in (message, begun, text)]
    vendor.answers(STREAM, *pieces[:2], *pieces[2:] * 18, closes=True)
    body = json.dumps({**json.loads(ASKED), "stream": True}).encode()
    answer = httpx2.post(f"{gateway.address}/openai/v1/chat/completions", content=body, timeout=60)
    assert "its answer is too large" in answer.text[-300:]
    assert len(answer.content) < 2 * MAX_ANSWER_BYTES


def test_announcements_without_end_are_no_response(gateway: Gateway, vendor: Upstream) -> None:
    body, again = answer(b"{}", JSON), b"HTTP/1.1 100 Continue\r\n\r\n"
    for times, status in ((2, 200), (2 * MOST_INFORMATIONAL, 502), (1, 200)):
        vendor.answers(again * times + body)
        assert httpx2.post(f"{gateway.address}/openai/v1/chat/completions", content=ASKED).status_code == status


def test_chunks_of_one_byte_pass_whole(gateway: Gateway, vendor: Upstream) -> None:
    text = b"0123456789" * 3_000
    vendor.answers(STREAM, b"".join(chunk(b"%c" % each) for each in text), b"0\r\n\r\n")
    found = httpx2.post(f"{gateway.address}/openai/v1/chat/completions", content=ASKED)
    assert found.content == text
    assert httpx2.post(f"{gateway.address}/openai/v1/chat/completions", content=ASKED).content == text


def test_shadow_that_drips_gives_its_place_back(
    vendor: Upstream, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_UPSTREAMS", json.dumps({"openai": vendor.address}))
    save(candidate="openai/gpt-x", shadow={"share": 1.0})
    vendor.answers(STREAM, *[chunk(b"."), 0.05] * 400)
    recorded: list[Exchange] = []

    async def ask() -> None:
        forwarder = Forwarder(Limits(shadow=0.3))
        upstreams = read_upstreams({"openai": vendor.address})
        sources = Sources(upstreams, lambda *_: asyncio.sleep(0), LiteLLMProcess(get_settings()))
        calls = RouteCalls(forwarder, lambda *_: asyncio.sleep(0), sources, open_workspace(), recorded.append)
        route = (await RouteTable(open_database()).of("default"))["triage"]
        path, read = "/v1/chat/completions", read_body(ASKED)
        assert read is not None
        scope = {"headers": [], "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
        limits = BodyLimits(1 << 20, MemoryBudget(1 << 20))
        call = RoutedCall(scope, read, None, path, "openai")
        calls.shadows.offer(Shadowed(route, call, "default", {}, "call_1", limits))
        async with asyncio.timeout(PATIENCE):
            while not recorded:
                await asyncio.sleep(0.02)
        await calls.close()
        await forwarder.close()

    asyncio.run(ask())
    assert (recorded[0].status, recorded[0].is_whole) == (200, False)
