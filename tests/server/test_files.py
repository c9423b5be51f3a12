"""Files and uploads, asked by the real SDK."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from fine_tuning.server.app import make_app
from fine_tuning.server.routes import uploads as upload_routes
from fine_tuning.store import files, uploads
from fine_tuning.store.column_types import now
from fine_tuning.store.database import open_database
from tests.server.conftest import chats


def test_files_upload_list_read_and_delete(client: OpenAI, workspace: Path) -> None:
    made = client.files.create(file=("../../etc/chats.jsonl", chats(3)), purpose="fine-tune")
    assert (made.filename, made.bytes, made.status, made.purpose) == (
        "chats.jsonl",
        len(chats(3)),
        "processed",
        "fine-tune",
    )
    assert client.files.retrieve(made.id) == made
    assert client.files.content(made.id).read() == chats(3)
    assert [file.name for file in (workspace / "files").iterdir()] == [f"{made.id}.jsonl"]
    assert client.files.delete(made.id).deleted
    assert not list((workspace / "files").iterdir())
    with pytest.raises(openai.NotFoundError, match="No such File object"):
        client.files.retrieve(made.id)
    with pytest.raises(openai.NotFoundError):
        client.files.content("..%2F..%2Fetc%2Fpasswd")


def test_create_with_a_field_given_twice_is_refused(client: OpenAI, address: str) -> None:
    answer = httpx2.post(f"{address}/files", files={"file": b"a"}, data={"purpose": ["batch", "user_data"]})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "'purpose' is given twice")
    assert list(client.files.list()) == []


def test_list_pages_filters_and_orders(client: OpenAI) -> None:
    made = [client.files.create(file=(f"{n}.jsonl", b"{}"), purpose="batch").id for n in range(5)]
    other = client.files.create(file=("x", b"x"), purpose="assistants").id
    assert [file.id for file in client.files.list(purpose="batch", limit=2)] == made[::-1]
    assert [file.id for file in client.files.list(order="asc")] == [*made, other]
    page = client.files.list(limit=2, after=made[3], purpose="batch")
    assert ([file.id for file in page.data], page.has_more) == (made[2:0:-1], True)
    assert client.files.list(purpose="vision").data == []


def test_create_with_expiry_returns_expires_at(client: OpenAI) -> None:
    made = client.files.create(
        file=("x", b"x"), purpose="batch", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert made.expires_at is not None
    assert made.expires_at - made.created_at in {3599, 3600}


def test_create_without_a_file_or_a_purpose_says_what_to_send(address: str) -> None:
    for sent, param in (({"data": {"purpose": "batch"}}, "file"), ({"files": {"file": ("x", b"x")}}, "purpose")):
        error = httpx2.post(f"{address}/files", **sent).json()["error"]
        assert (error["param"], error["code"]) == (param, "missing_required_parameter")
        assert error["message"].startswith(f"Missing required parameter: '{param}'; send ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"purpose": "party"}, 'expected one of assistants, .*, but got "party"'),
        ({"expires_after": {"anchor": "created_at", "seconds": 5}}, "must be between 3600 and 2592000"),
        ({"expires_after": {"anchor": "noon", "seconds": 3600}}, "anchor must be 'created_at'"),
    ],
)
def test_create_invalid_upload_returns_400_and_stores_nothing(
    client: OpenAI, workspace: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=message):
        client.files.create(**{"file": ("x", b"x"), "purpose": "batch", **arguments})
    assert not list(workspace.glob("files/*"))


@pytest.mark.parametrize(
    ("content", "purpose", "message"),
    [
        (b"", "fine-tune", "The file is empty"),
        (b"", "user_data", "The file is empty"),
        (b" \n\r\n", "fine-tune", "no training rows: one JSON object a line"),
        (b"\xef\xbb\xbf\n", "fine-tune", "no training rows"),
    ],
)
def test_create_without_content_is_refused_and_stores_nothing(
    client: OpenAI, workspace: Path, content: bytes, purpose: Any, message: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=message) as raised:
        client.files.create(file=("x.jsonl", content), purpose=purpose)
    assert (raised.value.param, raised.value.code) == ("file", "empty_file")
    assert not list(workspace.glob("files/*"))
    assert list(client.files.list()) == []


def test_create_keeps_blank_text_of_other_purposes(client: OpenAI) -> None:
    assert client.files.create(file=("x.txt", b"\n"), purpose="user_data").bytes == 1


def test_complete_upload_joins_parts_in_the_given_order(client: OpenAI, workspace: Path) -> None:
    whole = chats(40)
    upload = client.uploads.create(bytes=len(whole), filename="c.jsonl", mime_type="text/jsonl", purpose="fine-tune")
    assert upload.status == "pending"
    cut = len(whole) // 2
    second = client.uploads.parts.create(upload.id, data=whole[cut:])
    first = client.uploads.parts.create(upload.id, data=whole[:cut])
    with pytest.raises(openai.BadRequestError, match="the parts have"):
        client.uploads.complete(upload.id, part_ids=[first.id])
    with pytest.raises(openai.BadRequestError, match="MD5"):
        client.uploads.complete(upload.id, part_ids=[first.id, second.id], md5="0" * 32)
    with pytest.raises(openai.BadRequestError, match="has no part part_0"):
        client.uploads.complete(upload.id, part_ids=["part_0"])
    md5 = hashlib.md5(whole, usedforsecurity=False).hexdigest()
    done = client.uploads.complete(upload.id, part_ids=[first.id, second.id], md5=md5)
    assert done.status == "completed"
    assert done.file is not None
    assert client.files.content(done.file.id).read() == whole
    assert [file.name for file in (workspace / "files").iterdir()] == [f"{done.file.id}.jsonl"]
    with pytest.raises(openai.BadRequestError, match="is completed"):
        client.uploads.parts.create(upload.id, data=b"more")


def test_upload_cancelled_or_expired_deletes_its_parts(client: OpenAI, workspace: Path) -> None:
    def begin() -> str:
        made = client.uploads.create(bytes=4, filename="c", mime_type="text/plain", purpose="batch")
        client.uploads.parts.create(made.id, data=b"part")
        return made.id

    assert client.uploads.cancel(begin()).status == "cancelled"
    assert not list((workspace / "files").iterdir())
    late = begin()
    context = make_app().state.context
    with open_database().write() as tx:
        tx.execute(uploads._table.update().values(expires_at=now() - timedelta(seconds=1)))
    with pytest.raises(openai.BadRequestError, match="is expired"):
        client.uploads.parts.create(late, data=b"more")
    upload_routes.delete_expired(context)
    assert not list((workspace / "files").iterdir())


def test_delete_expired_removes_expired_files(client: OpenAI, workspace: Path, upload: Callable[..., str]) -> None:
    file_id = upload()
    with open_database().write() as tx:
        tx.execute(files._table.update().values(expires_at=now() - timedelta(seconds=1)))
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file_id)
    upload_routes.delete_expired(make_app().state.context)
    assert not list((workspace / "files").iterdir())


def test_list_continues_after_a_deleted_file(client: OpenAI) -> None:
    for number in range(7):
        client.files.create(file=(f"{number}.txt", b"x"), purpose="batch")
    for file in client.files.list(limit=2, purpose="batch"):
        client.files.delete(file.id)
    assert client.files.list(purpose="batch").data == []


@pytest.mark.parametrize("asked", ["bytes=abc", "items=1-2", "bytes=5-1", "bytes=100-200", "bytes=0-1"])
def test_content_ignores_range_headers(client: OpenAI, asked: str) -> None:
    file = client.files.create(file=("a.txt", b"sixsix"), purpose="batch")
    answer = client.files.with_raw_response.content(file.id, extra_headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, b"sixsix")


def test_complete_upload_concurrently_succeeds_once(client: OpenAI) -> None:
    upload = client.uploads.create(bytes=600_000, filename="a.bin", mime_type="text/plain", purpose="batch")
    parts = [client.uploads.parts.create(upload.id, data=b"x" * 100_000).id for _ in range(6)]

    def complete(_: int) -> str:
        try:
            return str(client.uploads.complete(upload.id, part_ids=parts).status)
        except openai.BadRequestError:
            return "refused"

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(complete, range(4))) == ["completed", "refused", "refused", "refused"]
