"""What is kept of calls that were passed on: as calls with their price, and as examples."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import brotli
import httpx2
import pytest
from openai import OpenAI

from fine_tuning._util.memory_budget import MemoryBudget
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.gateway.exchanges import Exchange
from fine_tuning.gateway.kept_bodies import BodyLimits, KeptBody
from fine_tuning.gateway.recorder import FLUSH_SECONDS, SEGMENT_SECONDS, Limits, Recorder
from fine_tuning.gateway.stored_calls import complete_files, store_spool
from fine_tuning.server import authentication
from fine_tuning.store import costs, gateway_calls
from fine_tuning.store.database import Database, open_database
from fine_tuning.store.workspace import open_workspace
from tests.gateway.conftest import Gateway
from tests.gateway.scripted_upstream import Upstream, answer, chunk
from tests.gateway.test_pass_through import STREAM, ask, request
from tests.gateway.test_routes import save
from tests.waiting import wait_until

MESSAGES: Any = [{"role": "user", "content": "Where is order 7?"}]
CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_795_000_000,
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "On its way."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
}
CHAT_PATH = "/v1/chat/completions"
ROOT = Path(__file__).parents[2]
SAID = "On its way."
JSON = b"Content-Type: application/json"


def event(delta: dict[str, Any], reason: str | None = None) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
    data = {"id": "chatcmpl-2", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "choices": choices}
    return chunk(b"data: " + json.dumps(data).encode() + b"\n\n")


def test_chat_of_the_sdk_becomes_an_example_with_its_price(gateway: Gateway, vendor: Upstream) -> None:
    vendor.answers(answer(gzip.compress(json.dumps(CHAT).encode()), JSON, b"Content-Encoding: gzip"))
    tags = {"domain": "shop", "task": "support", "unit": "u-7", "conversation": "c-1", "metadata": '{"tier": "gold"}'}
    headers = {f"x-ft-{name}": value for name, value in tags.items()}
    with OpenAI(base_url=f"{gateway.address}/openai/v1", api_key="sk", default_headers=headers) as client:
        got = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=MESSAGES)
    (call,) = gateway.stored()
    assert call["id"] == got.headers["x-ft-call-id"]
    assert (call["model"], call["prompt_tokens"], call["completion_tokens"]) == ("gpt-4o-2024-08-06", 1000, 100)
    assert (call["unit"], call["conversation"], call["metadata"]) == ("u-7", "c-1", {"tier": "gold"})
    assert call["cost"] is None  # of this address nobody knows a price
    (example,) = DistillationDataCollector().find_examples()
    assert call["example_id"] == example["id"]
    assert (example["domain"], example["task_type"], example["rating"]) == ("shop", "support", 3)
    assert (example["prompt"], example["response"]) == ("Where is order 7?", "On its way.")
    assert example["metadata"]["conversation_id"] == "c-1"
    with open_database().read() as tx:
        (event,) = costs.all_events(tx, "inference")
    assert (event["tokens"], event["metadata"]["call"]) == (1100, call["id"])


@pytest.mark.parametrize(
    ("cut", "kept"), [("\\ud83d", "\ufffd"), ("\\u0000", "\ufffd"), ("\\ud83d\\ude42", "\U0001f642")]
)
def test_half_a_character_in_a_question_loses_no_call(gateway: Gateway, vendor: Upstream, cut: str, kept: str) -> None:
    vendor.answers(answer(json.dumps(CHAT).encode(), JSON))
    body = f'{{"model": "gpt-4o", "messages": [{{"role": "user", "content": "Where {cut}"}}]}}'
    ask(gateway, request("/openai/v1/chat/completions", body.encode(), JSON))
    assert vendor.requests[0].endswith(body.encode())
    assert gateway.stored()[0]["not_captured"] is None
    (example,) = DistillationDataCollector().find_examples()
    assert example["prompt"] == f"Where {kept}"


@pytest.mark.parametrize(
    "own",
    [
        {"status": "failed"},
        {"success": False, "user_rating": 1, "thumbs": "down", "feedback": "bad"},
        {"rating": 5, "provider": "mine", "finish_reason": "error"},
    ],
)
@pytest.mark.parametrize("is_in_body", [False, True])
def test_metadata_of_the_application_is_no_verdict_on_the_answer(
    gateway: Gateway, vendor: Upstream, own: dict[str, Any], is_in_body: bool
) -> None:
    vendor.answers(answer(json.dumps(CHAT).encode(), JSON))
    body = {"model": "gpt-4o", "messages": MESSAGES} | ({"metadata": own} if is_in_body else {})
    headers = [] if is_in_body else [b"x-ft-metadata: " + json.dumps(own).encode()]
    ask(gateway, request("/openai/v1/chat/completions", json.dumps(body).encode(), JSON, *headers))
    (call,) = gateway.stored()
    assert call["not_captured"] is None
    (example,) = DistillationDataCollector().find_examples()
    assert example["rating"] == 3
    kept = {key: value for key, value in own.items() if key != "provider"}  # which is the vendor's address
    assert example["metadata"].items() >= kept.items()
    assert example["metadata"]["call"] == call["id"]


def test_stream_with_tools_becomes_an_example(gateway: Gateway, vendor: Upstream) -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "find", "arguments": ""}}
    more = {"index": 0, "function": {"arguments": '{"order": 7}'}}
    events = [
        event({"role": "assistant", "tool_calls": [call]}),
        event({"tool_calls": [more]}),
        event({}, "tool_calls"),
    ]
    vendor.answers(STREAM, *events, chunk(b"data: [DONE]\n\n"), chunk(b""))
    tools: Any = [
        {"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}
    ]
    with OpenAI(base_url=f"{gateway.address}/openai/v1", api_key="sk") as client:
        asked = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, tools=tools, stream=True)
        assert len(list(asked)) == 3
    assert [each["example_id"] is None for each in gateway.stored()] == [False]
    (example,) = DistillationDataCollector().find_examples()
    assert example["messages"] is not None
    (said,) = example["messages"][-1]["tool_calls"]
    assert (said["function"]["name"], json.loads(said["function"]["arguments"])) == ("find", {"order": 7})
    assert example["tools"] is not None


@pytest.mark.parametrize(
    ("path", "body", "response"),
    [
        (
            "/anthropic/v1/messages",
            {"model": "claude-1", "max_tokens": 9, "messages": MESSAGES},
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "claude-1",
                "content": [{"type": "text", "text": "On its way."}],
                "stop_reason": "end_turn",
                "usage": {"input_tokens": 5, "output_tokens": 4},
            },
        ),
        (
            "/gemini/v1beta/models/gemini-1:generateContent",
            {"contents": [{"role": "user", "parts": [{"text": "Where is order 7?"}]}]},
            {
                "candidates": [
                    {"content": {"role": "model", "parts": [{"text": "On its way."}]}, "finishReason": "STOP"}
                ]
            },
        ),
        (
            "/openai/v1/responses",
            {"model": "gpt-4o", "input": "Where is order 7?"},
            {
                "id": "resp_1",
                "object": "response",
                "model": "gpt-4o",
                "output": [
                    {
                        "type": "message",
                        "role": "assistant",
                        "content": [{"type": "output_text", "text": "On its way."}],
                    }
                ],
            },
        ),
    ],
    ids=["anthropic", "gemini", "responses"],
)
def test_chat_of_every_wire_becomes_an_example(
    gateway: Gateway, vendor: Upstream, path: str, body: dict[str, Any], response: dict[str, Any]
) -> None:
    vendor.answers(answer(json.dumps(response).encode(), JSON))
    ask(gateway, request(path, json.dumps(body).encode(), JSON))
    (call,) = gateway.stored()
    assert call["not_captured"] is None
    (example,) = DistillationDataCollector().find_examples()
    assert (example["prompt"], example["response"]) == ("Where is order 7?", "On its way.")
    assert example["model_used"] == call["model"] == body.get("model", "gemini-1")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_answer_is_read_as_servers_compress_it(gateway: Gateway, vendor: Upstream, encoding: str) -> None:
    """In several members of gzip, and as deflate without the frame that it should have."""
    text = json.dumps(CHAT).encode()
    written = gzip.compress(text[:30]) + gzip.compress(text[30:]) if encoding == "gzip" else zlib.compress(text)[2:-4]
    vendor.answers(answer(written, JSON, f"Content-Encoding: {encoding}".encode()))
    body = json.dumps({"model": "gpt-4o", "messages": MESSAGES}).encode()
    assert ask(gateway, request(f"/openai{CHAT_PATH}", body, JSON))[1] == written
    (call,) = gateway.stored()
    assert (call["prompt_tokens"], call["not_captured"]) == (1000, None)


def test_what_is_no_whole_chat_is_recorded_with_the_reason(gateway: Gateway, vendor: Upstream) -> None:
    embedding = {"object": "list", "data": [{"embedding": [1.0]}], "model": "e", "usage": {"prompt_tokens": 3}}
    asked = json.dumps({"model": "gpt-4o", "messages": MESSAGES}).encode()
    for path, reply in (
        ("embeddings", answer(json.dumps(embedding).encode(), JSON)),
        ("chat/completions", answer(b'{"error": {"message": "slow down"}}', JSON, status=b"429 Too Many Requests")),
        ("chat/completions", answer(b"not gzip", JSON, b"Content-Encoding: gzip")),
        ("chat/completions", answer(b"{", JSON)),
    ):
        vendor.answers(reply)
        ask(gateway, request(f"/openai/v1/{path}", asked, JSON))
    vendor.answers(answer(json.dumps(CHAT).encode(), JSON))
    blank = (b"x-ft-conversation:  ", b"x-ft-unit:", b"x-ft-id: ")
    ask(gateway, request("/openai/v1/embeddings", b'{"input": "Where?"}', JSON, *blank))
    for no in (b"off", b"OFF", b"false", b"0", b"never"):
        ask(gateway, request("/openai/v1/chat/completions", asked, JSON, b"x-ft-capture: " + no))
    stored = gateway.stored()
    assert [(call["status"], call["example_id"]) for call in stored] == [
        (200, None),
        (429, None),
        (200, None),
        (200, None),
        (200, None),
    ]
    assert [call["is_whole"] for call in stored] == [True, True, False, False, True]
    assert stored[-1]["not_captured"] == "it is no chat"
    assert [stored[-1][name] for name in ("conversation", "unit", "own_id")] == [None] * 3  # type: ignore[literal-required]
    assert all(call["not_captured"] for call in stored)
    assert DistillationDataCollector().find_examples() == []


@pytest.mark.parametrize("count", [b"-5", b"1e400", b"NaN", b"99999999999999999999", b'"7"'])
def test_call_with_an_impossible_number_of_tokens_is_stored_without_it(
    gateway: Gateway, vendor: Upstream, count: bytes
) -> None:
    vendor.answers(answer(json.dumps(CHAT).encode().replace(b"1000", count), JSON))
    ask(gateway, request("/openai/v1/chat/completions", json.dumps({"model": "m", "messages": MESSAGES}).encode()))
    (call,) = gateway.stored()
    assert (call["status"], call["example_id"] is not None, call["prompt_tokens"]) == (200, True, None)


def test_calls_belong_to_the_project_of_their_key(gateway: Gateway, vendor: Upstream) -> None:
    vendor.answers(answer(json.dumps(CHAT).encode(), JSON))
    key, _ = authentication.create(open_database(), "app", "shop")
    body = json.dumps({"model": "gpt-4o", "messages": MESSAGES}).encode()
    ask(gateway, request("/openai/v1/chat/completions", body, JSON, f"x-ft-key: {key}".encode()))
    (call,) = gateway.stored()
    assert call["project"] == "shop"
    assert len(DistillationDataCollector(project="shop").find_examples()) == 1
    assert DistillationDataCollector(project="default").find_examples() == []


def kept(content: bytes) -> KeptBody:
    body = KeptBody(BodyLimits(1 << 20, MemoryBudget(1 << 20)))
    assert body.add(content)
    return body


def exchange(number: int) -> Exchange:
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": f"Question {number}"}]}).encode()
    limits = BodyLimits(10_000, MemoryBudget(10_000))
    made = Exchange(f"call_{number}", "default", "openai", "http://a.example", "POST", CHAT_PATH, {}, limits)
    made.keep_request(body)
    made.has_response(200, [])
    made.keep_response(json.dumps(CHAT).encode())
    made.is_whole = made.is_delivered = True
    made.end()
    return made


@pytest.mark.parametrize("model", ["gpt-4o", "triage"])
def test_client_that_leaves_at_the_last_event_has_the_whole_answer(
    gateway: Gateway, vendor: Upstream, model: str
) -> None:
    """As OpenAI's SDKs do: the end of the body may come later, in a packet of its own."""
    save()
    vendor.answers(STREAM, event({"content": "On its way."}), event({}, "stop"), chunk(b"data: [DONE]\n\n"), 60.0)
    with OpenAI(base_url=f"{gateway.address}/openai/v1", api_key="sk") as client:
        assert len(list(client.chat.completions.create(model=model, messages=MESSAGES, stream=True))) == 2
    assert vendor.left.wait(30)
    (call,) = gateway.stored()
    assert (call["is_whole"], call["is_delivered"], call["example_id"] is None) == (True, True, False)
    assert not call["is_cancelled"]


@pytest.mark.parametrize(
    ("last", "is_whole"),
    [
        (b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n', True),
        (b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: {"choices":[],"usage":{"n":1}}\n\n', True),
        (b"data:[DONE]\n\n", True),
        (b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n', True),
        (b'event: message_stop\ndata: {"type": "message_stop"}\n\n', True),
        (b'data: {"type":"response.completed","response":{"status":"completed"}}\n\n', True),
        (b'data: {"candidates": [{"content": {"parts": []},"finishReason": "STOP"}]}\r\n\r\n', True),
        (b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":null}]}\n\n', False),
        (b'data: {"type":"message_start","message":{"stop_reason":null}}\n\n', False),
        (
            b'data: {"choices":[{"delta":{"content":"say data: [DONE] and \\"finish_reason\\": \\"stop\\""}}]}\n\n',
            False,
        ),
        (b"", False),
    ],
)
@pytest.mark.parametrize("encoding", ["", "gzip", "br", "none-such"])
def test_client_that_leaves_has_the_whole_answer_once_the_model_has_ended(
    last: bytes, is_whole: bool, encoding: str
) -> None:
    limits = BodyLimits(1 << 20, MemoryBudget(2 << 20))
    found = Exchange("call_1", "default", "openai", "http://a.example", "POST", CHAT_PATH, {}, limits)
    found.has_response(200, [(b"content-encoding", encoding.encode())] if encoding else [])
    for piece in packed(b'data: {"a": 1}\n\n' * 9000 + last, encoding):
        found.keep_response(piece)
    found.was_left()
    is_known = is_whole and encoding != "none-such"
    assert (found.is_whole, found.is_delivered, found.is_cancelled) == (is_known, is_known, not is_known)


def packed(text: bytes, encoding: str) -> list[bytes]:
    """A stream of which the end is missing, as far as what was said so far is flushed."""
    if encoding == "gzip":
        writer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
        return [writer.compress(text), writer.flush(zlib.Z_SYNC_FLUSH)]
    if encoding == "br":
        packer = brotli.Compressor()
        return [packer.process(text), packer.flush()]
    return [text]


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/openai/deployments/gpt-4o/chat/completions", "gpt-4o"),
        ("/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro"),
        ("/v1/files", None),
    ],
)
def test_model_of_a_failed_call_is_that_of_its_path(
    workspace: Path, spool: Recorder, path: str, model: str | None
) -> None:
    failed = exchange(1)
    failed.path, failed.status = path, 500
    failed.request, failed.response = kept(b"{}"), kept(b"{}")
    spool.record(failed)
    spool.close()
    store_spool(open_workspace(), spool.folder)
    with open_workspace().database.read() as tx:
        assert [each["model"] for each in gateway_calls.newest(tx)] == [model]


def test_file_that_is_stored_twice_adds_nothing(database: Database, spool: Recorder) -> None:
    for number in range(3):
        spool.record(exchange(number))
    spool.close()
    (file,) = complete_files(spool.folder)
    kept = file.read_bytes()
    assert store_spool(open_workspace(), spool.folder) == 3
    assert not file.exists()
    file.write_bytes(kept + b'{"id": "call_half of a li')
    assert store_spool(open_workspace(), spool.folder) == 0
    assert {each["sightings"] for each in DistillationDataCollector().find_examples()} == {1}


def test_call_that_cannot_be_kept_keeps_no_other_from_it(database: Database, spool: Recorder) -> None:
    odd = ['{"a": ' * 400 + "1" + "}" * 400, '{"a": "\\u0000", "b": NaN}', "[" * 100_000, "\ud800\0", "[1]"]
    for number, metadata in enumerate(odd):
        made = exchange(number)
        made.tags = {"metadata": metadata, "unit": "\0", "domain": "\0" * 300}
        spool.record(made)
    spool.record(exchange(9))
    spool.close()
    (file,) = complete_files(spool.folder)
    file.write_bytes(file.read_bytes() + b'[1]\n{"id": "call_10"}\n\xff\n')
    assert store_spool(open_workspace(), spool.folder) == 6
    assert not file.exists()


def test_calls_beyond_the_limit_are_counted(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, Limits(waiting=3000))
    for number in range(100):
        recorder.record(exchange(number))
    recorder.close()
    kept = sum(len(path.read_bytes().splitlines()) for path in complete_files(tmp_path))
    assert kept > 0
    assert kept + recorder.dropped == 100


def test_calls_wait_while_the_spool_cannot_be_written(workspace: Path, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.write_text("no folder")
    recorder = Recorder(folder)
    recorder.record(exchange(1))
    time.sleep(3 * FLUSH_SECONDS)
    folder.unlink()
    recorder.record(exchange(2))
    wait_until(lambda: folder.is_dir() and any(folder.iterdir()))
    shutil.rmtree(folder)  # under the file that is being written
    time.sleep(SEGMENT_SECONDS)
    recorder.record(exchange(3))
    recorder.record(exchange(4))
    recorder.close()
    assert store_spool(open_workspace(), folder) == 2
    assert recorder.dropped == 0
    folder.rmdir()
    folder.write_text("no folder")
    last = Recorder(folder)
    last.record(exchange(5))
    last.close()
    assert last.dropped == 1


def test_calls_are_stored_when_the_server_is_told_to_end(
    warm_command: list[str], vendor: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_UPSTREAMS", json.dumps({"openai": vendor.address}))
    vendor.answers(answer(json.dumps(CHAT).encode(), JSON))
    command = [*warm_command, "serve", "--port", "0", "--slots", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = next(found[1] for line in process.stderr if (found := re.search(r"API at (http://[^ ,]+)/v1", line)))
        httpx2.post(f"{address}/openai{CHAT_PATH}", json={"model": "gpt-4o", "messages": MESSAGES})
        process.terminate()
        assert "Traceback" not in process.stderr.read()
    with open_database().read() as tx:
        assert [call["status"] for call in gateway_calls.newest(tx)] == [200]


def test_calls_of_a_killed_process_are_stored(workspace: Path, tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from fine_tuning.gateway.recorder import Recorder; "
        "from tests.gateway.test_recording import exchange; spool = Recorder(Path(sys.argv[1])); "
        "[spool.record(exchange(n)) for n in range(20)]; time.sleep(0.5); os.kill(os.getpid(), 9)"
    )
    folder = tmp_path / "spool"
    killed = subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, check=False)
    assert killed.returncode == -9
    assert [path.suffix for path in folder.iterdir()] == [".part"]
    assert store_spool(open_workspace(), folder) == 20
    assert list(folder.iterdir()) == []


def test_calls_that_a_kill_takes_are_counted_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from fine_tuning.gateway import recorder; "
        "from tests.gateway.test_recording import exchange; spool = recorder.Recorder(Path(sys.argv[1])); "
        "recorder.FLUSH_SECONDS = 60; [spool.record(exchange(n)) for n in range(20)]; time.sleep(0.5); "
        "[spool.record(exchange(n)) for n in range(20, 27)]; os.kill(os.getpid(), 9)"
    )
    folder = tmp_path / "spool"
    alive = Recorder(folder)
    alive.record(exchange(100))
    assert subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, check=False).returncode == -9
    first, second = Recorder(folder), Recorder(folder)
    assert (first.lost, second.lost) == (7, 0)  # nothing of the one that lives
    assert "7 calls were answered and not recorded, as the server was killed" in caplog.text
    for each in (alive, first, second):
        each.close()
    assert [*folder.with_name("spool-counts").iterdir()] == []
    assert Recorder(folder).lost == 0


def test_calls_are_recorded_where_they_cannot_be_counted(tmp_path: Path) -> None:
    (tmp_path / "spool-counts").write_text("no folder")
    recorder = Recorder(tmp_path / "spool")
    recorder.record(exchange(1))
    recorder.close()
    assert len(complete_files(tmp_path / "spool")) == 1
