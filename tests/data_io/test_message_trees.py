"""Trees of OpenAssistant's and of ChatGPT's export, and calls of Cohere's first Chat API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fine_tuning.data_io import formats, sources
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.errors import DataError
from tests.data_io.dataset_rows import ANSWERED, ASKED, CHATGPT, COHERE, TREE, node, reply
from tests.data_io.vendor_rows import ANSWER, QUESTION, TURN, fresh, only


def texts(call: formats.Call) -> list[object]:
    return [each["content"] for each in call.messages]


def read(row: dict[str, Any]) -> tuple[list[formats.Call], int]:
    """The calls of a row, and how many other answers it has."""
    found = list(formats.read(row)[1])
    assert all(isinstance(each, formats.Call) or each == Unread("other answers") for each in found)
    calls = [each for each in found if isinstance(each, formats.Call)]
    return calls, len(found) - len(calls)


class TestOpenAssistant:
    def test_best_answers_are_threads_and_the_worst_ones_pairs(self) -> None:
        best = reply("A", "assistant", 0, reply("q1", "prompter", None, reply("a1")), reply("q2", "prompter", None))
        root = reply("Q", "prompter", None, reply("C", "assistant", 2), best, reply("B", "assistant", 1))
        calls, others = read({**TREE, "prompt": root})
        assert [(texts(each), each.rejected and each.rejected[0]["content"]) for each in calls] == [
            (["Q", "A"], "C"),
            (["Q", "A", "q1", "a1"], None),
        ]
        assert others == 1
        assert calls[0].metadata == {"conversation_id": "t1", "tree_state": "ready_for_export", "lang": "en"}

    @pytest.mark.parametrize("facts", [{"deleted": True}, {"review_result": False}, {"review_result": "False"}])
    def test_messages_that_were_deleted_or_rejected_are_left_out(self, facts: dict[str, Any]) -> None:
        gone = {**reply("gone", "assistant", 0), **facts}
        calls, others = read({**TREE, "prompt": reply(ASKED, "prompter", None, gone, reply(ANSWERED, "assistant", 1))})
        assert ([each.messages for each in calls], calls[0].rejected, others) == ([[QUESTION, ANSWER]], None, 0)
        assert list(formats.calls_in({**TREE, "prompt": reply(ASKED, "prompter")})) == []

    def test_message_without_its_tree_is_refused(self) -> None:
        with pytest.raises(DataError, match="one message of a tree, whose other messages are in other rows"):
            only({"message_id": "m", "parent_id": None, "text": ASKED, "role": "prompter"})

    @pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
    def test_messages_of_a_table_are_joined_into_their_trees(self, suffix: str, tmp_path: Path) -> None:
        def row(tree: str, key: str, parent: str | None, role: str, rank: float | None = None) -> dict[str, Any]:
            facts = {"message_tree_id": tree, "tree_state": "ready_for_export", "lang": "en", "deleted": False}
            return {"message_id": key, "parent_id": parent, "text": key, "role": role, "rank": rank, **facts}

        table = [
            row("q1", "q1", None, "prompter"),
            row("q1", "worse", "q1", "assistant", 1.0),
            row("q1", "better", "q1", "assistant", 0.0),
            row("q2", "q2", None, "prompter"),
            row("q2", "a2", "q2", "assistant"),
            row("q2", "lost", "nowhere", "assistant"),
        ]
        file, frame = tmp_path / f"messages{suffix}", pd.DataFrame(table)
        if suffix == ".jsonl":
            frame.to_json(file, orient="records", lines=True)
        elif suffix == ".parquet":
            frame.to_parquet(file)
        else:
            frame.to_csv(file, index=False)
        first, second, lost = sources.read(str(file))
        calls = [only(json.loads(each.text or b"")) for each in (first, second)]
        assert [texts(each) for each in calls] == [["q1", "better"], ["q2", "a2"]]
        assert calls[0].rejected == [{"role": "assistant", "content": "worse"}]
        assert first.line < second.line < lost.line
        with pytest.raises(DataError, match="one message of a tree"):
            only(json.loads(lost.text or b""))


class TestChatGpt:
    def test_shown_branch_is_read_and_others_are_counted(self) -> None:
        mapping = {**CHATGPT["mapping"], "b": node("b", "q", "assistant", "No idea.")}
        calls, others = read({**CHATGPT, "mapping": mapping})
        assert ([each.messages for each in calls], others) == ([[QUESTION, ANSWER]], 1)
        assert (calls[0].model, calls[0].captured_at) == ("gpt-4o", 1764000000.5)
        assert calls[0].metadata == {"conversation_id": "c1", "title": "Orders"}
        assert read({**CHATGPT, "mapping": json.dumps(mapping)}) == (calls, others)

    def test_instructions_of_the_user_are_a_system_prompt_and_thoughts_none(self) -> None:
        said = {"content_type": "user_editable_context", "user_profile": "Ann.", "user_instructions": "Be brief."}
        thoughts = {"content_type": "thoughts", "thoughts": [{"summary": "Look."}]}
        mapping = {
            **CHATGPT["mapping"],
            "s": node("s", "root", "user", "", content=said),
            "t": node("t", "q", "assistant", "", content=thoughts),
        }
        mapping["a"] = {**mapping["a"], "parent": "t"}
        assert texts(only({**CHATGPT, "mapping": mapping})) == ["Ann.\n\nBe brief.", ASKED, ANSWERED]

    def test_parts_of_a_message_are_paragraphs(self) -> None:
        question = node("q", "s", "user", ASKED, content={"content_type": "text", "parts": [ASKED, "And order 8?"]})
        row = {**CHATGPT, "mapping": {**CHATGPT["mapping"], "q": question}}
        assert texts(only(row)) == [f"{ASKED}\n\nAnd order 8?", ANSWERED]

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"recipient": "python"}, r"mapping\.x is of ChatGPT's tool 'python', which is not in the export"),
            ({"author": {"role": "tool", "name": "browser"}}, "is of ChatGPT's tool 'browser'"),
            (
                {"content": {"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer"}]}},
                r"mapping\.x holds a file \(image_asset_pointer\), which is not in the export",
            ),
        ],
    )
    def test_what_is_not_in_the_export_is_refused(self, changes: dict[str, Any], message: str) -> None:
        role = changes.get("author", {}).get("role", "user" if "content" in changes else "assistant")
        mapping = {**CHATGPT["mapping"], "x": node("x", "q", role, "1 + 1", **changes)}
        mapping["a"] = {**mapping["a"], "parent": "x"}
        with pytest.raises(DataError, match=message):
            only({**CHATGPT, "mapping": mapping})

    def test_chat_without_an_answer_or_with_a_missing_message(self) -> None:
        assert list(formats.calls_in({**CHATGPT, "current_node": "q"})) == []
        with pytest.raises(DataError, match="the chat has no message 'lost', which another one names"):
            only({**CHATGPT, "mapping": {**CHATGPT["mapping"], "s": node("s", "lost", "system", "")}})

    def test_answer_that_was_stopped_is_cut_off(self) -> None:
        stopped = node("a", "q", "assistant", "On", status="in_progress")
        limited = node("a", "q", "assistant", "On", metadata={"finish_details": {"type": "max_tokens"}})
        for answer, reason in ((stopped, "error"), (limited, "length")):
            assert only(fresh(CHATGPT, mapping={**CHATGPT["mapping"], "a": answer})).finish_reason == reason


class TestCohere:
    def test_history_of_a_response_is_said_once(self) -> None:
        assert only(COHERE, "cohere").messages == TURN
        history = [{"role": "USER", "message": "Hi"}, {"role": "CHATBOT", "message": "Hello"}]
        whole = [*history, {"role": "USER", "message": ASKED}, {"role": "CHATBOT", "message": ANSWERED}]
        for turns in (history, whole):
            call = only({**COHERE, "chat_history": turns})
            assert texts(call) == ["Be brief.", "Hi", "Hello", ASKED, ANSWERED]
        request = {"message": ASKED, "preamble": "Be brief."}
        call = only({"request": request, "response": {"text": ANSWERED, "generation_id": "g"}})
        assert (call.messages, call.rating) == (TURN, None)

    def test_calls_and_results_beside_a_message_are_turns(self) -> None:
        called = {"name": "track", "parameters": {"order": 7}}
        definitions = {"order": {"type": "int", "required": True, "description": "Its number"}}
        row = {
            **COHERE,
            "tools": [{"name": "track", "description": "d", "parameter_definitions": definitions}],
            "tool_results": [{"call": called, "outputs": [{"at": "a van"}]}],
        }
        call = only(row)
        assert [each["role"] for each in call.messages] == ["system", "user", "assistant", "tool", "assistant"]
        assert call.messages[3]["content"] == '{"at": "a van"}'
        assert call.tools
        assert call.tools[0]["function"]["parameters"]["required"] == ["order"]
        history = [{"role": "USER", "message": ASKED}, {"role": "CHATBOT", "message": "", "tool_calls": [called]}]
        again = only({**row, "message": "", "chat_history": history})
        assert [texts(again), again.tools] == [texts(call), call.tools]

    def test_answer_from_documents_is_refused(self) -> None:
        with pytest.raises(DataError, match="citations"):
            only({**COHERE, "citations": [{"start": 0, "end": 2, "document_ids": ["d"]}]})
