"""Requests of a few bytes that name what is stored: none makes the server read more than a body may have."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.server.chat_messages import MAX_MESSAGES
from fine_tuning.store import paging
from tests.security.requests import ask
from tests.server.conftest import ALIAS

ROOM = 4000  # characters, in place of the 16 Mi of a real server


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MAX_CHARACTERS", ROOM)


def items(count: int, length: int = ROOM // 8) -> list[dict[str, str]]:
    return [{"type": "message", "role": "user", "content": "x" * length} for _ in range(count)]


def conversation(address: str) -> str:
    created: dict[str, str] = ask("POST", f"{address}/conversations", json={}).json()
    return f"{address}/conversations/{created['id']}"


def refused(answer: Any) -> str:
    assert answer.status_code == 400, answer.text
    message: str = answer.json()["error"]["message"]
    return message


def test_conversation_that_grew_is_neither_read_nor_extended(address: str) -> None:
    url = conversation(address)
    assert ask("POST", f"{url}/items", json={"items": items(20)}).status_code == 200
    body = {"model": ALIAS, "input": "Hi", "truncation": "auto", "conversation": url.rpartition("/")[2]}
    for where, sent in (
        (f"{address}/responses", body),
        (f"{address}/responses/input_tokens", body),
        (f"{url}/items", {"items": items(1)}),
    ):
        assert "begin a new one" in refused(ask("POST", where, json=sent)), where
    assert ask("DELETE", url).status_code == 200


def test_chain_of_responses_that_grew_is_not_continued(address: str) -> None:
    body: dict[str, Any] = {"model": ALIAS, "input": items(9), "truncation": "auto", "max_output_tokens": 16}
    first = ask("POST", f"{address}/responses", json=body)
    assert first.status_code == 200, first.text
    again = {**body, "input": "Hi", "previous_response_id": first.json()["id"]}
    assert "begin a new one" in refused(ask("POST", f"{address}/responses", json=again))


def test_page_ends_before_it_is_too_long_and_the_next_goes_on(address: str) -> None:
    url = f"{conversation(address)}/items"
    added = ask("POST", url, json={"items": [*items(10), *items(1, 2 * ROOM)]}).json()["data"]
    pages = [ask("GET", url, params={"order": "asc", "limit": 100}).json()]
    while pages[-1]["has_more"]:
        assert pages[-1]["data"]
        pages.append(ask("GET", url, params={"order": "asc", "limit": 100, "after": pages[-1]["last_id"]}).json())
    found = [each["id"] for page in pages for each in page["data"]]
    assert found == [each["id"] for each in added]
    assert len(pages) > 2
    assert all(len(page["data"]) == 1 or sum(len(str(each)) for each in page["data"]) < 2 * ROOM for page in pages)


def test_page_of_stored_completions_ends_before_it_is_too_long(address: str) -> None:
    body: dict[str, Any] = {
        "model": ALIAS,
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 1,
        "store": True,
    }
    tools = [{"type": "function", "function": {"name": "f", "description": "x" * ROOM}}]
    body |= {"tools": tools, "tool_choice": "none"}
    sent = [ask("POST", f"{address}/chat/completions", json=body) for _ in range(2)]
    first = ask("GET", f"{address}/chat/completions").json()
    second = ask("GET", f"{address}/chat/completions", params={"after": first["last_id"]}).json()
    assert [len(first["data"]), first["has_more"], len(second["data"]), second["has_more"]] == [1, True, 1, False]
    assert {first["first_id"], second["first_id"]} == {each.json()["id"] for each in sent}


def test_references_to_long_items_count_with_what_they_name(address: str) -> None:
    url = f"{conversation(address)}/items"
    [item] = ask("POST", url, json={"items": items(1)}).json()["data"]
    for count, words in ((20, "referred to"), (MAX_MESSAGES + 1, "references")):
        body = {"model": ALIAS, "input": [{"type": "item_reference", "id": item["id"]}] * count}
        assert words in refused(ask("POST", f"{address}/responses", json=body))
    twenty = {"items": [{"type": "item_reference", "id": item["id"]}] * 20}
    assert "referred to" in refused(ask("POST", f"{conversation(address)}/items", json=twenty))


def test_filters_that_no_metadata_has_are_refused(address: str) -> None:
    for path in ("fine_tuning/jobs", "chat/completions"):
        few, many = ({f"metadata[{number}]": "x" for number in range(count)} for count in (16, 1500))
        assert ask("GET", f"{address}/{path}", params=few).status_code == 200
        assert "1500 filters" in refused(ask("GET", f"{address}/{path}", params=many))
