"""Fields beside a conversation: read into the call, refused by name, or metadata, in every shape of row."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.conversation_texts import is_block
from fine_tuning.data_io.formats import Call
from fine_tuning.errors import DataError

Q, A, B, SYSTEM = "Which port is next?", "Brest.", "Nantes.", "Answer in capitals."
URL = "https://x.example/a.png"
ASKED, GOOD = {"role": "user", "content": Q}, {"role": "assistant", "content": A}
TOOL = {"name": "tide", "description": "Tides.", "parameters": {"type": "object"}}
SHAPES: dict[str, dict[str, Any]] = {
    "messages": {"messages": [ASKED, GOOD]},
    "sharegpt": {"conversations": [{"from": "human", "value": Q}, {"from": "gpt", "value": A}]},
    "alpaca": {"instruction": Q, "input": "", "output": A},
    "prompt": {"prompt": Q, "response": A},
    "question": {"question": Q, "answer": A},
    "pair": {"prompt": Q, "chosen": A, "rejected": B},
}
TEXT_SHAPES = ("alpaca", "question")  # whose context has a place in the question
CONTEXTS = (
    *("knowledge", "background", "passage", "passages", "documents", "retrieved_docs", "Knowledge Base", "article"),
    *("RAG_context", "retrieval", "source_documents", "sourceDocuments", "Retrieved Chunks", "gold_passages"),
)
each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def call_of(row: dict[str, Any]) -> Call:
    (found,) = formats.calls_in(json.loads(json.dumps(row)))
    return found


@each_shape
@pytest.mark.parametrize(
    "key",
    [
        *("system", "system_message", "systemPrompt", "system-prompt", "System Prompt", "system_instruction"),
        *("systemInstruction", "developer", "preamble", "sys", "sys_prompt", "instructions"),
    ],
)
def test_system_prompt_under_any_name_is_the_system_message(shape: dict[str, Any], key: str) -> None:
    call = call_of({**shape, key: SYSTEM})
    assert call.messages == [{"role": "system", "content": SYSTEM}, ASKED, GOOD]
    assert call.metadata == {}


@pytest.mark.parametrize(
    "value",
    [
        {"parts": [{"text": SYSTEM}]},
        {"role": "system", "parts": [{"text": SYSTEM}]},
        json.dumps({"parts": [{"text": SYSTEM}]}),
        [{"type": "text", "text": SYSTEM}],
        [{"role": "system", "content": SYSTEM}],
        [SYSTEM],
    ],
)
def test_system_prompt_in_any_shape_is_its_text(value: object) -> None:
    assert call_of({**SHAPES["messages"], "systemInstruction": value}).messages[0]["content"] == SYSTEM


def test_system_prompt_in_json_stays_as_it_is() -> None:
    text = '{"task": "Name ports."}'
    assert call_of({**SHAPES["prompt"], "system": text}).messages[0]["content"] == text


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"system": "One.", "developer": "Two."}, "system and developer are different system prompts"),
        ({"system": [{"type": "image_url", "image_url": {"url": URL}}]}, "system holds something else than text"),
        ({"images": [URL], "image": "https://x.example/b.png"}, "images and image are different images"),
        ({"tools": [TOOL], "available_tools": [{"name": "f"}]}, "available_tools are other tools"),
        ({"available_tools": "tide, ports"}, "available_tools must be a list of definitions"),
        ({"attachments": [{"url": "https://x/a.pdf", "contentType": "application/pdf"}]}, "attachments"),
        ({"files": ["chart.pdf"]}, "files holds names of files"),
        ({"video_url": "https://x/a.mp4"}, "video_url cannot be read"),
        ({"tool_calls": [{"name": "tide", "arguments": {}}]}, "tool_calls are not of the last message"),
        ({"chat_template_kwargs": {"custom_instructions": SYSTEM}}, "chat_template_kwargs is not part"),
        ({"history": "Hi, hello"}, "history is not part"),
        ({"history": 5}, "history must be a list"),
    ],
)
@each_shape
def test_field_that_cannot_be_read_is_refused_by_name(shape: dict[str, Any], fields: dict[str, Any], word: str) -> None:
    with pytest.raises(DataError, match=word):
        call_of({**shape, **fields})


@pytest.mark.parametrize(
    ("shape", "key"),
    [
        (shape, key)
        for name, shape in SHAPES.items()
        for key in (
            *("persona", "guidelines", "examples", "few_shot", "prefix", "suffix", "fewShotExamples", "toolResults"),
            *(() if name in TEXT_SHAPES else CONTEXTS),
        )
    ],
)
def test_text_that_the_model_may_have_seen_is_refused_by_name(shape: dict[str, Any], key: str) -> None:
    for value in ("The ferry calls at Brest.", [{"text": "The ferry calls at Brest."}]):
        with pytest.raises(DataError, match=f"{key} is not part of the conversation"):
            call_of({**shape, key: value})
    assert call_of({**shape, "metadata": {key: "The ferry calls at Brest."}}).metadata.keys() == {key}


@each_shape
@pytest.mark.parametrize(
    "key", ["image", "images", "image_url", "imageUrls", "attachments", "experimental_attachments"]
)
def test_images_under_any_name_are_parts_of_the_question(shape: dict[str, Any], key: str) -> None:
    attached = {"name": "a.png", "contentType": "image/png", "url": URL}
    content = call_of({**shape, key: [attached if "attach" in key else URL]}).messages[0]["content"]
    assert content == [{"type": "image_url", "image_url": {"url": URL}}, {"type": "text", "text": Q}]


@each_shape
@pytest.mark.parametrize("key", ["tools", "tool", "functions", "available_tools", "toolDefinitions"])
def test_tools_under_any_name_are_tools(shape: dict[str, Any], key: str) -> None:
    for value in ([TOOL], json.dumps([TOOL])):
        assert call_of({**shape, key: value}).tools == [{"type": "function", "function": TOOL}]


def test_calls_beside_an_empty_answer_are_of_it() -> None:
    given = [{"type": "function", "function": {"name": "tide", "arguments": {"port": "Brest"}}}]
    call = call_of({"prompt": Q, "response": "", "tool_calls": given})
    (made,) = call.messages[-1]["tool_calls"]
    assert made["function"] == {"name": "tide", "arguments": '{"port": "Brest"}'}
    assert call_of({"messages": call.messages, "tool_calls": given}).messages == call.messages


@each_shape
def test_fields_of_no_meaning_are_metadata(shape: dict[str, Any]) -> None:
    harmless = {
        "source": "crm",
        "score": 0.7,
        "tags": ["a"],
        "category": "ports",
        "uuid": "7",
        "lang": "fr",
        "tool": "tide",
        "context_id": "c1",
        "num_documents": 4,
        "context": 4096,
        "tool_calls": 2,
        "tool_choice": "auto",
        "turns": 1,
        "quality": "high",
        "user": "u-1",
        "text": "Which port",
        "response_format": {"type": "text"},
    }
    call = call_of({**shape, **harmless})
    assert call.metadata == harmless
    assert call.messages == [ASKED, GOOD]


@each_shape
@pytest.mark.parametrize(
    "turns",
    [
        [["Hi", "Hello"]],
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}],
        [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}],
        [{"question": "Hi", "answer": "Hello"}],
        json.dumps([["Hi", "Hello"]]),
    ],
)
def test_history_is_the_turns_before_the_question(shape: dict[str, Any], turns: object) -> None:
    call = call_of({**shape, "history": turns, "system": SYSTEM})
    assert [each["content"] for each in call.messages] == [SYSTEM, "Hi", "Hello", Q, A]
    again = {"messages": call.messages, "chat_history": turns}
    assert call_of(again).messages == call.messages


def test_history_with_the_question_itself_has_it_once() -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}, ASKED]
    assert [each["content"] for each in call_of({**SHAPES["prompt"], "history": turns}).messages] == [
        "Hi",
        "Hello",
        Q,
        A,
    ]


def test_history_of_another_conversation_is_refused() -> None:
    messages = [{"role": "user", "content": "Hey"}, {"role": "assistant", "content": "Yes?"}, ASKED, GOOD]
    with pytest.raises(DataError, match="history is not part of the conversation"):
        call_of({"messages": messages, "history": [["Hi", "Hello"]]})


def test_history_that_is_in_the_texts_by_chance_is_kept() -> None:
    row = {
        "instruction": "Hi again, when is high tide?",
        "input": "",
        "chosen": "Hello! At 6.",
        "rejected": "Hello! No.",
    }
    call = call_of({**row, "history": [["Hi", "Hello"]]})
    assert [each["content"] for each in call.request_messages()] == ["Hi", "Hello", "Hi again, when is high tide?"]


@pytest.mark.parametrize("context", ["France", "capital", "is the capital of"])
def test_context_that_only_the_answer_or_a_part_of_a_word_has_is_refused(context: str) -> None:
    with pytest.raises(DataError, match="context is not part of the conversation"):
        call_of(
            {
                "prompt": "Which city is the capital?",
                "completion": "Paris is the capital of France.",
                "context": context,
            }
        )


@pytest.mark.parametrize(
    ("text", "whole", "expected"),
    [
        ("France", "Country: France\nWhich city?", True),
        ("France", "<doc>France</doc> Which city?", True),
        ("France", "Which city of France?", False),
        ("法国", "国家：法国\n首都？", True),  # noqa: RUF001
        ("法国", "法国的首都？", False),  # noqa: RUF001
        ("The capital has two million people.", "Note that The capital has two  million people. Which?", True),
    ],
)
def test_is_block_tells_a_part_from_chance(text: str, whole: str, expected: bool) -> None:
    assert is_block(text, whole) is expected


def test_field_names_in_capitals_are_known() -> None:
    row = {" Prompt ": Q, "Response": A, "Rating": 2, "SYSTEM": SYSTEM, "Label": "ports"}
    call = call_of(row)
    assert call.messages == [{"role": "system", "content": SYSTEM}, ASKED, GOOD]
    assert (call.rating, call.metadata) == (2, {"label": "ports"})
    assert formats.format_of(row) == "prompt-response"
    assert call_of({"Question": Q, "Answer": A, "Rating": 1}).rating == 1


def test_text_of_python_lists_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"messages is in single quotes, as Python prints it, .* json\.dumps"):
        call_of({"messages": str([ASKED, GOOD])})


@pytest.mark.parametrize("kwargs", [{"enable_thinking": False}, {"enable_thinking": True, "budget": 4}])
def test_field_without_text_that_the_model_saw_stays_metadata(kwargs: dict[str, Any]) -> None:
    row = {"messages": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Yes."}]}
    (call,) = formats.calls_in({**row, "chat_template_kwargs": kwargs})
    assert call.metadata == {"chat_template_kwargs": kwargs}
