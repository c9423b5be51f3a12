"""Batches of requests, with the real server and the real SDK."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types import Batch
from sqlalchemy import select, update

from fine_tuning.server import authentication, batch_lines
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.serving.llama_cpp_engine import SLOTS
from fine_tuning.store import batch_queue, batches, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database, open_database
from tests.server.conftest import ALIAS, client_of, listening

CHAT, RESPONSES, EMBEDDINGS = "/v1/chat/completions", "/v1/responses", "/v1/embeddings"
ENDED = {"completed", "failed", "expired", "cancelled"}
Row = dict[str, Any]


def chat(number: int, **fields: Any) -> Row:
    messages = [{"role": "user", "content": f"Add {number} and 2."}]
    return {"model": ALIAS, "messages": messages, "max_tokens": 4, "temperature": 0} | fields


def line(number: int, body: Row, url: str = CHAT) -> Row:
    return {"custom_id": f"r-{number}", "method": "POST", "url": url, "body": body}


def upload(client: OpenAI, rows: Iterable[Row] | bytes) -> str:
    content = rows if isinstance(rows, bytes) else "".join(json.dumps(row) + "\n" for row in rows).encode()
    return client.files.create(file=("requests.jsonl", content), purpose="batch").id


def create(client: OpenAI, rows: Iterable[Row] | bytes, endpoint: Any = CHAT, **fields: Any) -> Batch:
    made = upload(client, rows)
    return client.batches.create(input_file_id=made, endpoint=endpoint, completion_window="24h", **fields)


def wait(client: OpenAI, batch_id: str, is_done: Callable[[Batch], bool] = lambda each: each.status in ENDED) -> Batch:
    deadline = time.monotonic() + 120
    while not is_done(batch := client.batches.retrieve(batch_id)):
        assert time.monotonic() < deadline, batch
        threading.Event().wait(0.05)
    return batch


def results(client: OpenAI, file_id: str | None) -> dict[str, Row]:
    assert file_id is not None
    rows = [json.loads(text) for text in client.files.content(file_id).text.splitlines()]
    found = {row["custom_id"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def test_batch_is_answered_as_its_requests_are(client: OpenAI) -> None:
    made = create(client, [line(n, chat(n)) for n in range(20)], metadata={"kind": "sums"})
    assert (made.status, made.object, made.metadata) == ("validating", "batch", {"kind": "sums"})
    assert made.expires_at == made.created_at + 24 * 3600
    done = wait(client, made.id)
    assert (done.status, done.errors, done.error_file_id, done.model) == ("completed", None, None, ALIAS)
    assert done.request_counts is not None
    assert done.request_counts.model_dump() == {"total": 20, "completed": 20, "failed": 0}
    assert all((done.in_progress_at, done.finalizing_at, done.completed_at))
    assert done.output_file_id is not None
    file = client.files.retrieve(done.output_file_id)
    assert (file.purpose, file.filename) == ("batch_output", f"{done.id}_output.jsonl")
    found = results(client, done.output_file_id)
    assert [*found] == [f"r-{n}" for n in range(20)]
    first = found["r-0"]
    assert first["id"].startswith("batch_req_")
    assert first["error"] is None
    assert (first["response"]["status_code"], first["response"]["request_id"][:4]) == (200, "req_")
    direct = client.chat.completions.create(**chat(0))
    assert first["response"]["body"]["choices"] == direct.to_dict()["choices"]
    assert done.usage is not None
    usages = [row["response"]["body"]["usage"] for row in found.values()]
    assert done.usage.input_tokens == sum(each["prompt_tokens"] for each in usages)
    assert done.usage.total_tokens == sum(each["total_tokens"] for each in usages)


def test_every_endpoint_answers_batches(client: OpenAI) -> None:
    bodies: list[tuple[str, Row, str]] = [
        (RESPONSES, {"model": ALIAS, "input": "Hello", "max_output_tokens": 16}, "response"),
        (EMBEDDINGS, {"model": "wordllama", "input": "Hello"}, "list"),
        ("/v1/completions", {"model": ALIAS, "prompt": "Hello", "max_tokens": 3}, "text_completion"),
    ]
    made = [(create(client, [line(n, body, url) for n in range(3)], url), kind) for url, body, kind in bodies]
    for batch, kind in made:
        done = wait(client, batch.id)
        assert done.status == "completed"
        found = results(client, done.output_file_id).values()
        assert [row["response"]["body"]["object"] for row in found] == [kind] * 3
        assert done.usage is not None
        assert done.usage.input_tokens > 0


def test_failed_requests_are_in_the_error_file_as_the_endpoint_answers_them(address: str, client: OpenAI) -> None:
    wrong = {1: chat(1, temperature=9), 3: chat(3, party=True), 5: chat(5, max_tokens=0), 6: chat(6, messages=[])}
    done = wait(client, create(client, [line(n, wrong.get(n, chat(n))) for n in range(8)]).id)
    assert done.status == "completed"
    assert done.request_counts is not None
    assert done.request_counts.model_dump() == {"total": 8, "completed": 4, "failed": 4}
    assert [*results(client, done.output_file_id)] == ["r-0", "r-2", "r-4", "r-7"]
    failed = results(client, done.error_file_id)
    assert [*failed] == [f"r-{n}" for n in wrong]
    for number, body in wrong.items():
        direct = httpx.post(f"{address}/chat/completions", json=body)
        response = failed[f"r-{number}"]["response"]
        assert (response["status_code"], response["body"]) == (direct.status_code, direct.json())


def test_stored_answers_of_a_batch_are_captured(client: OpenAI) -> None:
    texts = ["How do I open the invoice page of the shop?", "Which chart compares four quarters best?"]
    rows = [
        line(n, chat(n, store=True, metadata={"run": "b"}) | {"messages": [{"role": "user", "content": text}]})
        for n, text in enumerate(texts)
    ]
    assert wait(client, create(client, rows).id).status == "completed"
    stored = client.chat.completions.list(metadata={"run": "b"})
    assert sorted(client.chat.completions.messages.list(each.id).data[0].content or "" for each in stored) == sorted(
        texts
    )


GOOD = json.dumps(line(1, chat(1))).encode()
INVALID: list[tuple[bytes, list[tuple[str, int | None]]]] = [
    (b"", [("empty_file", None)]),
    (b"\n \n", [("empty_file", None)]),
    (GOOD + b"\n{oops\n[]\n\xff\n", [("invalid_json_line", 2), ("invalid_json_line", 3), ("invalid_json_line", 4)]),
    (b'{"a":' * 5000 + b"1" + b"}" * 5000, [("invalid_json_line", 1)]),
    (GOOD + b"\n\n" + GOOD, [("duplicate_custom_id", 3)]),
    (json.dumps({**line(1, chat(1)), "custom_id": None}).encode(), [("missing_required_parameter", 1)]),
    (json.dumps({**line(1, chat(1)), "custom_id": 7}).encode(), [("invalid_custom_id", 1)]),
    (json.dumps({**line(1, chat(1)), "method": "GET"}).encode(), [("invalid_method", 1)]),
    (json.dumps(line(1, chat(1), RESPONSES)).encode(), [("mismatched_url", 1)]),
    (json.dumps({**line(1, chat(1)), "extra": 1}).encode(), [("unknown_parameter", 1)]),
    (json.dumps({**line(1, chat(1)), "body": []}).encode(), [("invalid_body", 1)]),
    (json.dumps(line(1, {"messages": []})).encode(), [("missing_required_parameter", 1)]),
    (json.dumps(line(1, chat(1, stream=True))).encode(), [("invalid_request", 1)]),
    (json.dumps(line(1, chat(1, model="none"))).encode(), [("model_not_found", 1)]),
    (json.dumps(line(1, chat(1, model="\ud800\0"))).encode(), [("model_not_found", 1)]),
    (json.dumps(line(1, chat(1, model="wordllama"))).encode(), [("unsupported_model", 1)]),
    (GOOD + b"\n" + json.dumps(line(2, chat(2, model="wordllama"))).encode(), [("mismatched_model", 2)]),
]


@pytest.mark.parametrize(("content", "expected"), INVALID, ids=range(len(INVALID)))
def test_invalid_file_fails_with_its_lines(
    client: OpenAI, content: bytes, expected: list[tuple[str, int | None]]
) -> None:
    done = wait(client, create(client, content or b"\n").id)
    assert done.status == "failed"
    assert done.failed_at is not None
    assert done.errors is not None
    assert done.errors.object == "list"
    found = done.errors.data or []
    assert [(each.code, each.line) for each in found] == expected
    assert all(each.message for each in found)
    assert (done.output_file_id, done.error_file_id, done.usage) == (None, None, None)


def test_too_many_requests_fail(client: OpenAI) -> None:
    rows = (line(n, {"model": "wordllama", "input": "a"}, EMBEDDINGS) for n in range(batch_lines.MAX_REQUESTS + 1))
    done = wait(client, create(client, rows, EMBEDDINGS).id)
    assert done.errors is not None
    assert [(each.code, each.line) for each in done.errors.data or []] == [("too_many_requests", None)]


def test_line_longer_than_a_request_may_be_fails(tiny_model_dir: Path) -> None:
    with listening(ServerConfig(aliases={ALIAS: str(tiny_model_dir)}, max_body_bytes=1000)) as address:
        client = client_of(address)
        rows = [line(1, chat(1)), line(2, chat(2, user="x" * 5000)), line(3, chat(3, temperature="?", stream=True))]
        done = wait(client, create(client, rows).id)
    assert done.errors is not None
    assert [(each.code, each.line) for each in done.errors.data or []] == [
        ("request_too_large", 2),
        ("invalid_request", 3),
    ]


def test_create_refuses_what_cannot_run(client: OpenAI) -> None:
    good = upload(client, [line(1, chat(1))])
    other = client.files.create(file=("x.jsonl", b"{}"), purpose="fine-tune").id
    base: Row = {"input_file_id": good, "endpoint": CHAT, "completion_window": "24h"}
    lifetime = {"anchor": "created_at", "seconds": 5}
    for wrong, param in [
        ({"input_file_id": other}, "input_file_id"),
        ({"endpoint": "/v1/moderations"}, "endpoint"),
        ({"completion_window": "1h"}, "completion_window"),
        ({"metadata": {"a": "b" * 600}}, "metadata.a"),
        ({"metadata": {"a": "\0"}}, "metadata"),
        ({"output_expires_after": lifetime}, "output_expires_after.seconds"),
        ({"extra_body": {"priority": 1}}, "priority"),
    ]:
        with pytest.raises(openai.BadRequestError) as caught:
            client.batches.create(**{**base, **wrong})
        assert caught.value.param == param
    with pytest.raises(openai.NotFoundError):
        client.batches.create(**{**base, "input_file_id": "file-none"})
    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve("batch_none")
    assert client.batches.list().data == []


def test_output_expires_when_asked(client: OpenAI) -> None:
    made = create(client, [line(1, chat(1))], output_expires_after={"anchor": "created_at", "seconds": 3600})
    file_id = wait(client, made.id).output_file_id
    assert file_id is not None
    file = client.files.retrieve(file_id)
    assert file.expires_at == file.created_at + 3600


def test_list_has_pages(client: OpenAI) -> None:
    made = [create(client, [line(1, chat(1))]).id for _ in range(5)]
    assert [each.id for each in client.batches.list(limit=2)] == made[::-1]
    page = client.batches.list(limit=2, after=made[3])
    assert ([each.id for each in page.data], page.has_more) == ([made[2], made[1]], True)
    with pytest.raises(openai.BadRequestError):
        client.batches.list(after="batch_none")


def test_batches_belong_to_their_project(address: str) -> None:
    keys = [authentication.create(open_database(), name, name)[0] for name in ("one", "two")]
    one, two = (client_of(address, key) for key in keys)
    done = wait(one, create(one, [line(n, chat(n, store=True, metadata={"run": "p"})) for n in range(2)]).id)
    assert done.status == "completed"
    assert done.output_file_id is not None
    assert len(one.chat.completions.list(metadata={"run": "p"}).data) == 2
    assert two.batches.list().data == two.chat.completions.list(metadata={"run": "p"}).data == []
    for call in (two.batches.retrieve, two.batches.cancel):
        with pytest.raises(openai.NotFoundError):
            call(done.id)
    with pytest.raises(openai.NotFoundError):
        two.files.content(done.output_file_id)
    with pytest.raises(openai.NotFoundError):
        two.batches.create(input_file_id=done.input_file_id, endpoint=CHAT, completion_window="24h")


LONG = 1500  # tokens: many seconds


def test_cancel_stops_soon_and_keeps_what_was_answered(client: OpenAI) -> None:
    rows = [line(n, chat(n, max_tokens=4 if n < 10 else LONG)) for n in range(200)]
    made = create(client, rows)
    with pytest.raises(openai.BadRequestError, match="in use by batch_"):
        client.files.delete(made.input_file_id)
    wait(client, made.id, lambda each: each.request_counts is not None and each.request_counts.completed >= 5)
    began = time.monotonic()
    assert client.batches.cancel(made.id).status in {"cancelling", "cancelled"}
    done = wait(client, made.id)
    assert time.monotonic() - began < 3
    assert (done.status, done.error_file_id) == ("cancelled", None)
    assert done.cancelling_at
    assert done.cancelled_at
    assert done.request_counts is not None
    assert 5 <= len(results(client, done.output_file_id)) == done.request_counts.completed < done.request_counts.total
    assert client.batches.cancel(made.id).status == "cancelled"
    client.files.delete(made.input_file_id)
    ended = wait(client, create(client, [line(1, chat(1))]).id)
    with pytest.raises(openai.BadRequestError, match="Cannot cancel a batch with status 'completed'"):
        client.batches.cancel(ended.id)


def test_batch_expires_with_its_unanswered_requests_in_the_error_file(client: OpenAI) -> None:
    made = create(client, [line(n, chat(n, max_tokens=4 if n < 10 else LONG)) for n in range(30)])
    wait(client, made.id, lambda each: each.request_counts is not None and each.request_counts.completed >= 5)
    with open_database().write() as tx:
        tx.execute(update(tables.batches).values(expires_at=now()))
    done = wait(client, made.id)
    assert done.status == "expired"
    assert done.expired_at
    answered, expired = results(client, done.output_file_id), results(client, done.error_file_id)
    assert sorted([*answered, *expired]) == sorted(f"r-{n}" for n in range(30))
    assert {(row["response"], row["error"]["code"]) for row in expired.values()} == {(None, "batch_expired")}
    assert done.request_counts is not None
    assert (done.request_counts.completed, done.request_counts.failed) == (len(answered), len(expired))


def test_clients_and_cancellations_do_not_wait_for_a_long_batch(client: OpenAI) -> None:
    made = create(client, [line(n, chat(n, max_tokens=LONG)) for n in range(40)])
    wait(client, made.id, lambda each: each.status == "in_progress")
    small, other = (
        create(client, [line(n, {"model": "wordllama", "input": "a"}, EMBEDDINGS) for n in range(20)], EMBEDDINGS)
        for _ in range(2)
    )
    assert client.chat.completions.create(**chat(1)).choices
    began = time.monotonic()
    client.batches.cancel(other.id)
    assert wait(client, other.id).status in {"cancelled", "completed"}
    assert time.monotonic() - began < 3
    client.batches.cancel(made.id)
    assert wait(client, small.id).status == "completed"
    assert wait(client, made.id).status == "cancelled"


@contextmanager
def process(command: list[str]) -> Iterator[tuple[OpenAI, subprocess.Popen[str]]]:
    """A server in a process of its own, and a client of it."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as running:
        assert running.stderr is not None
        found = next(found for told in running.stderr if (found := re.search(r"API at (http://[^ ,]+)", told)))
        threading.Thread(target=running.stderr.read, daemon=True).start()
        try:
            yield client_of(found[1]), running
        finally:
            running.kill()


def answered_times(database: Database) -> Counter[str]:
    """How often each question was answered, of the answers whose text can be stored."""
    with database.read() as tx:
        return Counter(
            request["messages"][0]["content"] for request in tx.scalars(select(tables.completions.c.request))
        )


@pytest.mark.parametrize("signal", ["kill", "terminate"])
def test_batch_of_a_killed_server_goes_on_where_it_was(
    signal: str, database: Database, tiny_model_dir: Path, warm_command: list[str]
) -> None:
    command = [*warm_command, "serve", "--slots", "0", "--port", "0", "--alias", f"{ALIAS}={tiny_model_dir}"]
    total = 40
    with process(command) as (client, running):
        made = create(client, [line(n, chat(n, max_tokens=200, store=True)) for n in range(total)])
        wait(client, made.id, lambda each: each.request_counts is not None and each.request_counts.completed >= 10)
        getattr(running, signal)()
        running.wait()
    with database.read() as tx:
        row = batches.in_project(tx, "default", made.id)
        recorded = batch_queue.lines_with_result(tx, made.id)
    assert row is not None
    assert (row["status"], row["completed"], row["worker"] is None) == (
        "in_progress",
        len(recorded),
        signal == "terminate",
    )
    assert 10 <= len(recorded) < total
    with process(command) as (client, _):
        done = wait(client, made.id)
        assert done.request_counts is not None
        assert done.request_counts.model_dump() == {"total": total, "completed": total, "failed": 0}
        assert [*results(client, done.output_file_id)] == [f"r-{n}" for n in range(total)]
    times = answered_times(database)
    assert all(times[f"Add {number - 1} and 2."] <= 1 for number in recorded)
    assert sum(times.values()) <= total + 2 * SLOTS  # only what was under way is answered again
    with database.read() as tx:
        assert batch_queue.lines_with_result(tx, made.id) == set()


def test_two_servers_share_the_batches_and_answer_nothing_twice(
    database: Database, config: ServerConfig, workspace: Path
) -> None:
    with listening(config) as one, listening(config) as two:
        clients = [client_of(one), client_of(two)]
        made = [
            create(clients[n % 2], [line(k, chat(5 * n + k, store=True)) for k in range(5)], metadata={"n": str(n)})
            for n in range(12)
        ]
        for batch in made:
            done = wait(clients[0], batch.id)
            assert [*results(clients[1], done.output_file_id)] == [f"r-{k}" for k in range(5)]
    assert set(answered_times(database).values()) == {1}
