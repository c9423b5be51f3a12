"""Rows of public data sets with tools, contexts, or columns of other names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.dialects.written_calls import written_calls
from fine_tuning.data_io.formats import xlam
from fine_tuning.errors import DataError
from tests.data_io import dataset_rows as rows
from tests.data_io.dataset_rows import ANSWERED, ASKED, FUNCTION, GLAIVE, SQUAD, TOOLACE, TOOLS, XLAM
from tests.data_io.vendor_rows import ANSWER, QUESTION, only


def called(call: formats.Call) -> list[dict[str, Any]]:
    return [each["function"] for message in call.messages for each in message.get("tool_calls", [])]


class TestXlam:
    def test_row_is_read_with_a_schema_of_its_parameters(self) -> None:
        call = only(XLAM, "xlam")
        assert called(call) == [{"name": "track", "arguments": '{"order": 7}'}]
        (tool,) = call.tools or []
        assert tool["function"]["parameters"] == {
            "type": "object",
            "properties": {
                "order": {"description": "Its number", "type": "integer"},
                "tags": {"description": "Labels", "type": "array", "items": {"type": "string"}, "default": ""},
            },
            "required": ["order"],
        }

    def test_lists_in_place_of_json_text_are_read(self) -> None:
        row = {**XLAM, "answers": json.loads(XLAM["answers"]), "tools": json.loads(XLAM["tools"])}
        assert only(row, "xlam") == only(XLAM)

    @pytest.mark.parametrize(
        ("answers", "message"),
        [
            ("[]", "answers has no call; write what the model should say as response"),
            ("[{'name': 'track'}]", "answers is in single quotes"),
            ('["track"]', "answers must be a list of calls"),
        ],
    )
    def test_row_without_calls_is_refused(self, answers: str, message: str) -> None:
        with pytest.raises(DataError, match=message):
            only({**XLAM, "answers": answers})

    def test_row_comes_back_as_it_was_written(self) -> None:
        call = only({**XLAM, "tools": json.dumps([FUNCTION])})
        again = only(dict(xlam.row_of(call.messages, call.tools)), "xlam")
        assert (again.messages, again.tools) == (call.messages, call.tools) == (call.messages, TOOLS)
        with pytest.raises(DataError, match="xlam rows hold one question and the calls"):
            xlam.row_of([QUESTION, ANSWER])  # type: ignore[list-item]


class TestGlaive:
    def test_functions_calls_and_results_are_read(self) -> None:
        call = only(GLAIVE, "glaive")
        assert [each["role"] for each in call.messages] == ["system", "user", "assistant", "tool", "assistant"]
        assert call.messages[0]["content"] == "You are a helpful assistant"
        assert called(call) == [{"name": "track", "arguments": '{"order": 7}'}]
        assert call.tools == TOOLS
        sample = f"{GLAIVE['system']}\n{GLAIVE['chat']}"
        assert only({"sample": sample}, "glaive") == call

    def test_chat_without_functions_keeps_its_system_prompt(self) -> None:
        system = "SYSTEM: You are a helpful assistant, with no access to external functions."
        call = only({"system": system, "chat": f"USER: {ASKED}\n\n\nASSISTANT: {ANSWERED} <|endoftext|>\n"})
        assert call.messages[0]["content"] == system.removeprefix("SYSTEM: ")
        assert (call.messages[1:], call.tools) == ([QUESTION, ANSWER], None)

    def test_quoted_arguments_may_hold_apostrophes(self) -> None:
        written = """{"name": "note", "arguments": '{"text": "it\\'s here"}'}"""
        chat = f"USER: {ASKED}\n\n\nASSISTANT: <functioncall> {written} <|endoftext|>\n"
        assert called(only({"system": "", "chat": chat})) == [{"name": "note", "arguments": '{"text": "it\'s here"}'}]
        turn = {"from": "function-call", "value": written}
        assert called(only({"conversations": [{"from": "human", "value": ASKED}, turn]}))[0]["name"] == "note"

    def test_functions_that_are_no_json_are_refused(self) -> None:
        with pytest.raises(DataError, match="system defines functions that are no JSON"):
            only({**GLAIVE, "system": "SYSTEM: Use these -\n{'name': track}"})


class TestToolAce:
    def test_calls_written_as_code_are_read_under_plain_names(self) -> None:
        call = only(TOOLACE, "toolace")
        assert call.messages[0]["content"] == "You are an expert in composing functions. Today is Monday."
        assert called(call) == [{"name": "Track_Order", "arguments": '{"order": 7}'}]
        assert [each["function"]["name"] for each in call.tools or []] == ["Track_Order"]
        assert call.tools
        assert call.tools[0]["function"]["parameters"] == rows.SCHEMA
        assert call.messages[3]["role"] == "tool"

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("[a(), b.c(x=1.5, y=[1, {'k': true}])]", [("a", {}), ("b.c", {"x": 1.5, "y": [1, {"k": True}]})]),
            ('[Get It(text="a) ]\'b", no=null, at=-3)]', [("Get It", {"text": "a) ]'b", "no": None, "at": -3})]),
            ("[1, 2]", None),
            ("[see above]", None),
            ("[f(1)]", None),
            ("[f(x=open('a'))]", None),
            ("f(x=1)", None),
        ],
    )
    def test_written_calls_are_told_from_other_lists(self, text: str, found: list[tuple[str, Any]] | None) -> None:
        calls = written_calls(text)
        assert (calls and [(each["name"], each["arguments"]) for each in calls]) == found

    def test_list_that_names_no_function_is_an_answer(self) -> None:
        turns = [*TOOLACE["conversations"][:1], {"from": "assistant", "value": "[other(order=7)]"}]
        assert only({**TOOLACE, "conversations": turns}).messages[-1]["content"] == "[other(order=7)]"


class TestSquad:
    def test_first_answer_stands_behind_the_context(self) -> None:
        row = {
            **SQUAD,
            "context": "Order 7 is in a van.",
            "answers": {"text": ["a van", "van"], "answer_start": [14, 16]},
        }
        call = only(row, "squad")
        assert [each["content"] for each in call.messages] == [f"{ASKED}\n\nOrder 7 is in a van.", "a van"]
        listed = [{"text": "a van", "answer_start": 14}]
        assert only({**row, "answers": listed}, "squad").messages == call.messages

    def test_question_without_answer_is_refused(self) -> None:
        with pytest.raises(DataError, match="answers holds no answer"):
            only({**SQUAD, "answers": {"text": [], "answer_start": []}})


class TestColumns:
    @pytest.mark.parametrize(
        ("asked", "answered"),
        [("inputs", "targets"), ("src", "tgt"), ("problem", "solution"), ("Human", "Assistant"), ("User", "Assistant"),
         ("dialogue", "summary"), ("article", "highlights"), ("question", "solution")],
    )  # fmt: skip
    def test_pairs_of_names_are_read(self, asked: str, answered: str) -> None:
        call = only({asked: ASKED, answered: ANSWERED, "split": "train"}, "question-answer")
        assert (call.messages, call.metadata) == ([QUESTION, ANSWER], {"split": "train"})

    def test_short_answer_may_stand_in_the_solution(self) -> None:
        row = {"problem": ASKED, "solution": ANSWERED, "answer": "way"}
        assert only(row).messages == [QUESTION, ANSWER]
        with pytest.raises(DataError, match="it is open which of answer and solution is the answer; rename"):
            only({**row, "answer": "a van"})

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ({"source": ASKED, "target": ANSWERED}, "source and target may be a question and its answer, or facts"),
            ({"translation": {"en": "yes", "fr": "oui"}}, "translation holds a text in en and fr, and not which"),
            ({"question": "a", "input": "b", "answer": "c"}, "it is open which of question and input is the question"),
        ],
    )
    def test_open_columns_are_refused_with_what_to_rename(self, row: dict[str, Any], message: str) -> None:
        with pytest.raises(DataError, match=message):
            only(row)

    def test_paired_answers_of_stack_exchange_are_a_pair(self) -> None:
        row = {"qid": 1, "question": ASKED, "date": "2012/01/01", "metadata": ["https://a.example/q/1"]}
        call = only({**row, "response_j": ANSWERED, "response_k": "No idea."}, "preference")
        assert (call.messages, call.rejected) == ([QUESTION, ANSWER], [{"role": "assistant", "content": "No idea."}])
        assert call.metadata == {"qid": 1, "date": "2012/01/01", "sources": ["https://a.example/q/1"]}
