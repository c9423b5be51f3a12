"""Questions and answers in columns, written with the marks of a chat template: one reading in all formats."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError
from tests.data_io.test_chat_text import TEMPLATES, headed
from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, QUESTION, SYSTEM, only

WORSE = {"role": "assistant", "content": "No idea."}
EARLIER = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]


def _asked(name: str) -> tuple[str, str]:
    """A question with its marks, and the mark that ends an answer."""
    start, after, end, assistant = TEMPLATES[name]
    turns = [("system", "Be brief."), ("user", "Hi"), (assistant, "Hello."), ("user", ASKED)]
    return f"{headed(start, after, end, *turns)}{start}{assistant}{after}", f"{end}\n"


HUMAN = f"\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: {ASKED}\n\nAssistant:"
LLAMA2 = f"<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello. </s><s>[INST] {ASKED} [/INST]"
WRITTEN = {
    **{name: (*_asked(name), [SYSTEM, *EARLIER, QUESTION]) for name in TEMPLATES},
    "llama 2": (LLAMA2, " </s>", [SYSTEM, *EARLIER, QUESTION]),
    "human": (HUMAN, "", [*EARLIER, QUESTION]),
}
COLUMNS = [
    ("prompt", "completion"),
    ("prompt", "response"),
    ("prompt", "answer"),
    ("question", "answer"),
    ("query", "response"),
    ("instruction", "output"),
    ("input", "output"),
]


@pytest.mark.parametrize(("asked", "answered"), COLUMNS)
@pytest.mark.parametrize("name", WRITTEN)
def test_marks_of_a_question_are_its_turns_whatever_its_column(name: str, asked: str, answered: str) -> None:
    text, end, turns = WRITTEN[name]
    call = only({asked: text, answered: f" {ANSWERED}{end}"})
    assert call.messages == [*turns, ANSWER]


@pytest.mark.parametrize("asked", ["prompt", "question", "instruction"])
@pytest.mark.parametrize("name", WRITTEN)
def test_marks_of_a_pair_are_turns(name: str, asked: str) -> None:
    text, end, turns = WRITTEN[name]
    pair = {"chosen": f" {ANSWERED}{end}", "rejected": f" {WORSE['content']}{end}"}
    call = only({asked: text, **pair}, "preference")
    assert (call.messages, call.rejected) == ([*turns, ANSWER], [WORSE])
    whole = {side: text + (said if name == "human" else said.lstrip()) for side, said in pair.items()}
    for row in (whole, {asked: text, **whole}):
        call = only(row, "preference")
        assert (call.messages, call.rejected) == ([*turns, ANSWER], [WORSE])


def test_answer_between_marks_is_the_answer() -> None:
    said = f"<|im_start|>assistant\n{ANSWERED}<|im_end|>"
    for row in ({"prompt": ASKED, "completion": said}, {"question": ASKED, "answer": said}):
        assert only(row).messages == [QUESTION, ANSWER]
    call = only({"prompt": ASKED, "chosen": said, "rejected": said.replace(ANSWERED, WORSE["content"])})
    assert (call.messages, call.rejected) == ([QUESTION, ANSWER], [WORSE])


@pytest.mark.parametrize(
    "text",
    [
        "What does <|im_start|> mean?",
        "Human: hi\n\nAssistant: ho\n\nSummarise this talk.",
        "Is [INST] a mark of Llama 2?",
        "<b>[INST]</b> is what?",
    ],
)
def test_question_about_marks_stays(text: str) -> None:
    said = "It begins a turn; <|im_end|> ends it, as </s> does: <|im_end|>"
    for asked, answered in COLUMNS:
        assert [each["content"] for each in only({asked: text, answered: said}).messages] == [text, said]
    example = {"prompt": WRITTEN["chatml"][0], "response": "Turns.", "captured_at": "2026-01-02T03:04:05Z"}
    assert only(example).messages[0]["content"] == WRITTEN["chatml"][0]  # as it was captured


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "<|im_start|>user\nq<|im_end|> and", "chosen": "a", "rejected": "b"}, "prompt has marks"),
        ({"question": "<|im_start|>user\nq<|im_end|> and", "answer": "a"}, "question has marks"),
        ({"instruction": "<|im_start|>user\nq<|im_end|>", "input": "i", "output": "a"}, "instruction holds messages"),
        (
            {"instruction": "<|im_start|>user\nq<|im_end|>", "input": "i", "chosen": "a", "rejected": "b"},
            "instruction holds turns",
        ),
        ({"question": '[AVAILABLE_TOOLS][{"name": "f"}][/AVAILABLE_TOOLS][INST]q[/INST]', "answer": "a"}, "tools"),
        ({"text": "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\nso 42<|im_end|>", "answer": "43"}, "another"),
    ],
)
def test_marks_that_cannot_be_turns_are_refused_by_name(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        list(formats.calls_in(row))
