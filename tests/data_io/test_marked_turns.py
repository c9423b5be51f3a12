"""Marks of a chat template around the texts of messages, and in fields of Argilla's: they are no text of a turn."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from tests.data_io.test_marks_in_columns import EARLIER, WORSE, WRITTEN
from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, QUESTION, only

END = "<|im_end|>"


def chat(*texts: str) -> dict[str, Any]:
    roles = ("user", "assistant") * len(texts)
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]}


def record(fields: dict[str, str], **given: Any) -> dict[str, Any]:
    return {"id": "1", "fields": fields, "responses": given or {"quality": [{"value": 4}]}, "suggestions": {}}


@pytest.mark.parametrize("name", WRITTEN)
def test_marks_of_a_record_are_turns(name: str) -> None:
    text, end, turns = WRITTEN[name]
    answered = ANSWERED + end
    for field in ("prompt", "instruction", "question"):
        assert only(record({field: text, "response": answered})).messages == [*turns, ANSWER]
    assert only(record({"prompt": text, "response": "x"}, correction=[{"value": answered}])).messages[-1] == ANSWER
    pair = only(record({"prompt": text, "chosen": answered, "rejected": WORSE["content"] + end}))
    assert (pair.messages, pair.rejected) == ([*turns, ANSWER], [WORSE])
    if name != "human":
        assert only(record({"prompt": text + ANSWERED + end})).messages == [*turns, ANSWER]


@pytest.mark.parametrize("name", WRITTEN)
def test_marks_in_contents_of_messages_are_turns(name: str) -> None:
    text, end, turns = WRITTEN[name]
    assert only(chat(text, ANSWERED + end)).messages == [*turns, ANSWER]


def test_transcript_in_the_first_question_is_its_turns() -> None:
    asked = f"Human: Hi\nAssistant: Hello\nHuman: {ASKED}\nAssistant:"
    messages = only(chat(asked, ANSWERED)).messages
    assert [each["content"] for each in messages] == ["Hi", "Hello", ASKED, ANSWERED]
    for texts in ((f"Say it as an\nAssistant: {ASKED}", ANSWERED), (ASKED, ANSWERED, asked, ANSWERED)):
        assert [each["content"] for each in only(chat(*texts)).messages] == list(texts)


@pytest.mark.parametrize("end", ["<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|im_end|>\n"])
def test_mark_of_an_end_alone_is_no_text(end: str) -> None:
    turns = [*EARLIER, QUESTION, ANSWER]
    assert only(chat(*(str(each["content"]) + end for each in turns))).messages == turns
    assert only(chat(ASKED, ANSWERED + end)).messages == [QUESTION, ANSWER]


def test_turn_with_its_own_marks_is_its_text() -> None:
    said = f"<|im_start|>assistant\n{ANSWERED}{END}"
    row = chat(f"<|im_start|>user\n{ASKED}{END}", said)
    assert only(row).messages == [QUESTION, ANSWER]
    assert only(chat(ASKED, f"<|im_start|>user\n{ASKED}{END}\n{said}")).messages == [QUESTION, ANSWER]
    turns = [{"from": who, "value": f"{text}{END}"} for who, text in (("human", ASKED), ("gpt", ANSWERED))]
    assert only({"conversations": turns}).messages == [QUESTION, ANSWER]


@pytest.mark.parametrize(
    "texts",
    [
        ("What does <|im_start|> mean?", "It begins a turn."),
        ("Which mark ends a turn in Llama 3?", "<|eot_id|>"),
        ("Which mark ends a turn in Llama 3?", "It is <|eot_id|>"),
        ("What is <|eot_id|> for?", "It ends:<|eot_id|>"),
        ("Which?", "`<|eot_id|>`"),
        ("Write it as ChatML: hi, hello", f"<|im_start|>user\nhi{END}\n<|im_start|>assistant\nhello{END}"),
        (f"<|im_start|>user\nhi{END}\nWhat is this?", "ChatML."),
        ("Strike old", "<s>old</s>"),
        ("Shift x", "x <<INST] and a<|b"),
    ],
)
def test_text_about_marks_stays(texts: tuple[str, str]) -> None:
    assert tuple(each["content"] for each in only(chat(*texts)).messages) == texts


def test_texts_of_a_captured_example_stay() -> None:
    row = {**chat(ASKED, ANSWERED + END), "captured_at": "2026-01-02T03:04:05Z"}
    (call,) = formats.calls_in(row)
    assert call.messages[-1]["content"] == ANSWERED + END
