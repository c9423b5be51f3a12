"""Query parameters: what a route does not read is refused, and filters of metadata are read as the SDK writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from tests.server.conftest import ALIAS

LISTS = ("fine_tuning/jobs", "chat/completions")


@pytest.fixture
def rows(client: OpenAI, upload: Callable[..., str]) -> None:
    """A job and a stored completion for each metadata."""
    file = upload()
    for metadata in ({"a": "b", "[x]": "", "b.c": "d e&f"}, {"a": "c"}):
        client.fine_tuning.jobs.create(model=ALIAS, training_file=file, metadata=metadata)
        asked: Any = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1, "store": True}
        client.chat.completions.create(model=ALIAS, metadata=metadata, **asked)


@pytest.mark.usefixtures("rows")
def test_metadata_filters_are_read_as_the_sdk_writes_them(client: OpenAI) -> None:
    for listing in (client.fine_tuning.jobs.list, client.chat.completions.list):
        for metadata, count in (
            ({"a": "b"}, 1),
            ({"a": "b", "b.c": "d e&f"}, 1),
            ({"a": "b", "b.c": "x"}, 0),
            ({"[x]": ""}, 1),
            ({"a": ""}, 0),
            ({"x": "b"}, 0),
            ({}, 2),
        ):
            assert len(listing(metadata=metadata).data) == count, metadata


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("metadata[a]=b&metadata[a]=b", "given twice"),
        ("metadata[a]=b&metadata[a]=c", "given twice"),
        ("metadata=x", "write metadata"),
        ("metadata=null&metadata[a]=b", "write metadata"),
        ("metadata=a&metadata=b", "given twice"),
        ("metadata[]=", "write metadata"),
        ("metadata[]=b", "write metadata"),
        ("metadata[a][b]=c", "write metadata"),
        ("metadata[a][]=c", "write metadata"),
        ("metadata[a=b", "write metadata"),
        ("metadata[a]b=c", "write metadata"),
        ("metadata[a]=%00", "NUL"),
        ('metadata[a"]=b', "without quotes"),
        ("metadata.a=b", "Unknown parameter: 'metadata.a'"),
        ("Metadata[a]=b", "Unknown parameter"),
        ("limit=1&limit=2", "given twice"),
        ("purpose=batch", "Unknown parameter"),
    ],
)
def test_filter_of_another_shape_is_refused_in_words(address: str, path: str, query: str, words: str) -> None:
    answer = httpx2.get(f"{address}/{path}?{query}")
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize("query", ["metadata=", "metadata[a]=", "metadata[%E2%82%AC]=%F0%9F%98%80", "metadata[a]=%ff"])
@pytest.mark.parametrize("path", LISTS)
def test_filter_that_no_row_has_gives_an_empty_page(address: str, path: str, query: str) -> None:
    assert httpx2.get(f"{address}/{path}?{query}").json()["data"] == []


@pytest.mark.usefixtures("rows")
def test_jobs_without_metadata_are_found_by_null(client: OpenAI, upload: Callable[..., str]) -> None:
    made = client.fine_tuning.jobs.create(model=ALIAS, training_file=upload())
    found = client.fine_tuning.jobs.list(extra_query={"metadata": "null"})
    assert [job.id for job in found] == [made.id]
    with pytest.raises(openai.BadRequestError, match="is a filter of jobs"):
        client.chat.completions.list(extra_query={"metadata": "null"})


@pytest.mark.usefixtures("rows")
def test_filtered_page_goes_on_after_an_item_of_another_list(client: OpenAI) -> None:
    jobs = client.fine_tuning.jobs.list().data
    assert [job.metadata for job in client.fine_tuning.jobs.list(after=jobs[0].id, metadata={"a": "b"})] == [
        jobs[1].metadata
    ]
    first, second = client.chat.completions.list().data
    assert [each.id for each in client.chat.completions.list(after=first.id, metadata={"a": "c"})] == [second.id]


@pytest.mark.parametrize("path", ["models?x=1", "files?purpos=batch", "batches?order=asc", "files/file-1?limit=2"])
def test_unknown_parameter_of_a_reading_request_is_refused(address: str, path: str) -> None:
    answer = httpx2.get(f"{address}/{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unknown_parameter")


def test_include_is_read_in_both_forms(client: OpenAI, address: str) -> None:
    name = client.conversations.create(items=[{"role": "user", "content": "Hi"}]).id
    items = f"{address}/conversations/{name}/items"
    known = "reasoning.encrypted_content"
    for query in (f"include={known}", f"include[]={known}", f"include[]={known}&include[]=file_search_call.results"):
        assert len(httpx2.get(f"{items}?{query}").json()["data"]) == 1
    for query in ("include=x", "include[]=x"):
        answer = httpx2.get(f"{items}?{query}")
        assert answer.status_code == 400
        assert "file_search_call.results" in answer.json()["error"]["message"]


def test_parameters_that_a_post_does_not_read_are_refused(address: str) -> None:
    body = {"model": ALIAS, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    answer = httpx2.post(f"{address}/chat/completions?temperature=0", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].endswith("there are none here, send it in the body")
