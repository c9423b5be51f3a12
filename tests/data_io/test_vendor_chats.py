"""Chats as Vercel's AI SDK and Open WebUI store and export them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.call import Call
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.datasets import file_check
from fine_tuning.errors import DataError
from tests.data_io import vendor_rows as rows
from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, QUESTION, SYSTEM, TURN, called, fresh, only, result

ASKING = {"role": "assistant", "content": None, "tool_calls": [called("track", '{"order": 7}', "call_1")]}


class TestAiSdk:
    def test_steps_of_a_message_are_turns(self) -> None:
        call = only(rows.UI_CHAT, "ai-sdk")
        assert call.messages == [QUESTION, ASKING, result("call_1", '{"place": "van"}'), ANSWER]
        assert call.metadata == {"id": "chat-1"}

    @pytest.mark.parametrize(
        ("part", "text"),
        [
            ({"state": "output-error", "errorText": "gone"}, "Error: gone"),
            (
                {"state": "output-denied", "approval": {"id": "a", "approved": False, "reason": "private"}},
                "Error: private",
            ),
            ({"state": "output-available", "output": "van"}, "van"),
            ({"state": "output-available", "output": {"type": "text", "value": "van"}}, "van"),
            ({"state": "output-error"}, "Error:"),
            ({"state": "output-error", "input": None, "rawInput": '{"order": 7}', "errorText": ""}, "Error:"),
            ({"state": "output-error", "errorText": "ToolError: gone"}, "ToolError: gone"),
            ({"state": "output-denied"}, "Error: Tool execution denied."),
            ({"state": "output-available", "output": None}, "null"),
            ({"state": "output-available"}, "null"),
        ],
    )
    def test_states_of_tools_become_results(self, part: dict[str, Any], text: str) -> None:
        for kind in ({"type": "tool-track"}, {"type": "dynamic-tool", "toolName": "track"}):
            made = {**kind, "toolCallId": "call_1", "input": {"order": 7}, **part}
            parts = [made, {"type": "text", "text": ANSWERED}]
            row = {"messages": [QUESTION, {"id": "m", "role": "assistant", "parts": parts}]}
            assert only(row, "ai-sdk").messages == [QUESTION, ASKING, result("call_1", text), ANSWER]

    def test_call_that_was_not_whole_is_left_out(self) -> None:
        part = {"type": "tool-track", "toolCallId": "call_1", "state": "input-streaming", "input": {}}
        parts = [part, {"type": "text", "text": ANSWERED}]
        assert only({"messages": [QUESTION, {"role": "assistant", "parts": parts}]}).messages == [QUESTION, ANSWER]

    @pytest.mark.parametrize("raw", ['{"order": ', "order 7", "[7]", 7])
    def test_call_whose_arguments_are_no_json_is_refused(self, raw: object) -> None:
        made = {"type": "tool-track", "toolCallId": "call_1", "rawInput": raw, "errorText": "no JSON"}
        parts = [{**made, "state": "output-error"}, {"type": "text", "text": ANSWERED}]
        with pytest.raises(DataError, match=r"\(rawInput\) are no JSON object"):
            only({"messages": [QUESTION, {"role": "assistant", "parts": parts}]})

    def test_result_of_version_4_may_be_nothing(self) -> None:
        made = {"state": "result", "toolCallId": "call_1", "toolName": "track", "args": {"order": 7}, "result": None}
        parts = [{"type": "tool-invocation", "toolInvocation": made}, {"type": "text", "text": ANSWERED}]
        row = {"messages": [QUESTION, {"role": "assistant", "parts": parts}]}
        assert only(row, "ai-sdk").messages == [QUESTION, ASKING, result("call_1", "null"), ANSWER]

    @pytest.mark.parametrize("is_of_version_4", [True, False])
    def test_answer_that_ends_within_a_call_is_cut_off(self, is_of_version_4: bool) -> None:
        made = {"toolCallId": "call_1", "state": "input-streaming", "input": {"or": None}}
        part: dict[str, Any] = {"type": "tool-track", **made}
        if is_of_version_4:
            part = {"type": "tool-invocation", "toolInvocation": {**made, "toolName": "track", "state": "partial-call"}}
        for before in ([], [{"type": "step-start"}], [{"type": "text", "text": "Wait."}]):
            row = {"messages": [QUESTION, {"role": "assistant", "parts": [*before, part]}]}
            for given in (row, {"messages": json.dumps(row["messages"])}):
                call = only(given, "ai-sdk")
                assert (call.is_cut_off, "tool_calls" in call.messages[-1]) == (True, False)

    @pytest.mark.parametrize("is_in_parts", [True, False])
    def test_messages_of_version_4_are_read(self, is_in_parts: bool) -> None:
        invocation = {
            "state": "result", "step": 0, "toolCallId": "call_1", "toolName": "track",
            "args": {"order": 7}, "result": "van",
        }  # fmt: skip
        parts = [
            {"type": "step-start"},
            {"type": "tool-invocation", "toolInvocation": invocation},
            {"type": "step-start"},
            {"type": "text", "text": ANSWERED},
        ]
        answer = {
            "id": "m", "role": "assistant", "content": ANSWERED, "createdAt": "2026-01-02T03:04:05Z",
            "toolInvocations": [invocation], **({"parts": parts} if is_in_parts else {}),
        }  # fmt: skip
        picture = {"name": "a.png", "contentType": "image/png", "url": "https://example.com/a.png"}
        asked = {"id": "q", "role": "user", "content": ASKED, "experimental_attachments": [picture]}
        found = only({"messages": [asked, answer]}, "ai-sdk").messages
        image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
        assert found[0]["content"] == [{"type": "text", "text": ASKED}, image]
        assert found[1:] == [ASKING, result("call_1", "van"), ANSWER]

    def test_calls_of_later_steps_beside_the_text_are_turns_of_their_own(self) -> None:
        invocations = [
            {
                "state": "result",
                "step": step,
                "toolCallId": own,
                "toolName": "track",
                "args": {"order": 7},
                "result": own,
            }
            for step, own in ((0, "c1"), (0, "c2"), (1, "c3"))
        ]
        answer = {"role": "assistant", "content": ANSWERED, "toolInvocations": invocations}
        found = only({"messages": [QUESTION, answer]}, "ai-sdk").messages
        assert [len(each.get("tool_calls", ())) for each in found] == [0, 2, 0, 0, 1, 0, 0]
        assert [each["tool_call_id"] for each in found if each["role"] == "tool"] == ["c1", "c2", "c3"]
        assert found[-1] == ANSWER

    def test_model_messages_are_read(self) -> None:
        made = {"type": "tool-call", "toolCallId": "call_1", "toolName": "track", "input": {"order": 7}}
        output = {"type": "json", "value": {"place": "van"}}
        found = {"type": "tool-result", "toolCallId": "call_1", "toolName": "track", "output": output}
        said = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": ASKED}]},
            {"role": "assistant", "content": [{"type": "reasoning", "text": "Look."}, made]},
            {"role": "tool", "content": [found]},
            {"role": "assistant", "content": [{"type": "text", "text": ANSWERED}]},
        ]
        expected = [SYSTEM, QUESTION, ASKING, result("call_1", '{"place": "van"}'), ANSWER]
        assert only({"messages": said}, "ai-sdk").messages == expected

    def test_file_that_is_no_image_is_refused(self) -> None:
        file = {"type": "file", "mediaType": "application/pdf", "url": "https://example.com/a.pdf"}
        row = {"messages": [{"role": "user", "parts": [{"type": "text", "text": ASKED}, file]}, ANSWER]}
        with pytest.raises(DataError, match="a part of type 'file' is neither text nor an image"):
            only(row)


def rated(**thumbs: int) -> dict[str, Any]:
    """The chat with thumbs on some of its answers."""
    row = fresh(rows.WEBUI_CHAT)
    for key, thumb in thumbs.items():
        row["chat"]["history"]["messages"][key]["annotation"] = {"rating": thumb}
    return row


class TestOpenWebUi:
    def test_rated_answer_is_read_with_the_other_one(self) -> None:
        call = only(rows.FEEDBACK, "open-webui")
        assert (call.messages, call.rejected) == (TURN, [{"role": "assistant", "content": "No idea."}])
        assert (call.rating, call.model, call.captured_at) == (5, "qwen", 1764000000)
        facts = {
            "chat": "c-1",
            "user_id": "u-1",
            "reason": "accurate_information",
            "tags": ["orders"],
            "details": {"rating": 9},
            "feedback": "f-1",
        }
        assert call.metadata == facts

    def test_answer_that_lost_is_the_rejected_one(self) -> None:
        row = fresh(rows.FEEDBACK)
        row["data"]["rating"], row["meta"]["message_id"] = "-1", "b"
        call = only(row)
        assert (call.messages, call.rejected) == (TURN, [{"role": "assistant", "content": "No idea."}])
        tree = row["snapshot"]["chat"]["chat"]["history"]["messages"]
        tree["a"]["childrenIds"] = ["b"]
        alone = only(row)
        assert (alone.messages[-1]["content"], alone.rating, alone.rejected) == ("No idea.", 1, None)

    def test_chat_is_read_up_to_its_last_answer(self) -> None:
        assert only(rows.WEBUI_CHAT, "open-webui").messages == TURN
        row = fresh(rows.WEBUI_CHAT)
        row["chat"]["history"]["currentId"] = "b"
        assert only(row).messages[-1]["content"] == "No idea."

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"snapshot": {}}, "has no snapshot of its chat"),
            ({"meta": {"message_id": "x"}}, "has no message 'x'"),
            ({"meta": {"message_id": "a"}}, "the chat has no answer"),
        ],
    )
    def test_feedback_without_its_answer_is_refused(self, change: dict[str, Any], reason: str) -> None:
        with pytest.raises(DataError, match=reason):
            only(fresh(rows.FEEDBACK, **change))

    def test_reasoning_is_left_out_and_what_the_model_had_elsewhere_is_refused(self) -> None:
        row = fresh(rows.WEBUI_CHAT)
        answer = row["chat"]["history"]["messages"]["c"]
        summary = "<summary>Thought for 3 seconds</summary>"
        answer["content"] = f'<details type="reasoning" done="true">\n{summary}\n> Look.\n</details>\n{ANSWERED}'
        assert only(row).messages == TURN
        answer["content"] = f'<details type="tool_calls" name="track"></details>\n{ANSWERED}'
        with pytest.raises(DataError, match="calls of tools as HTML"):
            only(row)
        answer.update(content=ANSWERED, sources=[{"source": {"name": "a.pdf"}, "document": ["..."]}])
        with pytest.raises(DataError, match="was made from sources"):
            only(row)

    def test_loop_and_file_are_refused(self) -> None:
        row = fresh(rows.WEBUI_CHAT)
        tree = row["chat"]["history"]["messages"]
        tree["a"]["files"] = [{"type": "image", "url": "data:image/png;base64,aGk="}]
        assert only(row).messages[1]["content"][1]["type"] == "image_url"
        tree["a"]["files"] = [{"type": "file", "name": "a.pdf"}]
        with pytest.raises(DataError, match="has a file, whose text is not in the export"):
            only(row)
        tree["a"]["parentId"] = "c"
        with pytest.raises(DataError, match="which another one names"):
            only(row)

    @pytest.mark.parametrize("thumb", [1, -1, "1"])
    def test_rated_answer_that_is_not_shown_is_a_call_of_its_own(self, thumb: object) -> None:
        row = fresh(rows.WEBUI_CHAT)
        row["chat"]["history"]["messages"]["b"]["annotation"] = {"rating": thumb, "reason": "wrong", "tags": []}
        shown, other = formats.calls_in(row, "open-webui")
        assert (shown.messages, shown.rating, shown.model) == (TURN, None, "qwen")
        assert other.messages == [*TURN[:-1], {"role": "assistant", "content": "No idea."}]
        assert (other.rating, other.model) == (1 if thumb == -1 else 5, "llama3")
        assert other.metadata == {"chat": "c-1", "user_id": "u-1", "reason": "wrong"}

    def test_answers_rated_up_and_down_are_a_pair_besides_their_ratings(self) -> None:
        row = rated(b=1, c=-1)
        lost, won = formats.calls_in(row)
        assert (lost.messages, lost.rating, lost.rejected) == (TURN, 1, None)
        assert (won.messages[-1]["content"], won.rating, won.model) == ("No idea.", 5, "llama3")
        assert won.rejected == TURN[-1:]
        alike = [(call.rating, call.rejected) for call in formats.calls_in(rated(b=1, c=1))]
        assert alike == [(5, None)] * 2

    def test_answer_that_is_better_than_several_is_in_a_pair_with_each(self) -> None:
        row = rated(b=-1, c=1)
        tree = row["chat"]["history"]["messages"]
        tree["f"] = rows.webui_message("f", "a", "assistant", "Ask them.", annotation={"rating": -1})
        tree["a"]["childrenIds"].append("f")
        found = list(formats.calls_in(row))
        pairs = [(call.messages[-1]["content"], call.rejected[0]["content"]) for call in found if call.rejected]
        assert pairs == [(ANSWERED, "No idea."), (ANSWERED, "Ask them.")]
        assert [call.rating for call in found if not call.rejected] == [1, 1]

    @pytest.mark.parametrize(("thumb", "other"), [(1, -1), (1, 1), (-1, -1)])
    def test_feedback_is_compared_with_an_answer_of_another_rating_only(self, thumb: int, other: int) -> None:
        row = fresh(rows.FEEDBACK)
        row["data"]["rating"] = thumb
        row["snapshot"]["chat"]["chat"]["history"]["messages"]["b"]["annotation"] = {"rating": other}
        call = only(row)
        assert call.rejected == ([{"role": "assistant", "content": "No idea."}] if other != thumb else None)
        assert (call.messages, call.rating) == (TURN, 5 if thumb == 1 else 1)

    @pytest.mark.parametrize("lost", ["b", "d"])
    def test_answer_without_its_question_is_refused_alone(self, lost: str) -> None:
        row = rated(b=-1, c=1)
        row["chat"]["history"]["messages"][lost]["parentId"] = "z"
        found = list(formats.read(row)[1])
        (refused,) = [each for each in found if isinstance(each, Unread)]
        where = "the answer b" if lost == "b" else "the answer that is shown"
        assert refused == Unread("malformed", f"{where}: the chat has no message 'z', which another one names")
        kept = [call for call in found if isinstance(call, Call)]
        assert kept[-1].messages == TURN
        assert (kept[-1].rejected is None) == (lost == "b")

    def test_thumb_of_an_earlier_answer_is_kept(self) -> None:
        row = fresh(rows.WEBUI_CHAT)
        tree = row["chat"]["history"]["messages"]
        tree["c"]["annotation"] = {"rating": -1}
        tree["e"] = rows.webui_message("e", "d", "assistant", "Sure.", annotation={"rating": 1})
        row["chat"]["history"]["currentId"] = "e"
        shown, earlier = formats.calls_in(row)
        assert [each["content"] for each in shown.messages[-3:]] == [ANSWERED, "Thanks", "Sure."]
        assert (shown.rating, earlier.messages, earlier.rating) == (5, TURN, 1)

    def test_answer_that_is_neither_shown_nor_rated_is_counted(self) -> None:
        found = list(formats.read(rows.WEBUI_CHAT)[1])
        assert found[1:] == [Unread("other answers")]
        checked = file_check.examine(json.dumps(rows.WEBUI_CHAT).encode()).findings
        assert [(each.code, each.field) for each in checked] == [("unread-key", "chat.other answers")]
        row = fresh(rows.WEBUI_CHAT)
        tree = row["chat"]["history"]["messages"]
        tree["b"]["annotation"] = {"rating": 1}
        assert all(isinstance(each, Call) for each in formats.read(row)[1])
        tree["b"]["sources"] = [{"source": {"name": "a.pdf"}}]
        shown, other = formats.read(row)[1]
        assert isinstance(shown, Call)
        assert isinstance(other, Unread)
        assert other.why == "malformed"
        assert other.reason.startswith("the answer b: messages[1] was made from sources")

    @pytest.mark.parametrize("is_bare", [True, False])
    def test_chat_without_its_row_or_its_tree_is_read(self, is_bare: bool) -> None:
        row = fresh(rows.WEBUI_CHAT)
        chat = row["chat"]
        tree = chat["history"]["messages"]
        if is_bare:
            assert only(chat, "open-webui").messages == TURN
        for history in ({}, None, {"messages": {}, "currentId": None}):
            alone = {**chat, "history": history, "messages": [tree["a"], tree["c"], tree["d"]]}
            assert only(alone if is_bare else {**row, "chat": alone}, "open-webui").messages == TURN
        plain = [{"role": "user", "content": ASKED}, {"role": "assistant", "content": ANSWERED}]
        assert only({"chat": {"messages": plain}}, "open-webui").messages == plain
        asked = {"messages": plain, "history": [["Hello", "Hi"]]}
        assert formats.format_of(asked) != "open-webui"

    def test_answer_that_was_stored_while_it_came_is_cut_off(self) -> None:
        row = fresh(rows.WEBUI_CHAT)
        assert not only(row).is_cut_off
        row["chat"]["history"]["messages"]["c"]["done"] = False
        assert only(row).is_cut_off

    def test_merged_answer_is_what_later_turns_had(self) -> None:
        row = fresh(rows.WEBUI_CHAT)
        row["chat"]["history"]["messages"]["c"]["merged"] = {"status": True, "content": "Both say: soon."}
        assert only(row).messages[-1]["content"] == "Both say: soon."
