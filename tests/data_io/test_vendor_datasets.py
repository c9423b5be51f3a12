"""Argilla's records, columns of questions and answers, and texts with the marks of chat templates."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError
from tests.data_io import vendor_rows as rows
from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, QUESTION, TURN, fresh, only


class TestArgilla:
    def test_answers_of_people_come_before_suggestions(self) -> None:
        call = only(rows.ARGILLA, "argilla")
        assert (call.messages, call.rating) == ([QUESTION, ANSWER], 4)
        assert call.metadata == {
            "source": "crm",
            "record": "1",
            "status": "completed",
            "answers": {"rating": 4},
        }
        suggested = fresh(rows.ARGILLA, responses={})
        assert only(suggested).rating == 2

    def test_record_of_version_1_is_read(self) -> None:
        values = {"response": {"value": ANSWERED}, "quality": {"value": 3}}
        row = {
            "fields": {"prompt": ASKED, "context": "Orders: 7."},
            "responses": [
                {"user_id": "u", "status": "discarded", "values": None},
                {"user_id": "v", "status": "submitted", "values": values},
            ],
            "suggestions": [{"question_name": "response", "value": "No idea.", "agent": "gpt"}],
            "external_id": None,
            "metadata": "{}",
        }
        call = only(row, "argilla")
        assert call.messages == [{"role": "user", "content": f"{ASKED}\n\nOrders: 7."}, ANSWER]
        assert call.rating == 3
        del values["quality"]
        assert only(row).rating == 5  # somebody wrote it

    def test_flat_record_is_read(self) -> None:
        row = {
            "id": "1", "status": "completed", "_server_id": None, "instruction": ASKED, "response": ANSWERED,
            "rating.responses": [2], "rating.responses.users": ["u"], "rating.responses.status": ["submitted"],
        }  # fmt: skip
        call = only(row, "argilla")
        assert (call.messages, call.rating) == ([QUESTION, ANSWER], 2)

    @pytest.mark.parametrize(
        "choice", ["response_b", [{"value": "response_b", "rank": 1}, {"value": "response_a", "rank": 2}]]
    )
    def test_comparison_is_a_pair(self, choice: object) -> None:
        fields = {"prompt": ASKED, "response_a": "No idea.", "response_b": ANSWERED}
        row = {"fields": fields, "responses": {"preference": [{"value": choice, "user_id": "u"}]}, "suggestions": {}}
        call = only(row, "argilla")
        assert (call.messages, call.rejected) == ([QUESTION, ANSWER], [{"role": "assistant", "content": "No idea."}])
        tie = [{"value": "response_a", "rank": 1}, {"value": "response_b", "rank": 1}]
        row["responses"] = {"preference": [{"value": tie, "user_id": "u"}]}
        with pytest.raises(DataError, match="no answer says which is better"):
            only(row)

    def test_discarded_record_has_no_call_and_others_name_what_is_missing(self) -> None:
        discarded = fresh(rows.ARGILLA, responses={"rating": [{"value": 1, "status": "discarded"}]})
        assert list(formats.calls_in(discarded)) == []
        with pytest.raises(DataError, match="has no question"):
            only(fresh(rows.ARGILLA, fields={"text": "a"}))
        with pytest.raises(DataError, match="has no answer"):
            only(fresh(rows.ARGILLA, fields={"prompt": "a"}))


class TestQuestionsAndTexts:
    @pytest.mark.parametrize(
        ("asked", "answered"),
        [("question", "answer"), ("query", "response"), ("input", "output"), ("Q", "A"), ("Question", "Answer"),
         ("question", "response"), ("instruction", "response"), ("query", "answer"), ("prompt", "answer")],
    )  # fmt: skip
    def test_columns_in_common_use_are_read(self, asked: str, answered: str) -> None:
        call = only({asked: ASKED, answered: ANSWERED, "source": "crm"}, "question-answer")
        assert (call.messages, call.metadata) == ([QUESTION, ANSWER], {"source": "crm"})

    def test_dolly_and_openorca_are_read(self) -> None:
        dolly = {"instruction": ASKED, "context": "", "response": ANSWERED, "category": "open_qa"}
        assert only(dolly).messages == [QUESTION, ANSWER]
        with_context = only({**dolly, "context": "Orders: 7."})
        assert with_context.messages[0]["content"] == f"{ASKED}\n\nOrders: 7."
        assert with_context.metadata == {"category": "open_qa"}
        orca = {"id": "niv.1", "system_prompt": "Be brief.", "question": ASKED, "response": ANSWERED}
        assert only(orca, "question-answer").messages == TURN

    @pytest.mark.parametrize(
        "row",
        [
            {"question": ASKED, "answer": ANSWERED, "input": "a"},
            {"question": ASKED, "answer": ANSWERED, "response": "b"},
            {"question": ASKED, "answer": [3]},
        ],
    )
    def test_columns_that_are_open_are_no_question_and_answer(self, row: dict[str, Any]) -> None:
        assert formats.format_of(row) is None

    def test_input_beside_an_instruction_is_part_of_the_question(self) -> None:
        row = {"instruction": "Where is", "input": "order 7?", "response": ANSWERED}
        assert only(row, "question-answer").messages[0]["content"] == "Where is\n\norder 7?"

    @pytest.mark.parametrize("key", ["options", "choices"])
    def test_options_beside_a_question_are_refused(self, key: str) -> None:
        with pytest.raises(DataError, match=f"{key} are part of the question; write them into it"):
            only({"question": ASKED, "answer": "B", key: ["a van", "a ship"]})

    @pytest.mark.parametrize("others", [{"persona": ["a b"]}, {"history": "a, b"}])
    def test_column_of_the_conversation_is_not_lost(self, others: dict[str, Any]) -> None:
        with pytest.raises(DataError, match="is not part of the conversation, and would be lost"):
            only({"question": ASKED, "answer": ANSWERED, **others})

    @pytest.mark.parametrize(
        "text",
        [
            f"<|im_start|>system\nBe brief.<|im_end|>\n{rows.CHATML}<|endoftext|>",
            f"<|im_start|>system\nBe brief.<|im_end|>\n{rows.CHATML.removesuffix('<|im_end|>' + chr(10))}",
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user"
            f"<|end_header_id|>\n\n{ASKED}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{ANSWERED}<|eot_id|>",
            f"<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n{ASKED} [/INST] {ANSWERED} </s>",
        ],
    )
    def test_marks_of_chat_templates_are_turns(self, text: str) -> None:
        assert only({"text": text}, "chat-text").messages == TURN

    def test_prompt_with_marks_and_its_answer_are_read(self) -> None:
        prompt = f"<|im_start|>user\n{ASKED}<|im_end|>\n<|im_start|>assistant\n"
        row = {"prompt": prompt, "completion": f" {ANSWERED}<|im_end|>"}
        assert only(row, "chat-text").messages == [QUESTION, ANSWER]

    def test_several_turns_and_tools_in_marks_are_read(self) -> None:
        text = f"<s>[INST] Hi [/INST] Hello</s><s>[INST] {ASKED} [/INST] {ANSWERED}</s>"
        hello = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
        assert only({"text": text}).messages == [*hello, QUESTION, ANSWER]
        call = '<tool_call>\n{"name": "track", "arguments": {"order": 7}}\n</tool_call>'
        turns = [("user", ASKED), ("assistant", call), ("user", "<tool_response>\nvan\n</tool_response>"),
                 ("assistant", ANSWERED)]  # fmt: skip
        text = "".join(f"<|im_start|>{role}\n{words}<|im_end|>\n" for role, words in turns)
        found = only({"text": text}).messages
        assert [each["role"] for each in found] == ["user", "assistant", "tool", "assistant"]
        assert found[2]["content"] == "van"

    @pytest.mark.parametrize("text", ["Use [INST] here.", "The mark <|im_start|> begins a turn.", "[INST] left open"])
    def test_text_that_names_marks_is_no_conversation(self, text: str) -> None:
        assert formats.format_of({"text": text}) is None

    @pytest.mark.parametrize(
        "text",
        [f"{rows.CHATML}and more", f"<s>[INST] {ASKED} [/INST] [TOOL_CALLS] track(7)</s>"],
    )
    def test_text_beside_marks_is_refused(self, text: str) -> None:
        with pytest.raises(DataError, match="marks of a chat template, and text beside them"):
            only({"text": text})


@pytest.mark.parametrize(
    ("asked", "answered"), [("question", "answer"), ("instruction", "output"), ("prompt", "response")]
)
def test_choices_that_the_question_does_not_say_are_refused_in_every_format(asked: str, answered: str) -> None:
    row = {asked: "Which?", answered: 1}
    for choices in (["Rom", "मिलान"], {"A": "Rom"}, {"text": ["Rom"], "label": ["1"]}, '["Rom"]', [4, 5]):
        with pytest.raises(DataError, match="options are part of the question"):
            list(formats.calls_in({**row, "options": choices}))
        said = {**row, asked: "Which?\n1. Rom\n2. मिलान\nA 4 5", "options": choices}
        assert [call.messages[-1]["content"] for call in formats.calls_in(said)] == ["1"]
    assert len(list(formats.calls_in({**row, "options": {"temperature": 0.2, "stop": ["x"]}}))) == 1
