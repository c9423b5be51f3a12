"""Text that no database stores (NUL characters, halves of characters) is refused at capture, wherever it comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import LLMService
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import UsageError
from fine_tuning.store.database import Database
from tests import wire

NUL, HALF = "a\0b", "a\ud83d"
BAD = [(NUL, "has a NUL character"), (HALF, "has half a character")]
USER, ANSWER = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}


def collector(folder: Path) -> DistillationDataCollector:
    return DistillationDataCollector(folder)


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_capture_refuses_text_that_no_database_stores(tmp_path: Path, text: str, reason: str) -> None:
    store = collector(tmp_path)
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    conversations: list[list[dict[str, Any]]] = [
        [{**USER, "content": text}, ANSWER],
        [USER, {**ANSWER, "content": [{"type": "text", "text": text}]}],
        [USER, {"role": "assistant", "content": None, "tool_calls": [{**call, "id": text}]}],
    ]
    for messages in conversations:
        with pytest.raises(UsageError, match=rf"messages\[\d\].* {reason}"):
            store.capture_conversation(messages, "d", "chat")
    with pytest.raises(UsageError, match=f"metadata.note {reason}"):
        store.capture_success("q", "a", "d", "chat", metadata={"note": text})
    with pytest.raises(UsageError, match=f"tools.*description {reason}"):
        tool = {"type": "function", "function": {"name": "f", "description": text}}
        store.capture_conversation([USER, ANSWER], "d", "chat", tools=[tool])
    with pytest.raises(UsageError, match=reason):
        store.capture_preference("q", "a", text, "d")
    with pytest.raises(UsageError, match=reason):
        store.correct(store.capture_success("q", "a", "d", "chat"), text)
    assert len(store.find_examples()) == 1
    assert store.get_preferences() == []


def test_backslash_before_digits_is_no_nul(tmp_path: Path) -> None:
    assert collector(tmp_path).capture_success("Write \\u0000 in JSON", "\\u0000", "d", "chat")


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv"])
@pytest.mark.parametrize("text", [NUL, HALF])
def test_import_rejects_the_row_with_its_reason(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    if name == "x.csv":
        rows = f"prompt,response\n{text},a\nq,a\n"
        file.write_text(rows, encoding="utf-8", errors="surrogatepass")
    else:
        lines = [json.dumps({"prompt": each, "response": "a"}) for each in (text, "q")]
        file.write_text("\n".join(lines), encoding="utf-8")
    report = collector(tmp_path / "store").import_files([file])
    (rejected,) = report.rejected
    assert (report.captured, report.read) == (1, 2)
    assert any(each in rejected["reason"] for each in ("NUL character", "surrogate", "not UTF-8"))


def test_import_into_a_database_stores_all_rows_but_one(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    rows = [{"prompt": "q", "response": NUL}, *({"prompt": f"q{each}", "response": "a"} for each in range(20))]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    report = DistillationDataCollector().import_files([file])
    assert (report.captured, len(report.rejected)) == (20, 1)


def test_service_captures_an_answer_with_what_databases_can_store(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = {"role": "assistant", "content": NUL}
    reply = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
    with wire.host() as host:
        host.answers["POST /chat/completions"] = lambda _: (
            200,
            {**reply, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]},
        )
        monkeypatch.setenv("OPENAI_BASE_URL", host.url)
        assert LLMService(model="m", capture=5).complete("Hi")["content"] == NUL
    (kept,) = DistillationDataCollector().find_examples()
    assert kept["response"] == NUL.replace("\0", "\ufffd")
