"""Models of parts: damaged folders are one line, and what a part cannot do is said or left to the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn", reason="the extra `candidates` is not installed")
from fine_tuning._util.hosts import with_host
from fine_tuning.candidates.candidate import LabelledCall, Request
from fine_tuning.candidates.head_fitting import fit_head
from fine_tuning.errors import ConflictError, DataError, ProviderError, UsageError
from fine_tuning.serving.cascade_engine import HEAD, CascadeSettings
from fine_tuning.serving.embedding.embedding_models import open_embedder
from fine_tuning.serving.engine import Engine
from fine_tuning.serving.engine_choice import open_target
from fine_tuning.serving.heads.head_engine import HeadEngine
from fine_tuning.serving.model_resolution import Target
from fine_tuning.serving.part_model import PartModel
from fine_tuning.serving.retrieved_examples import Example, FewShotSettings, RetrievedExamples
from fine_tuning.settings import Settings, get_settings
from tests.serving.fake_host import FakeHost

WORDS = {"refund": "my money back for order {}", "track": "where is parcel {}"}
TOOLS = [{"type": "function", "function": {"name": "track", "parameters": {"type": "object"}}}]


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    calls = [
        LabelledCall(Request([{"role": "user", "content": form.format(at)}]), answer)
        for at in range(40)
        for answer, form in WORDS.items()
    ]
    folder = tmp_path_factory.mktemp("models") / "head"
    fit_head(calls[:60], calls[60:], None).final.save(folder)
    return folder


def opened(folder: Path, settings: Settings | None = None) -> Engine:
    named = with_host(settings or get_settings(), None, "sk-x")
    return open_target(Target("local", str(folder)), "m", named)


def asked(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def test_head_answers_whole_streamed_and_in_chunks(head: Path) -> None:
    engine = opened(head)
    assert isinstance(engine, HeadEngine)
    messages = asked("where is parcel 7")
    answer = engine.complete(messages, temperature=1.0, max_tokens=1, seed=1, stop=["t"])
    assert (answer.text, answer.finish_reason) == ("track", "stop")
    assert answer.confidence is not None
    assert 0.5 < answer.confidence <= 1
    assert list(engine.stream(messages, temperature=0.0, max_tokens=9)) == ["track"]
    chunks = list(engine.chat_chunks({"messages": messages}))
    assert "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]) == "track"
    usage = chunks[-1]["usage"]
    assert usage is not None
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (4, 1)
    twice = list(engine.chat_chunks({"messages": messages, "n": 2}))
    said = [(choice["index"], choice["delta"].get("content")) for chunk in twice for choice in chunk["choices"]]
    assert [each for each in said if each[1]] == [(0, "track"), (1, "track")]
    assert twice[-1]["usage"] == {**usage, "completion_tokens": 2, "total_tokens": 6}
    engine.close()
    with pytest.raises(ProviderError, match="is closed"):
        engine.complete(messages, temperature=0.0, max_tokens=9)


@pytest.mark.parametrize("params", [{"tools": TOOLS}, {"logprobs": True}, {"n": 2}])
def test_head_says_what_it_does_not_support(head: Path, params: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="m is a classifier head"):
        opened(head).complete(asked("where"), temperature=0.0, max_tokens=9, **params)
    with pytest.raises(UsageError, match="chat completions only"):
        opened(head).text_chunks({"prompt": ["a"]})  # type: ignore[typeddict-item]


def test_cascade_leaves_tools_and_doubts_to_the_second(head: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cascade"
    with FakeHost() as host:
        CascadeSettings(0.6, PartModel(host.url, "big")).save(folder)
        (folder / HEAD).symlink_to(head)
        engine = opened(folder)
        sure = engine.complete(asked("where is parcel 7"), temperature=0.0, max_tokens=9)
        assert (sure.text, sure.price_of, len(host.requests)) == ("track", None, 0)
        doubtful = engine.complete(asked("quokka"), temperature=0.0, max_tokens=9)
        assert (doubtful.text, doubtful.price_of) == ("echo quokka", (host.url, "big"))
        engine.complete(asked("where is parcel 7"), temperature=0.0, max_tokens=9, tools=TOOLS)
        assert host.requests[-1].body["tools"] == TOOLS
        many = engine.complete_many([asked("quokka"), asked("where is parcel 7")], temperature=0.0, max_tokens=9)
        assert [each.text for each in many] == ["echo quokka", "track"]
        assert "".join(engine.stream(asked("quokka"), temperature=0.0, max_tokens=9)).startswith("echo ")
        pieces = engine.chat_chunks({"messages": asked("where is parcel 7"), "temperature": 0.0, "max_tokens": 9})
        assert "track" in [choice["delta"].get("content") for chunk in pieces for choice in chunk["choices"]]
        engine.close()


def test_few_shot_asks_with_the_nearest_examples_last(tmp_path: Path) -> None:
    examples = [Example("is my parcel here", "track"), Example("refund the order", "refund"), Example("a b c", "d")]
    with FakeHost() as host:
        FewShotSettings(2, PartModel(host.url, "small"), "wordllama").save(examples, tmp_path / "shots")
        engine = opened(tmp_path / "shots")
        messages = [{"role": "system", "content": "Triage."}, *asked("where is the parcel")]
        answer = engine.complete(messages, temperature=0.0, max_tokens=9)
        assert answer.price_of == (host.url, "small")
        sent = host.requests[-1].body["messages"]
        assert sent[0]["content"] == "Triage."
        assert [each["content"] for each in sent][-3:] == ["is my parcel here", "track", "where is the parcel"]
        assert len(sent) == 6
        list(engine.chat_chunks({"messages": messages}))
        assert host.requests[-1].body["messages"] == sent
        engine.close()


def test_question_without_text_has_no_examples() -> None:
    found = RetrievedExamples.of([Example("a", "b")], open_embedder("wordllama"), 1)
    image: Any = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://h.example/a"}}]}]
    assert found.before(image) == image
    assert found.before([]) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cascade.json", "{}"),
        ("cascade.json", "[1"),
        ("few_shot.json", '{"shots": 0, "asked": {"provider": "local", "model": "m"}, "embedding": "wordllama"}'),
        ("few_shot.json", '{"shots": 2, "asked": {"provider": "local", "model": "m"}, "embedding": "/etc"}'),
        ("few_shot.json", '{"shots": 2, "asked": {"provider": "local", "model": "/etc"}, "embedding": "wordllama"}'),
        ("cascade.json", '{"threshold": 0.5, "second": {"provider": "local", "folder": "../../../../etc"}}'),
        ("few_shot.json", "null"),
    ],
)
def test_damaged_folder_is_one_line(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / name).write_text(text)
    (tmp_path / "m" / "examples.jsonl").write_text(json.dumps({"question": "q", "answer": "a"}) + "\n")
    with pytest.raises(DataError) as caught:
        opened(tmp_path / "m")
    assert "\n" not in str(caught.value)


def test_part_in_the_workspace_moves_with_it_and_others_are_refused(tmp_path: Path) -> None:
    home, model = tmp_path / "home", tmp_path / "home" / "models" / "small"
    model.mkdir(parents=True)
    folder = home / "artifacts" / "cascade"
    folder.mkdir(parents=True)
    found = PartModel("local", str(model)).settings(folder)
    assert found == {"provider": "local", "folder": "../../models/small"}
    home.rename(tmp_path / "moved")
    moved = tmp_path / "moved" / "artifacts" / "cascade"
    assert PartModel.read(found, moved) == PartModel("local", str(tmp_path / "moved" / "models" / "small"))
    with pytest.raises(ConflictError, match="outside of the workspace"):
        PartModel("local", str(tmp_path)).settings(moved)
    assert PartModel.read({"provider": "local", "model": "smollm2"}, moved) == PartModel("local", "smollm2")
