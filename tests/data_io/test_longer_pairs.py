"""Pairs whose answers end a longer conversation, and chats and traces that say more than they seem to."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.formats import Call
from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import only


def said(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


FIRST, REPLY, SECOND = said("user", "When is high tide?"), said("assistant", "Where?"), said("user", "At Brest.")
GOOD, BAD, SYSTEM = said("assistant", "At 06:12."), said("assistant", "No idea."), said("system", "Be brief.")
PAIR = {"chosen": [FIRST, REPLY, SECOND, GOOD], "rejected": [FIRST, REPLY, SECOND, BAD]}


def call_of(row: dict[str, Any]) -> Call:
    (found,) = formats.calls_in(row)
    return found


@pytest.mark.parametrize(
    "prompt",
    [
        FIRST["content"], SECOND["content"], [FIRST], [SECOND], [FIRST, REPLY, SECOND], [FIRST, REPLY],
        f"\n\nHuman: {FIRST['content']}\n\nAssistant: Where?\n\nHuman: At Brest.\n\nAssistant:",
    ],
)  # fmt: skip
def test_prompt_that_is_a_part_of_both_answers_is_there_once(prompt: object) -> None:
    call = call_of({"prompt": prompt, **PAIR})
    assert (call.request_messages(), call.messages[-1:], call.rejected) == ([FIRST, REPLY, SECOND], [GOOD], [BAD])


@pytest.mark.parametrize("prompt", [[SYSTEM, FIRST], [SYSTEM], [SYSTEM, FIRST, REPLY, SECOND]])
def test_system_prompt_of_the_prompt_alone_is_kept(prompt: list[dict[str, str]]) -> None:
    assert call_of({"prompt": prompt, **PAIR}).request_messages() == [SYSTEM, FIRST, REPLY, SECOND]


@pytest.mark.parametrize("prompt", ["high tide", "When is low tide?", [SECOND, FIRST]])
def test_prompt_of_another_conversation_is_refused(prompt: object) -> None:
    with pytest.raises(DataError, match="prompt asks something else"):
        call_of({"prompt": prompt, **PAIR})


def test_system_prompt_within_the_input_of_a_pair_is_kept() -> None:
    row = {"input": {"messages": [FIRST], "system": "Be brief."}, "preferred_output": [GOOD]}
    call = call_of({**row, "non_preferred_output": [BAD]})
    assert call.request_messages() == [SYSTEM, FIRST]


def test_chat_with_attachments_and_without_parts_is_of_the_ai_sdk() -> None:
    url = "https://x.example/a.png"
    attached = {"name": "a.png", "contentType": "image/png", "url": url}
    row = {"id": "chat", "messages": [{**FIRST, "id": "m1", "experimental_attachments": [attached]}, GOOD]}
    assert formats.format_of(row) == "ai-sdk"
    assert {"type": "image_url", "image_url": {"url": url}} in list(call_of(row).messages[0]["content"] or [])


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (0, "0"),
        (False, "false"),
        (2.5, "2.5"),
        ({"role": "lead", "content": "Ann"}, '{"role": "lead", "content": "Ann"}'),
        ('{"role": "lead", "content": "Ann"}', '{"role": "lead", "content": "Ann"}'),
    ],
)
def test_answer_of_a_trace_that_is_json_is_its_text(output: object, text: str) -> None:
    row = {"id": "o", "traceId": "t", "type": "GENERATION", "name": "n", "input": [FIRST], "output": output}
    assert call_of(row).messages[-1] == {"role": "assistant", "content": text}


@pytest.mark.parametrize("field", ["context", "document", "documents", "history"])
def test_field_of_a_record_that_the_model_saw_is_refused(field: str) -> None:
    record = {"fields": {"prompt": [FIRST], "response": "At 06:12.", field: "Tide tables."}, "responses": {}}
    with pytest.raises(DataError, match=f"{field} is not part of the conversation"):
        call_of(record)


@pytest.mark.parametrize(
    "rejected",
    [
        [FIRST, said("assistant", "Which port?"), said("user", "At Nantes."), BAD],  # another second question
        [FIRST, said("assistant", "Which port?"), SECOND, BAD],  # behind another answer
        [FIRST, BAD],
    ],
)
def test_pair_whose_conversations_part_before_the_last_turn_is_refused(rejected: list[dict[str, str]]) -> None:
    for row in ({"chosen": PAIR["chosen"], "rejected": rejected}, {"chosen": rejected, "rejected": PAIR["chosen"]}):
        with pytest.raises(DataError, match="part before the last turn"):
            call_of(row)


SCORES = [("score_chosen", "score_rejected"), ("chosen_score", "rejected_score"), ("chosen-rating", "rejected-rating")]


@pytest.mark.parametrize("names", SCORES)
def test_pair_whose_scores_say_the_reverse_is_refused(names: tuple[str, str]) -> None:
    pair = {"prompt": "Where?", "chosen": "There.", "rejected": "No idea."}
    with pytest.raises(DataError, match=f"{names[0]} is 3 and {names[1]} is 8.5, so that the rejected answer is"):
        only({**pair, names[0]: 3, names[1]: 8.5})
    for scores in ((8, 3), (8, 8), (8, None), ("good", 3)):
        assert only({**pair, **dict(zip(names, scores, strict=True))}).rejected is not None


def test_rewards_of_a_model_may_differ_from_what_people_preferred() -> None:
    row = {"prompt": "Where?", "chosen": "There.", "rejected": "No idea.", "chosen_reward": 0.1, "rejected_reward": 0.4}
    assert only(row).rejected is not None
