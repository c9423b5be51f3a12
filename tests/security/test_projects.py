"""Projects: what one project stored is to the keys of another what was never there; an owner's key sees all."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import DatasetBuilder
from fine_tuning.dashboard.sessions import Sessions
from fine_tuning.datasets import dataset_catalogue
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import NotFoundError, UsageError
from fine_tuning.store.database import open_database
from tests import wire
from tests.security.lying_host import as_json, lying_host
from tests.security.requests import ask, key
from tests.server.conftest import ALIAS

CHAT: Any = {"model": ALIAS, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2, "temperature": 0}
CALL = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


def test_other_project_gets_what_a_missing_id_gets(address: str) -> None:
    a, b, owner = key("a"), key("b"), key("default", is_owner=True)
    stored = ask("POST", f"{address}/chat/completions", json={**CHAT, "store": True}, headers=a).json()["id"]
    response = ask("POST", f"{address}/responses", json={"model": ALIAS, "input": "Hi"}, headers=a).json()["id"]
    attacks: list[tuple[str, str, Any]] = [
        ("GET", "/chat/completions/{}", None),
        ("GET", "/chat/completions/{}/messages", None),
        ("POST", "/chat/completions/{}", {"metadata": {"rating": "1"}}),
        ("DELETE", "/chat/completions/{}", None),
        ("GET", "/responses/{}", None),
        ("DELETE", "/responses/{}", None),
        ("POST", "/responses", {"model": ALIAS, "input": "Go on", "previous_response_id": "{}"}),
    ]
    for method, path, body in attacks:
        name = stored if "chat" in path else response
        answers = [
            ask(method, address + path.format(each), headers=b, json=_filled(body, each)) for each in (name, "none")
        ]
        assert [each.status_code for each in answers] == [404, 404], path
        assert answers[0].text.replace(name, "none") == answers[1].text
    assert ask("GET", f"{address}/chat/completions", headers=b).json()["data"] == []
    in_a = {**owner, "OpenAI-Project": "a"}
    assert ask("GET", f"{address}/chat/completions/{stored}", headers=in_a).status_code == 200
    for header in ("a", "proj_of_openai"):  # the key decides
        answer = ask("GET", f"{address}/chat/completions", headers={**b, "OpenAI-Project": header})
        assert answer.json()["data"] == []
    assert ask("GET", f"{address}/files", headers={**owner, "OpenAI-Project": "c"}).status_code == 404


def _filled(body: Any, name: str) -> Any:
    return body and {k: name if v == "{}" else v for k, v in body.items()}


def test_same_call_captured_by_both_projects_at_once_is_two_examples(workspace: Path) -> None:
    collectors = [DistillationDataCollector(project=name) for name in ("a", "b")]
    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda n: collectors[n % 2].capture_conversation(CALL, "d", "t", None), range(16)))
    a, b = ids[:2]
    assert {*ids} == {a, b}
    assert a != b
    collectors[0].rate(a, 5)
    with pytest.raises(NotFoundError):
        collectors[1].rate(a, 1)
    assert [each["rating"] for each in collectors[1].find_examples()] == [3]
    assert len(DistillationDataCollector().find_examples()) == 2


def test_dashboard_refuses_keys_of_one_project_of_several(workspace: Path) -> None:
    sessions = Sessions(open_database(), "s" * 32)
    default = key("default")["Authorization"].removeprefix("Bearer ")
    cookie = sessions.open(default)
    assert sessions.find(cookie, "") is not None
    other = key("b")["Authorization"].removeprefix("Bearer ")
    assert (sessions.find(cookie, ""), sessions.open(default), sessions.open(other)) == (None, None, None)
    owner = key("default", is_owner=True)["Authorization"].removeprefix("Bearer ")
    assert sessions.find(sessions.open(owner), "") is not None
    with pytest.raises(UsageError, match="all projects"):
        key("b", is_owner=True)


def test_inputs_like_those_of_a_project_are_its_own(cli: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        question = f"What became of parcel {number}, sent to street {number * 7919}?"
        DistillationDataCollector(project="b").capture_success(question, "Lost.", "d", "t")
    DatasetBuilder().build("theirs", project="b", min_rating=1)
    file, *_ = dataset_catalogue.files_of(open_database(), "theirs")
    words = ("boats", "birds", "roads", "ice")
    texts = iter(json.dumps({"messages": [f"Tell me about {word} in winter"]}) for word in words)
    with lying_host() as host:
        monkeypatch.setenv("OPENAI_BASE_URL", host.url)
        host.replies["/chat/completions"] = lambda _: as_json(wire.completion(next(texts, "Fine."), "big"))
        for dataset in ("theirs", str(Path(file).parent), file):
            code, out, err = cli("synthesise", dataset, "--teacher", "big", "--count", "1")
            assert code in {0, 1}, out + err
    assert len(DistillationDataCollector(project="b").find_examples()) > 6, out
    assert DistillationDataCollector(project="default").find_examples() == []


def test_labels_belong_to_the_project_that_is_named(cli: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace.parent / "p.txt").write_text("What?\n")
    with lying_host() as host:
        monkeypatch.setenv("OPENAI_BASE_URL", host.url)
        host.replies["/chat/completions"] = lambda _: as_json(wire.completion("Fine.", "big"))
        command = ["label", str(workspace.parent / "p.txt"), "--teacher", "big", "--project"]
        assert cli(*command, "b")[0] == 0
        assert cli(*command, "../b")[0] == 2
    assert [len(DistillationDataCollector(project=each).find_examples()) for each in ("b", "default")] == [1, 0]
