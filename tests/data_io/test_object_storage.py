"""Rows in object storage, from a server that speaks S3's wire."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote

import pytest

from fine_tuning.data_io import sources
from fine_tuning.errors import DataError, NotFoundError
from tests.datasets.test_building import build, chat, question

pytestmark = pytest.mark.slow  # starts processes

ROWS = "".join(json.dumps(chat(question(n), "x" * 300)) + "\n" for n in range(3000)).encode()


class Bucket(BaseHTTPRequestHandler):
    """What reading needs of S3: HEAD, GET of a range, and the list of a bucket named calls."""

    files: ClassVar[dict[str, bytes]] = {
        "day/a.jsonl": ROWS,
        "day/b.jsonl.gz": gzip.compress(ROWS),
        "other.txt": b"x",
    }
    hangs_up_after: ClassVar[int | None] = None  # bytes of a file

    def do_GET(self) -> None:
        """A list, or a file."""
        path, _, query = self.path.partition("?")
        bucket, _, key = unquote(path).lstrip("/").partition("/")
        if bucket != "calls" or (key and key not in self.files):
            missing = "NoSuchKey" if bucket == "calls" else "NoSuchBucket"
            self._answer(404, f"<Error><Code>{missing}</Code></Error>".encode())
        elif not key:
            self._answer(200, self._listed(dict(parse_qsl(query)).get("prefix", "")))
        else:
            self._file(self.files[key])

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def _listed(self, prefix: str) -> bytes:
        changed = "<LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        found = [
            f"<Contents><Key>{key}</Key><Size>{len(body)}</Size>{changed}</Contents>"
            for key, body in self.files.items()
            if key.startswith(prefix)
        ]
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(found)}</ListBucketResult>".encode()

    def _file(self, body: bytes) -> None:
        start, stop = 0, len(body)
        if asked := self.headers.get("Range"):
            first, last = asked.removeprefix("bytes=").split("-")
            start, stop = int(first), min(int(last) + 1, stop) if last else stop
        whole = len(body)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{whole}")
        self._body(body[start:stop], self.hangs_up_after and max(0, self.hangs_up_after - start))

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self._body(body)

    def _body(self, body: bytes, sent: int | None = None) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[:sent])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def listening(**more: Any) -> Iterator[str]:
    """The address of such a server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), type("OfTest", (Bucket,), more)) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server with a bucket of three files."""
    with listening() as address:
        yield address


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


def test_expand_address_prefix_or_glob_lists_files() -> None:
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
def test_read_missing_address_raises(address: str, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        list(sources.read_all(sources.expand([address])))


@pytest.mark.slow
def test_read_host_fails_midway_raises_with_line(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(hangs_up_after=400_000) as failing:
        monkeypatch.setenv("AWS_ENDPOINT_URL", failing)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        with pytest.raises(DataError, match=r"s3://calls/day/a.jsonl, after line \d+: cannot be read any further"):
            build("half", ["s3://calls/day/a.jsonl"])
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    assert build("half", ["s3://calls/day/a.jsonl"])["counts"]["read"] == 3000
