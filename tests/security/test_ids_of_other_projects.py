"""Every route that takes an id: what another project stored is to it what was never there."""

from __future__ import annotations

from typing import Any

from tests.security.requests import ask, key
from tests.server.conftest import ALIAS

Names = dict[str, str]
ROW = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n' * 10
LINE = b'{"custom_id": "1", "method": "POST", "url": "/v1/embeddings", "body": {"model": "wordllama", "input": "a"}}\n'
BODIES: dict[str, Any] = {  # of the routes that ask for one
    "/chat/completions/{completion_id}": {"metadata": {"rating": "1"}},
    "/conversations/{conversation_id}": {"metadata": {"a": "b"}},
    "/conversations/{conversation_id}/items": {"items": [{"role": "user", "content": "a"}]},
    "/uploads/{upload_id}/complete": {"part_ids": ["part_1"]},
    "/fine_tuning/checkpoints/{checkpoint}/permissions": {"project_ids": ["b"]},
}


def seeded(address: str, headers: dict[str, str]) -> Names:
    """One object of every kind, by the name of its path parameter."""

    def made(path: str, **more: Any) -> str:
        answer = ask("POST", address + path, headers=headers, **more)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def file(purpose: str, content: bytes) -> str:
        return made("/files", files={"file": ("a.jsonl", content)}, data={"purpose": purpose})

    chat = {"model": ALIAS, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2, "store": True}
    batch = {"input_file_id": file("batch", LINE), "endpoint": "/v1/embeddings", "completion_window": "24h"}
    upload = {"filename": "a", "purpose": "batch", "bytes": 9, "mime_type": "application/jsonl"}
    conversation = made("/conversations", json={"items": [{"role": "user", "content": "a"}]})
    items = ask("GET", f"{address}/conversations/{conversation}/items", headers=headers).json()["data"]
    return {
        "completion_id": made("/chat/completions", json=chat),
        "response_id": made("/responses", json={"model": ALIAS, "input": "Hi", "max_output_tokens": 16}),
        "conversation_id": conversation,
        "item_id": items[0]["id"],
        "file_id": file("fine-tune", ROW),
        "upload_id": made("/uploads", json=upload),
        "batch_id": made("/batches", json=batch),
        "job_id": made("/fine_tuning/jobs", json={"model": ALIAS, "training_file": file("fine-tune", ROW)}),
    }


def test_ids_of_another_project_are_unknown_on_every_route(address: str) -> None:
    a, b = key("a"), key("b")
    names = seeded(address, a)
    described = ask("GET", f"{address.removesuffix('/v1')}/openapi.json", headers=a).json()["paths"]
    tried = 0
    for path, methods in described.items():
        if "{" not in path:
            continue
        for method in methods:
            tried += is_unknown(address, (method.upper(), path.removeprefix("/v1")), names, b)
    assert tried > 25
    for kind, path in (("file_id", "/files/"), ("batch_id", "/batches/"), ("job_id", "/fine_tuning/jobs/")):
        assert ask("GET", address + path + names[kind], headers=a).status_code == 200


def is_unknown(address: str, route: tuple[str, str], names: Names, headers: dict[str, str]) -> bool:
    """Assert it of a route, unless it takes another kind of id."""
    method, path = route
    if not any(f"{{{kind}}}" in path for kind in names):
        return False
    more: Any = {"json": BODIES[path]} if method == "POST" and path in BODIES else {}
    if path.endswith("/parts"):
        more = {"files": {"data": b"x"}}
    answers = []
    for named in (names, dict.fromkeys(names, "none")):
        at = path
        for kind, name in named.items():
            at = at.replace(f"{{{kind}}}", name)
        answers.append(ask(method, address + at, headers=headers, **more))
    assert [each.status_code for each in answers] == [404, 404], (route, [each.text for each in answers])
    text = answers[0].text
    for name in names.values():
        text = text.replace(name, "none")
    assert text == answers[1].text, route
    return True


def test_objects_of_another_project_cannot_be_used(address: str) -> None:
    a, b = key("a"), key("b")
    names = seeded(address, a)
    file, conversation = names["file_id"], names["conversation_id"]
    text = {"model": ALIAS, "input": "Hi", "max_output_tokens": 16}
    uses: list[tuple[str, Any]] = [
        ("/fine_tuning/jobs", {"model": ALIAS, "training_file": file}),
        ("/fine_tuning/jobs", {"model": ALIAS, "training_file": "{own}", "validation_file": file}),
        ("/batches", {"input_file_id": file, "endpoint": "/v1/embeddings", "completion_window": "24h"}),
        ("/responses", {**text, "previous_response_id": names["response_id"]}),
        ("/responses", {**text, "conversation": conversation}),
        ("/responses", {**text, "input": [{"type": "item_reference", "id": names["item_id"]}]}),
    ]
    own = ask(
        "POST", f"{address}/files", headers=b, files={"file": ("a.jsonl", ROW)}, data={"purpose": "fine-tune"}
    ).json()["id"]
    for path, body in uses:
        filled = {name: own if value == "{own}" else value for name, value in body.items()}
        answer = ask("POST", address + path, json=filled, headers=b)
        assert answer.status_code in {400, 404}, (path, answer.text)
        assert "o such" in answer.text or "not found" in answer.text or "does not exist" in answer.text, answer.text
    for path in ("/files", "/batches", "/fine_tuning/jobs", "/chat/completions"):
        ids = [each["id"] for each in ask("GET", address + path, headers=b).json()["data"]]
        assert ids in ([], [own]), path
