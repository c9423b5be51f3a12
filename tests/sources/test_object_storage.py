"""Rows in object storage, from a server that speaks S3's wire."""

from __future__ import annotations

import gzip
import json
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fine_tuning import sources
from fine_tuning.errors import DataError, NotFoundError
from tests.datasets.test_building import build, chat, question

ROWS = "".join(json.dumps(chat(question(n), "x" * 300)) + "\n" for n in range(3000)).encode()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server with a bucket of two files."""
    from moto.server import ThreadedMotoServer

    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    made.start()
    host, port = made.get_host_and_port()
    address = f"http://{host}:{port}"
    for path, body in (("", b""), ("/day/a.jsonl", ROWS), ("/day/b.jsonl.gz", gzip.compress(ROWS)), ("/other.txt", b"x")):
        urllib.request.urlopen(urllib.request.Request(f"{address}/calls{path}", body, method="PUT")).close()
    yield address
    made.stop()


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    """What S3's clients look for."""
    for name, value in (
        ("AWS_ENDPOINT_URL", server),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ):
        monkeypatch.setenv(name, value)


def test_files_prefixes_and_globs() -> None:
    assert sources.expand(["s3://calls/day/"]) == ["s3://calls/day/a.jsonl", "s3://calls/day/b.jsonl.gz"]
    assert sources.expand(["s3://calls/day/*.jsonl"]) == ["s3://calls/day/a.jsonl"]
    assert sum(1 for _ in sources.read_all(sources.expand(["s3://calls/day/"]))) == 6000
    made = build("remote", ["s3://calls/day/"], validation=0, test=0, near_duplicates=None)
    assert (made["counts"]["read"], made["counts"]["kept"]) == (6000, 3000)
    assert made["sources"] == ["s3://calls/day/a.jsonl", "s3://calls/day/b.jsonl.gz"]


@pytest.mark.parametrize(
    ("address", "kind", "said"),
    [
        ("s3://calls/none.jsonl", NotFoundError, "no file at s3://calls/none.jsonl"),
        ("s3://calls/none/", NotFoundError, "no file at s3://calls/none/"),
        ("s3://nobody/x.jsonl", NotFoundError, "no file at"),
    ],
)
def test_what_is_not_there(address: str, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        list(sources.read_all(sources.expand([address])))


class _Failing(BaseHTTPRequestHandler):
    """Passes requests on; of a file it sends the first part, and then it hangs up."""

    behind = ""
    sent = 400_000

    def _pass_on(self) -> None:
        asked = urllib.request.Request(self.behind + self.path, method=self.command)
        for name in ("Range", "Authorization", "x-amz-date", "x-amz-content-sha256"):
            if self.headers.get(name):
                asked.add_header(name, self.headers[name])
        with urllib.request.urlopen(asked) as answer:
            body = answer.read()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in {"connection", "transfer-encoding"}:
                    self.send_header(name, value)
            self.end_headers()
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        if self.command == "GET" and start + len(body) > self.sent:
            self.wfile.write(body[: max(0, self.sent - start)])
            self.wfile.flush()
            self.connection.close()
        else:
            self.wfile.write(body)

    do_GET = do_HEAD = _pass_on  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_host_that_fails_halfway(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = type("Failing", (_Failing,), {"behind": server})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as failing:
        thread = threading.Thread(target=failing.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{failing.server_port}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        with pytest.raises(DataError, match=r"s3://calls/day/a.jsonl, after line \d+: cannot be read on"):
            build("half", ["s3://calls/day/a.jsonl"])
        failing.shutdown()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    assert build("half", ["s3://calls/day/a.jsonl"])["counts"]["read"] == 3000
