"""Nothing that changes what a row says is lost when it is read: questions, system prompts, labels, images, tools."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.formats import Call, chat_checks
from fine_tuning.errors import DataError

Q, A, B = "Name a lake in Finland.", "Saimaa.", "Vänern."
ASKED, GOOD, BAD = ({"role": role, "content": text} for role, text in (("user", Q), ("assistant", A), ("assistant", B)))
SYSTEM = {"role": "system", "content": "Answer in one word."}


def call_of(row: dict[str, Any]) -> Call:
    (found,) = formats.calls_in(json.loads(json.dumps(row)))
    return found


PAIRS: dict[str, dict[str, Any]] = {
    "texts": {"prompt": Q, "chosen": A, "rejected": B},
    "question beside texts": {"question": Q, "chosen": A, "rejected": B},
    "instruction alone": {"instruction": Q, "input": "", "chosen": A, "rejected": B},
    "instruction and input": {"instruction": "Name a lake", "input": "in Finland.", "chosen": A, "rejected": B},
    "messages of the prompt": {"prompt": [ASKED], "chosen": [GOOD], "rejected": [BAD]},
    "whole conversations": {"chosen": [ASKED, GOOD], "rejected": [ASKED, BAD]},
    "prompt beside whole conversations": {"prompt": Q, "chosen": [ASKED, GOOD], "rejected": [ASKED, BAD]},
    "prompt, conversations and a copy": {
        "prompt": Q,
        "messages": [ASKED, GOOD],
        "chosen": [ASKED, GOOD],
        "rejected": [ASKED, BAD],
        "score_chosen": 9.0,
    },
    "messages beside answers": {"messages": [ASKED], "chosen": GOOD, "rejected": BAD},
    "turns beside answers": {
        "conversations": [{"from": "human", "value": Q}],
        "chosen": {"from": "gpt", "value": A},
        "rejected": {"from": "gpt", "value": B},
    },
    "other names": {"prompt": Q, "chosen_response": A, "rejected_response": B},
    "transcripts": {"chosen": f"\n\nHuman: {Q}\n\nAssistant: {A}", "rejected": f"\n\nHuman: {Q}\n\nAssistant: {B}"},
    "openai": {"input": {"messages": [ASKED]}, "preferred_output": [GOOD], "non_preferred_output": [BAD]},
    "json text": {"prompt": json.dumps([ASKED]), "chosen": json.dumps([GOOD]), "rejected": json.dumps([BAD])},
}


@pytest.mark.parametrize("name", PAIRS)
def test_pair_has_its_question_once(name: str) -> None:
    call = call_of(PAIRS[name])
    asked, answer = call.request_messages(), call.messages[-1]
    assert [" ".join(str(each["content"]).split()) for each in asked] == [Q]
    assert (answer["content"], [each["content"] for each in call.rejected or ()]) == (A, [B])


@pytest.mark.parametrize("key", ["system", "system_prompt"])
@pytest.mark.parametrize(
    "row",
    [
        {"messages": [ASKED, GOOD]},
        {"prompt": Q, "completion": A},
        {"prompt": [ASKED], "completion": [GOOD]},
        {"instruction": Q, "output": A},
        {"conversations": [{"from": "human", "value": Q}, {"from": "gpt", "value": A}]},
        {"question": Q, "chosen": A, "rejected": B},
    ],
)
def test_system_prompt_beside_a_conversation_comes_first_and_once(row: dict[str, Any], key: str) -> None:
    found = call_of({**row, key: SYSTEM["content"]}).messages
    assert [each["role"] for each in found] == ["system", "user", "assistant"]
    assert found[0]["content"] == SYSTEM["content"]
    again = call_of({"messages": [SYSTEM, ASKED, GOOD], key: SYSTEM["content"]}).messages
    assert again == [SYSTEM, ASKED, GOOD]


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({"chosen": A, "rejected": B}, "no question"),
        ({"frage": Q, "chosen": A, "rejected": B}, "it has frage"),
        ({"conversation": [{"sender": "user", "text": Q}], "chosen": A, "rejected": B}, "conversation has no turn"),
        (
            {"prompt": "Something else?", "chosen": [ASKED, GOOD], "rejected": [ASKED, BAD]},
            "prompt asks something else",
        ),
        ({"messages": [ASKED, GOOD], "question": "Which one?"}, "question is not part of the conversation"),
        ({"messages": [ASKED, GOOD], "context": "Finland has 188,000 lakes."}, "context is not part"),
        ({"messages": [ASKED, GOOD], "images": ["lake.png"]}, "images: an image must be an address"),
        ({"messages": [ASKED, GOOD], "videos": ["lake.mp4"]}, "videos cannot be read"),
        (
            {"messages": [{"role": "user", "content": "<image><image> Which?"}, GOOD], "images": ["https://x/a.png"]},
            "2 ",
        ),
        ({"prompt": Q, "completion": A, "label": 1}, "label is 1: write true or false"),
        ({"messages": [ASKED, {"role": "assistant", "content": [{"type": "audio", "audio": {}}]}]}, "'audio'"),
        ({"messages": [ASKED, GOOD], "tools": [{"type": "web_search"}]}, "'web_search' belongs to its host"),
    ],
)
def test_what_would_be_lost_is_refused_by_name(row: dict[str, Any], word: str) -> None:
    with pytest.raises(DataError, match=word):
        call_of(row)


@pytest.mark.parametrize(("label", "rating"), [(True, 5), (False, 1), ("True", 5), ("false", 1)])
@pytest.mark.parametrize(
    "row", [{"prompt": Q, "completion": A}, {"messages": [ASKED, GOOD]}, {"instruction": Q, "output": A}]
)
def test_unpaired_label_is_a_rating(row: dict[str, Any], label: object, rating: int) -> None:
    assert call_of({**row, "label": label}).rating == rating
    assert call_of({**row, "label": label, "rating": 3}).rating == 3
    assert call_of({**row, "label": "billing"}).metadata == {"label": "billing"}


def test_images_beside_a_conversation_are_parts_of_it() -> None:
    url = "https://host.example/a.png"
    image = {"type": "image_url", "image_url": {"url": url}}
    marked = {"role": "user", "content": "<image>Which lake is this?"}
    first = call_of({"messages": [marked, GOOD], "images": [url]}).messages[0]
    assert first["content"] == [image, {"type": "text", "text": "Which lake is this?"}]
    assert call_of({"messages": [ASKED, GOOD], "image": {"url": url}}).messages[0]["content"] == [
        image,
        {"type": "text", "text": Q},
    ]


def test_nulls_of_a_table_change_nothing() -> None:
    padded = {
        "messages": [
            {**ASKED, "tool_calls": None, "name": None, "tool_call_id": None},
            {**GOOD, "tool_calls": [], "refusal": None},
        ],
        "tools": None,
        "chosen": None,
        "rejected": None,
        "prompt": None,
        "label": None,
        "rating": None,
    }
    assert call_of(padded) == call_of({"messages": [ASKED, GOOD]})


def test_key_that_repeats_the_conversation_is_no_metadata() -> None:
    call = call_of({"messages": [ASKED, GOOD], "question": Q, "prompt_id": "7"})
    assert call.metadata == {"prompt_id": "7"}


def test_reading_a_row_leaves_it_as_it_is() -> None:
    row = {
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": Q}],
        "output": [
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me look."}]},
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
            {"type": "function_call", "call_id": "c2", "name": "look", "arguments": "{}"},
        ],
        "object": "response",
        "model": "m",
    }
    items = {"messages": [ASKED, {"role": "assistant", "content": "I see."}, *row["output"][1:]]}
    for given in (row, items):
        before = json.dumps(given)
        (first,) = formats.calls_in(given)
        (again,) = formats.calls_in(given)
        assert json.dumps(given) == before
        assert first == again
        assert len(first.messages[-1]["tool_calls"]) == 2


@pytest.mark.parametrize("mark", ["prefix", "partial"])
@pytest.mark.parametrize("rest", [" on its way.", "Order 7 is on its way."])
@pytest.mark.parametrize("is_beside", [True, False])
def test_answer_goes_on_with_its_beginning_in_the_request(mark: str, rest: str, is_beside: bool) -> None:
    asked = [{"role": "user", "content": "Where is it?"}, {"role": "assistant", "content": "Order 7 is", mark: True}]
    response = {"choices": [{"message": {"role": "assistant", "content": rest}, "finish_reason": "stop"}]}
    row = {"messages": asked} if is_beside else {"request": {"model": "m", "messages": asked}}
    (call,) = formats.calls_in({**row, "response": response})
    assert call.messages == [asked[0], {"role": "assistant", "content": "Order 7 is on its way."}]


@pytest.mark.parametrize("key", ["response", "output", "completion", "answer"])
def test_response_beside_an_answered_conversation_is_its_answer_or_refused(key: str) -> None:
    said = [{"role": "user", "content": "Where is it?"}, {"role": "assistant", "content": "On its way."}]
    response = {"choices": [{"message": said[1], "finish_reason": "length"}]}
    (call,) = formats.calls_in({"messages": said, key: response})
    assert (call.messages, call.finish_reason) == (said, "length")
    other = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "No idea."}]}
    with pytest.raises(DataError, match=f"{key} is another answer than those of the conversation"):
        list(formats.calls_in({"messages": said, key: other}))


@pytest.mark.parametrize("flag", ["train", "training", "loss"])
@pytest.mark.parametrize("key", ["messages", "conversations"])
def test_answer_that_is_not_to_be_learnt_has_weight_0(flag: str, key: str) -> None:
    asked, answered = {"role": "user", "content": "Hi", flag: False}, {"role": "assistant", "content": "Hello"}
    (call,) = formats.calls_in({key: [asked, {**answered, flag: False}, asked, {**answered, flag: True}]})
    assert [repr(message.get("weight")) for message in call.messages] == ["None", "0", "None", "1"]
    assert all(flag not in message for message in call.messages)
    assert not chat_checks.check_row({"messages": call.messages})


def test_images_of_a_message_are_its_parts() -> None:
    png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    messages = [{"role": "user", "content": "What is it?", "images": [png]}, {"role": "assistant", "content": "A dot."}]
    (call,) = formats.calls_in({"messages": messages})
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png}"}}
    assert call.messages[0] == {"role": "user", "content": [image, {"type": "text", "text": "What is it?"}]}
    with pytest.raises(DataError, match=r"messages\[0\].images: an image must be an address"):
        list(formats.calls_in({"messages": [{**messages[0], "images": ["/tmp/a.png"]}, messages[1]]}))
