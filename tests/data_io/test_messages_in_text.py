"""Cells that hold messages as JSON text, and texts that are JSON and no messages."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.sources import read
from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import ANSWER, QUESTION, only

PAIRS = [("prompt", "completion"), ("input", "output"), ("question", "answer"), ("instruction", "output")]


@pytest.mark.parametrize("names", PAIRS)
def test_cells_of_messages_are_read_as_messages(names: tuple[str, str], tmp_path: Path) -> None:
    row = dict(zip(names, (json.dumps([QUESTION]), json.dumps([ANSWER])), strict=True))
    table = io.StringIO()
    writer = csv.DictWriter(table, names)
    writer.writeheader()
    writer.writerow(row)
    (tmp_path / "rows.csv").write_text(table.getvalue())
    (from_csv,) = read(str(tmp_path / "rows.csv"))
    for given in (row, json.loads(from_csv.text or b"")):
        assert only(given).messages == [QUESTION, ANSWER]


@pytest.mark.parametrize("names", PAIRS)
@pytest.mark.parametrize(
    "text",
    [
        '{"place": "van"}',
        '{"role": "nurse", "content": "ward 3"}',
        json.dumps([QUESTION, ANSWER]),  # a conversation that the model was asked to write
        json.dumps(ANSWER),
        json.dumps([ANSWER]),
        json.dumps({"from": "gpt", "value": "Hi."}),
        "[1, 2]",
        "[]",
    ],
)
def test_answer_that_is_json_of_its_own_stays_text(names: tuple[str, str], text: str) -> None:
    assert only({names[0]: "Write JSON.", names[1]: text}).messages[-1] == {"role": "assistant", "content": text}


@pytest.mark.parametrize("names", PAIRS)
@pytest.mark.parametrize("earlier", [[], [{"role": "system", "content": "Be brief."}], [QUESTION, ANSWER]])
def test_answer_that_holds_its_question_is_the_conversation(
    names: tuple[str, str], earlier: list[dict[str, str]]
) -> None:
    whole = [*earlier, QUESTION, ANSWER]
    assert only({names[0]: QUESTION["content"], names[1]: json.dumps(whole)}).messages == whole


@pytest.mark.parametrize("names", PAIRS)
@pytest.mark.parametrize("value", [ANSWER, [ANSWER], {"from": "gpt", "value": ANSWER["content"]}])
def test_messages_of_the_assistant_behind_a_plain_question_are_its_answer(
    names: tuple[str, str], value: object
) -> None:
    assert only({names[0]: QUESTION["content"], names[1]: json.dumps(value)}).messages == [QUESTION, ANSWER]


@pytest.mark.parametrize("names", PAIRS)
def test_conversation_behind_another_question_is_refused_unless_it_was_asked_for(names: tuple[str, str]) -> None:
    text = json.dumps([QUESTION, ANSWER])
    with pytest.raises(DataError, match=f"{names[1]} holds messages, and {names[0]} is none of them"):
        only({names[0]: "Refunds", names[1]: text})
    for asked in ("Invent a chat about refunds.", "Escribe una conversación.", "写一段对话"):
        assert only({names[0]: asked, names[1]: text}).messages[-1]["content"] == text


@pytest.mark.parametrize("names", PAIRS)
@pytest.mark.parametrize("text", [json.dumps(QUESTION), json.dumps([QUESTION, ANSWER]), '"Who?"'])
def test_question_that_is_json_of_its_own_stays_text(names: tuple[str, str], text: str) -> None:
    found = only({names[0]: text, names[1]: "What is that?"}).messages
    assert found == [{"role": "user", "content": text}, {"role": "assistant", "content": "What is that?"}]


def test_answer_beside_a_question_in_messages_may_be_one_message() -> None:
    assert only({"prompt": json.dumps([QUESTION]), "response": json.dumps(ANSWER)}).messages == [QUESTION, ANSWER]
    text = json.dumps(ANSWER)
    assert only({"prompt": [QUESTION], "response": text}).messages == [QUESTION, {"role": "assistant", "content": text}]


@pytest.mark.parametrize("text", [json.dumps(ANSWER), json.dumps([ANSWER]), '"Quoted."', '{"place": "van"}', "[1]"])
def test_answer_of_a_pair_that_is_json_of_its_own_stays_text(text: str) -> None:
    call = only({"prompt": "Write JSON.", "chosen": text, "rejected": "No."})
    assert call.messages == [{"role": "user", "content": "Write JSON."}, {"role": "assistant", "content": text}]


@pytest.mark.parametrize("whole", [[QUESTION, ANSWER], [ANSWER]])
def test_answers_of_a_pair_that_are_lists_of_messages_are_read_as_messages(whole: list[dict[str, str]]) -> None:
    worse = [*whole[:-1], {**ANSWER, "content": "No."}]
    asked = QUESTION["content"]
    call = only({"prompt": asked, "chosen": json.dumps(whole), "rejected": json.dumps(worse)})
    assert (call.messages, call.rejected) == ([QUESTION, ANSWER], worse[-1:])


@pytest.mark.parametrize("text", [json.dumps([ANSWER]), json.dumps(ANSWER)])
def test_texts_of_a_captured_example_are_as_they_were_said(text: str) -> None:
    asked = json.dumps([QUESTION])
    found = only({"prompt": asked, "response": text, "captured_at": "2026-01-01T00:00:00Z"}).messages
    assert [each["content"] for each in found] == [asked, text]


@pytest.mark.parametrize("row", [{"question": "", "answer": "a", "context": "c"}, {"instruction": "", "input": "c"}])
def test_messages_beside_more_of_the_question_are_refused(row: dict[str, str]) -> None:
    key = next(iter(row))
    with pytest.raises(DataError, match=f"{key} holds messages"):
        only({**row, key: json.dumps([QUESTION]), **({} if "answer" in row else {"output": "a"})})


@pytest.mark.parametrize("given", [json.dumps([QUESTION]), json.dumps({"messages": [QUESTION]}), QUESTION["content"]])
def test_trace_of_langfuse_is_a_log(given: str) -> None:
    row = {"id": "t1", "timestamp": "2026-01-02T03:04:05Z", "name": "chat", "userId": "u", "input": given}
    row |= {"output": json.dumps(ANSWER), "sessionId": "s", "bookmarked": "false", "latency": "1.2"}
    assert formats.format_of(row) == "langfuse"
    call = only(row)
    assert (call.messages, call.metadata["trace"], call.rating) == ([QUESTION, ANSWER], "t1", None)
