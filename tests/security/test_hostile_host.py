"""Hosts of models that send bodies without end, endless pages, and values that are none: one line, and exit 1."""

from __future__ import annotations

import gzip
import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from fine_tuning._util import bounded_http, list_pages
from fine_tuning._util.hosts import Host
from fine_tuning.distillation import fetch_stored_completions
from fine_tuning.errors import ProviderError
from fine_tuning.registry import expiry
from fine_tuning.store import jobs
from fine_tuning.store.database import open_database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.account_export import export_account
from fine_tuning.workflows.account_export.account_lists import read_whole_list
from tests import wire
from tests.gateway.scripted_upstream import upstream
from tests.security.lying_host import LyingHost, Reply, as_json, lying_host

JOBS, FILES, MODELS = "/fine_tuning/jobs", "/files", "/models"
CONTENT = b'{"messages":[]}\n'
MODEL = {"id": "ft:gpt-4o:o:s:i", "object": "model", "created": 1, "owned_by": "o"}


def listed(*items: Any, more: bool = False) -> Reply:
    return as_json({"object": "list", "data": list(items), "has_more": more})


def endless() -> Iterator[bytes]:
    return itertools.repeat(b" " * (1 << 16))


@pytest.fixture
def liar(monkeypatch: pytest.MonkeyPatch) -> Iterator[LyingHost]:
    """An honest account of one job, until a test changes a reply."""
    with lying_host() as found:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        found.replies |= {
            JOBS: lambda _: listed(wire.job(status="succeeded")),
            FILES: lambda _: listed(wire.file(bytes=len(CONTENT))),
            MODELS: lambda _: listed(MODEL),
            f"{FILES}/file-1/content": lambda _: Reply([CONTENT]),
            f"{JOBS}/ftjob-abc123/checkpoints": lambda _: listed(),
        }
        yield found


@pytest.fixture
def export(cli: Any, liar: LyingHost) -> Any:
    return lambda: cli("openai", "export", "--base-url", liar.url)


UNUSABLE = {
    "endless": Reply(endless()),
    "gzip bomb": Reply([gzip.compress(b" " * (1 << 28), 1)], headers={"Content-Encoding": "gzip"}),
    "half of JSON": Reply([b'{"data":[']),
    "no UTF-8": Reply([b'{"data":"\xff"}']),
    "a page": Reply([b"<html>"], headers={"Content-Type": "text/html"}),
    "nothing": Reply([], 204),
    "nested": Reply([b'{"data":' + b"[" * 200_000]),
    "digits": Reply([b'{"data":[{"id":"a","created":' + b"9" * 5000 + b"}]}"]),
    "an array": as_json([]),
    "a string": as_json("x"),
    "data is a number": as_json({"data": 5}),
    "data is a string": as_json({"data": "abc"}),
}


@pytest.mark.parametrize("reply", UNUSABLE.values(), ids=[*UNUSABLE])
def test_export_unusable_response_is_one_line(liar: LyingHost, export: Any, reply: Reply) -> None:
    liar.replies[MODELS] = lambda _: reply
    code, out, err = export()
    assert (code, out.strip()) == (1, "")
    assert liar.url in err.splitlines()[-1]
    assert sum("/models" in path for path, _ in liar.asked) == 1, "what is no JSON is not asked for again"


ODD_JOBS = [
    *({"created_at": value} for value in (10**20, -(10**20), "x", float("nan"), 1e300)),
    *({"finished_at": value} for value in (10**20, [])),
    *({"id": value} for value in ("", ".", "..", None, 5, {"a": 1}, ["a"], "a\x00b", "a\ud800", "x" * 10_000)),
    *({"training_file": value} for value in ("", ".", None, 5)),
    *(
        {name: 5}
        for name in ("fine_tuned_model", "model", "status", "hyperparameters", "method", "error", "result_files")
    ),
    {"status": "odd"},
    {"result_files": [5]},
    {"trained_tokens": 10**30},
    {"seed": 10**30},
]


@pytest.mark.parametrize("name", [".", ".."])
@pytest.mark.parametrize("command", ["watch", "events", "pause", "resume", "cancel"])
def test_job_whose_id_leads_to_another_address_is_one_line(
    liar: LyingHost, cli: Any, monkeypatch: pytest.MonkeyPatch, command: str, name: str
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", liar.url)
    code, _, err = cli("jobs", command, name)
    assert (code, len(err.splitlines())) == (1, 1), err
    assert f"{liar.url}, " in err
    assert liar.asked == []


def test_export_odd_jobs_are_named_and_left_out(liar: LyingHost) -> None:
    good = wire.job(id="ftjob-good", status="failed")
    odd = [wire.job(id=f"odd-{number}", status="failed") | each for number, each in enumerate(ODD_JOBS)]
    liar.replies[JOBS] = lambda _: listed(*odd, good)
    missing = export_account(open_workspace(), base_url=liar.url).missing
    assert sum(each.startswith("job ") and not each.startswith("job of") for each in missing) == len(ODD_JOBS), missing
    with open_database().read() as tx:
        assert [job["id"] for job in jobs.newest(tx, limit=100)] == ["ftjob-good"]


def test_export_file_stops_at_announced_size(liar: LyingHost, export: Any, workspace: Any) -> None:
    sent: list[int] = []
    body = (sent.append(len(piece)) or piece for piece in endless())
    liar.replies[f"{FILES}/file-1/content"] = lambda _: Reply(body)
    code, out, err = export()
    assert code == 0
    assert f"more than the {len(CONTENT)} bytes" in out + err
    assert sum(sent) < 64 << 20
    assert list((workspace / "files").iterdir()) == []


def test_list_of_endless_pages_is_one_line(liar: LyingHost) -> None:
    numbers = itertools.count()
    liar.replies[FILES] = lambda _: listed(wire.file(id=f"file-{next(numbers)}"), more=True)
    with Host(liar.url).client(max_retries=0) as client, pytest.raises(ProviderError, match="no end of files"):
        read_whole_list(Host(liar.url), "files", client.files.list, max_pages=20)


def stored(number: object) -> dict[str, Any]:
    return {**wire.completion("a", "m"), "id": f"chatcmpl-{number}"}


@pytest.mark.parametrize("is_new", [True, False])
def test_stored_completions_without_end_are_read_to_a_limit(liar: LyingHost, is_new: bool) -> None:
    number = itertools.count()
    liar.replies["/chat/completions"] = lambda _: listed(stored(next(number) if is_new else 1), more=True)
    liar.replies |= {f"/chat/completions/chatcmpl-{each}/messages": lambda _: listed() for each in range(9)}
    with Host(liar.url).client(max_retries=0) as client:
        found = list_pages.listed(Host(liar.url), "completions", client.chat.completions.list(), max_pages=5)
        if is_new:
            with pytest.raises(ProviderError, match="no end of completions: 5 pages"):
                list(found)
        else:
            assert len(list(found)) == 1
    if not is_new:
        assert len(list(fetch_stored_completions.fetch(Host(liar.url)))) == 1


def test_messages_without_end_are_read_once(liar: LyingHost) -> None:
    liar.replies["/chat/completions"] = lambda _: listed(stored(1))
    message = {"id": "m-1", "role": "user", "content": "Hi"}
    liar.replies["/chat/completions/chatcmpl-1/messages"] = lambda _: listed(message, more=True)
    (row,) = fetch_stored_completions.fetch(Host(liar.url))
    assert json.loads(row.text or b"")["messages"] == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("item", [5, "x", None, {}, {"id": 5}])
def test_models_that_are_none_have_no_date(liar: LyingHost, item: object) -> None:
    liar.replies[MODELS] = lambda _: listed(item, {**MODEL, "shutdown_date": "2027-01-01"})
    outcome = expiry.refresh(open_database(), open_workspace().settings, [liar.url])
    assert outcome[Host(liar.url).url] == 1


@pytest.mark.parametrize("item", [wire.file(), wire.file(id=""), wire.file(id=5), 5])
def test_list_that_repeats_a_page_ends(liar: LyingHost, item: Any) -> None:
    liar.replies[FILES] = lambda _: listed(item, more=True)
    with Host(liar.url).client(max_retries=0) as client:
        assert len(read_whole_list(Host(liar.url), "files", client.files.list)) <= 2
    assert len(liar.asked) <= 2


def test_response_that_drips_ends(liar: LyingHost) -> None:
    from openai import OpenAI

    def drip() -> Iterator[bytes]:
        while True:
            yield b" "
            time.sleep(0.02)

    liar.replies[MODELS] = lambda _: Reply(drip())
    with (
        bounded_http.BoundedClient(max_seconds=0.2) as connections,
        OpenAI(base_url=liar.url, api_key="x", http_client=connections) as client,
        pytest.raises(ProviderError, match=r"within 0\.2 s"),
    ):
        client.models.list()


@pytest.mark.parametrize("sent", [b"HTTP/1.1 100 Continue\r\n\r\n", b"X-A: 1\r\n", b"x"])
def test_response_that_never_begins_ends(sent: bytes) -> None:
    from openai import APITimeoutError, OpenAI

    with upstream() as slow:
        first = b"HTTP/1.1 200 OK\r\n" if sent == b"X-A: 1\r\n" else b""
        slow.answers(first, *[sent, 0.02] * 500)
        with (
            bounded_http.BoundedClient(max_seconds=0.3) as connections,
            OpenAI(base_url=slow.address, api_key="x", http_client=connections, max_retries=0) as client,
            pytest.raises(APITimeoutError),
        ):
            client.models.list()
        assert slow.left.wait(5)


def test_redirect_elsewhere_takes_no_key_along(liar: LyingHost, export: Any) -> None:
    with lying_host() as other:
        other.replies[MODELS] = lambda _: listed()
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        liar.replies[MODELS] = lambda _: Reply([], 302, {"Location": f"{elsewhere}/models"})
        export()
        assert all("sk-secret" not in str(headers) for _, headers in other.asked)
