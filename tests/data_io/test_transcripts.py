"""Conversations as one text with a name before each turn."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from tests.data_io.dataset_rows import ANSWERED, ASKED
from tests.data_io.vendor_rows import ANSWER, QUESTION, only

VICUNA = "A chat between a curious user and an artificial intelligence assistant. The assistant is polite."
BELOW = "Below is an instruction that describes a task. Write a response that appropriately completes the request."
EARLIER = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello: you"}]


def system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


@pytest.mark.parametrize(
    ("before", "messages"),
    [
        (f"USER: {ASKED} ASSISTANT:", [QUESTION]),
        (f"USER: Hi\nASSISTANT: Hello: you\nUSER: {ASKED}\nASSISTANT:", [*EARLIER, QUESTION]),
        (f"{VICUNA} USER: Hi ASSISTANT: Hello: you</s>USER: {ASKED} ASSISTANT:", [system(VICUNA), *EARLIER, QUESTION]),
        (f"### Human: Hi\n### Assistant: Hello: you\n### Human: {ASKED}\n### Assistant:", [*EARLIER, QUESTION]),
        (f"### Human: Hi### Assistant: Hello: you### Human: {ASKED}### Assistant:", [*EARLIER, QUESTION]),
        (f"\n\nHuman: Hi\n\nAssistant: Hello: you\n\nHuman: {ASKED}\n\nAssistant:", [*EARLIER, QUESTION]),
        (f"{BELOW}\n\n### Instruction:\n{ASKED}\n\n### Response:", [system(BELOW), QUESTION]),
        (f"### Instruction:\n{ASKED}\n\n### Input:\n<noinput>\n\n### Response:\n", [QUESTION]),
    ],
)
def test_transcript_is_read_as_turns(before: str, messages: list[dict[str, Any]]) -> None:
    assert only({"prompt": before, "response": f" {ANSWERED}</s>"}, "prompt-response").messages == [*messages, ANSWER]
    assert only({"text": f"{before} {ANSWERED}"}, "chat-text").messages == [*messages, ANSWER]


@pytest.mark.parametrize("names", [("instruction", "output"), ("prompt", "response"), ("question", "answer")])
@pytest.mark.parametrize(
    ("asked", "messages"),
    [
        (f"Human: {ASKED}\nAssistant:", [QUESTION]),
        (f"Human:Hi\nAssistant:Hello: you\nHuman:{ASKED}\nAssistant:\n", [*EARLIER, QUESTION]),
        (f"Human: Hi\nAssistant: Hello: you\n\nHuman: {ASKED}\n\nAssistant:", [*EARLIER, QUESTION]),
    ],
)
def test_question_with_a_name_before_each_line_is_read_as_turns(
    names: tuple[str, str], asked: str, messages: list[dict[str, Any]]
) -> None:
    assert only({names[0]: asked, names[1]: ANSWERED}).messages == [*messages, ANSWER]
    pair = only({"prompt": asked, "chosen": ANSWERED, "rejected": "No."})
    assert (pair.messages, pair.rejected) == ([*messages, ANSWER], [{"role": "assistant", "content": "No."}])


def test_lines_that_are_quoted_in_a_turn_stay_in_it() -> None:
    asked = "Human: Who says\nHuman: Hi\nAssistant: Hello\n\nAssistant: Both.\n\nHuman: Really?\n\nAssistant:"
    first, *_ = only({"prompt": asked, "response": ANSWERED}).messages
    assert first["content"] == "Who says\nHuman: Hi\nAssistant: Hello"


def test_input_of_an_instruction_stands_behind_it() -> None:
    text = f"### Instruction:\nWhere is\n\n### Input:\norder 7?\n\n### Response:\n{ANSWERED}"
    assert [each["content"] for each in only({"text": text}).messages] == ["Where is\n\norder 7?", ANSWERED]


@pytest.mark.parametrize(
    "prompt",
    [
        f"USER: {ASKED} ASSISTANT: {ANSWERED}",
        "What does USER: mean? ASSISTANT:",
        "USER:tom ASSISTANT:",
        "Human: resources\nAssistant: manager\nWhich is a job?",
        "Human: first\nHuman: second\nAssistant:",
        "ASSISTANT: Hi USER: Hello ASSISTANT:",
        "A chat between friends. USER: a ASSISTANT:",
    ],
)
def test_question_that_quotes_a_transcript_stays(prompt: str) -> None:
    assert only({"prompt": prompt, "response": ANSWERED}).messages[0]["content"] == prompt


@pytest.mark.parametrize(
    "text", [f"USER: {ASKED}", f"USER: {ASKED} ASSISTANT:", "The USER: and the ASSISTANT: are names."]
)
def test_text_without_an_answer_is_no_transcript(text: str) -> None:
    assert formats.format_of({"text": text}) is None
