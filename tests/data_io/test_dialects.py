"""Messages and tools in the words of every vendor, and the messages of OpenAI that they are read into."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.dialects.conversation import read_answer, read_messages
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.errors import DataError

ASKED = {"role": "user", "content": "Where is order 7?"}
ANSWERED = {"role": "assistant", "content": "On its way."}
SCHEMA = {"type": "object", "properties": {"order": {"type": "integer"}}}
TOOL = {"type": "function", "function": {"name": "track", "description": "Finds it.", "parameters": SCHEMA}}


def read(*messages: Any) -> list[dict[str, Any]]:
    found = read_messages(list(messages), "messages")
    return cast("list[dict[str, Any]]", found)


def call(own_id: str, arguments: str = '{"order": 7}') -> dict[str, Any]:
    return {"id": own_id, "type": "function", "function": {"name": "track", "arguments": arguments}}


def asking(*own_ids: str, content: str | None = None) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": [call(each) for each in own_ids]}


def result(own_id: str, content: str = "van") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": own_id, "content": content}


ROLE_NAMES = {
    "human": "user",
    "User": "user",
    "GPT": "assistant",
    "Model": "assistant",
    "SYSTEM": "system",
    "ai": "assistant",
}


@pytest.mark.parametrize("name", ROLE_NAMES)
@pytest.mark.parametrize("key", ["role", "from", "speaker"])
@pytest.mark.parametrize("content", ["content", "value", "text"])
def test_read_role_in_any_words_is_openais(name: str, key: str, content: str) -> None:
    assert read({key: name, content: "Hi"}) == [{"role": ROLE_NAMES[name], "content": "Hi"}]


CALLS: dict[str, dict[str, Any]] = {
    "openai": asking("c1"),
    "openai, arguments as object": {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "function": {"name": "track", "arguments": {"order": 7}}}],
    },
    "json text": {"role": "assistant", "tool_calls": json.dumps([call("c1")])},
    "langchain": {"type": "ai", "content": "", "tool_calls": [{"id": "c1", "name": "track", "args": {"order": 7}}]},
    "langchain, serialised": {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", "AIMessage"],
        "kwargs": {"content": "", "tool_calls": [{"id": "c1", "name": "track", "args": {"order": 7}}]},
    },
    "langchain, stored": {"type": "ai", "data": {"content": "", "additional_kwargs": {"tool_calls": [call("c1")]}}},
    "anthropic": {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "c1", "name": "track", "input": {"order": 7}}],
    },
    "bedrock": {
        "role": "assistant",
        "content": [{"toolUse": {"toolUseId": "c1", "name": "track", "input": {"order": 7}}}],
    },
    "gemini": {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "track", "args": {"order": 7}}}]},
    "gemini, of its python sdk": {
        "role": "model",
        "parts": [{"function_call": {"id": "c1", "name": "track", "args": {"order": 7}}}],
    },
    "vercel": {
        "role": "assistant",
        "content": [{"type": "tool-call", "toolCallId": "c1", "toolName": "track", "input": {"order": 7}}],
    },
    "responses": {"type": "function_call", "id": "fc", "call_id": "c1", "name": "track", "arguments": '{"order": 7}'},
    "opentelemetry": {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": "c1", "name": "track", "arguments": {"order": 7}}],
    },
}


@pytest.mark.parametrize("words", CALLS)
def test_read_call_in_any_words_is_openais(words: str) -> None:
    assert read(ASKED, CALLS[words]) == [ASKED, asking("c1")]


UNNAMED_CALLS: dict[str, dict[str, Any]] = {
    "function_call": {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "track", "arguments": '{"order": 7}'},
    },
    "sharegpt": {"from": "function_call", "value": '{"name": "track", "arguments": {"order": 7}}'},
    "hermes": {
        "from": "gpt",
        "value": '<tool_call>\n{"name": "track", "arguments": {"order": 7}}\n</tool_call>',
    },
}


@pytest.mark.parametrize("words", UNNAMED_CALLS)
def test_read_call_without_id_is_given_one_that_stays(words: str) -> None:
    first, again = read(ASKED, UNNAMED_CALLS[words])[1], read(ASKED, UNNAMED_CALLS[words])[1]
    assert first == again
    assert first["content"] is None
    assert first["tool_calls"] == [call(first["tool_calls"][0]["id"])]


RESULTS: dict[str, dict[str, Any]] = {
    "openai": result("c1"),
    "function": {"role": "function", "name": "track", "content": "van"},
    "observation": {"from": "observation", "value": "van"},
    "anthropic": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "van"}]},
    "anthropic, parts": {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "van"}]}],
    },
    "bedrock": {"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "van"}]}}]},
    "gemini": {"role": "user", "parts": [{"functionResponse": {"name": "track", "response": "van"}}]},
    "vercel": {
        "role": "tool",
        "content": [
            {
                "type": "tool-result",
                "toolCallId": "c1",
                "toolName": "track",
                "output": {"type": "text", "value": "van"},
            }
        ],
    },
    "vercel, parts": {
        "role": "tool",
        "content": [
            {
                "type": "tool-result",
                "toolCallId": "c1",
                "toolName": "track",
                "output": {"type": "content", "value": [{"type": "text", "text": "van"}]},
            }
        ],
    },
    "responses": {"type": "function_call_output", "call_id": "c1", "output": "van"},
    "langchain": {"type": "tool", "content": "van", "tool_call_id": "c1"},
    "hermes": {"from": "tool", "value": "<tool_response>\nvan\n</tool_response>"},
    "hermes, of the user": {"from": "human", "value": "<tool_response>\nvan\n</tool_response>"},
    "llama": {"role": "ipython", "content": "van"},
}


@pytest.mark.parametrize("words", RESULTS)
def test_read_result_in_any_words_answers_its_call(words: str) -> None:
    found = read(ASKED, asking("c1"), RESULTS[words], ANSWERED)
    found[2].pop("name", None)  # of the earlier API, kept
    assert found == [ASKED, asking("c1"), result("c1"), ANSWERED]


class TestParallelCalls:
    def test_one_result_for_two_calls_answers_both(self) -> None:
        found = read(ASKED, asking("c1", "c2"), {"from": "observation", "value": "van"}, ANSWERED)
        assert found == [ASKED, asking("c1", "c2"), result("c1"), result("c2", ""), ANSWERED]

    def test_list_with_one_result_each_is_divided(self) -> None:
        found = read(ASKED, asking("c1", "c2"), {"from": "observation", "value": '["van", {"place": "ship"}]'})
        assert found[2:] == [result("c1"), result("c2", '{"place": "ship"}')]

    def test_tagged_results_are_divided(self) -> None:
        text = "<tool_response>\nvan\n</tool_response>\n<tool_response>\nship\n</tool_response>"
        assert read(ASKED, asking("c1", "c2"), {"from": "tool", "value": text})[2:] == [
            result("c1"),
            result("c2", "ship"),
        ]

    def test_results_are_matched_by_id_and_by_name(self) -> None:
        calls = [{"id": own, "name": name, "args": {}} for own, name in (("1", "a"), ("2", "b"))]
        parts = [{"functionResponse": {"name": name, "response": {"of": name}}} for name in ("b", "a")]
        found = read(ASKED, {"type": "ai", "content": "", "tool_calls": calls}, {"role": "user", "parts": parts})
        assert [(each["tool_call_id"], each["content"]) for each in found[2:]] == [
            ("2", '{"of": "b"}'),
            ("1", '{"of": "a"}'),
        ]
        same = [{"functionCall": {"id": own, "name": "a", "args": {}}} for own in ("1", "2")]
        answers = [{"functionResponse": {"id": own, "name": "a", "response": own}} for own in ("2", "1")]
        found = read(ASKED, {"role": "model", "parts": same}, {"role": "user", "parts": answers})
        assert [(each["tool_call_id"], each["content"]) for each in found[2:]] == [("2", "2"), ("1", "1")]

    def test_result_without_a_call_is_refused(self) -> None:
        with pytest.raises(DataError, match="answers a tool call that does not exist"):
            read(ASKED, {"from": "observation", "value": "van"})


CONTENTS: dict[str, tuple[Any, Any]] = {
    "text": ("Hi", "Hi"),
    "part of another vendor": ([{"type": "input_text", "text": "Hi"}], "Hi"),
    "text with a cache mark": ([{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}], "Hi"),
    "untyped part": ([{"text": "Hi"}], "Hi"),
    "string part": (["Hi"], "Hi"),
    "mark": ([{"text": "Hi"}, {"cachePoint": {"type": "default"}}], "Hi"),
    "reasoning": ([{"type": "thinking", "thinking": "x"}, {"type": "text", "text": "Hi"}], "Hi"),
    "thought": ([{"text": "x", "thought": True}, {"text": "Hi", "thought": False}], "Hi"),
    "parts": ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],) * 2,
    "nothing but reasoning": ([{"type": "thinking", "thinking": "x"}], None),
}


@pytest.mark.parametrize("words", CONTENTS)
def test_read_content_in_any_words_is_openais(words: str) -> None:
    given, expected = CONTENTS[words]
    assert read({"role": "user", "content": given}) == [{"role": "user", "content": expected}]


PNG = "data:image/png;base64,aGk="
IMAGES: dict[str, dict[str, Any]] = {
    "openai": {"type": "image_url", "image_url": {"url": PNG}},
    "responses": {"type": "input_image", "image_url": PNG},
    "anthropic": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
    "anthropic, address": {"type": "image", "source": {"type": "url", "url": PNG}},
    "bedrock": {"image": {"format": "png", "source": {"bytes": "aGk="}}},
    "gemini": {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
    "gemini, of its python sdk": {"inline_data": {"mime_type": "image/png", "data": "aGk="}},
    "vercel, image": {"type": "image", "image": PNG},
    "vercel, base64": {"type": "image", "image": "aGk=", "mediaType": "image/png"},
    "vercel, file": {"type": "file", "mediaType": "image/png", "url": PNG},
    "vercel, file of a model message": {"type": "file", "mediaType": "image/png", "data": "aGk="},
}


@pytest.mark.parametrize("words", IMAGES)
def test_read_image_in_any_words_is_openais(words: str) -> None:
    content = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PNG}}]
    assert read({"role": "user", "content": [{"text": "What is it?"}, IMAGES[words]]})[0]["content"] == content


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}},
        {"type": "document", "source": {"type": "text", "data": "x"}},
        {"type": "file", "file": {"file_id": "f"}},
        {"type": "image", "image": "lamp.png"},
        {"inlineData": {"mimeType": "audio/wav", "data": "x"}},
        {"type": "image_url", "image_url": {"url": "data:video/mp4;base64,aGk="}, "cache_control": {}},
    ],
)
def test_read_part_that_cannot_be_trained_on_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"messages\[0\]\.content\[1\]"):
        read({"role": "user", "content": [{"text": "a"}, part]})


TOOLS: dict[str, Any] = {
    "openai": [TOOL],
    "flat": [{"type": "function", "name": "track", "description": "Finds it.", "parameters": SCHEMA}],
    "functions": [{"name": "track", "description": "Finds it.", "parameters": SCHEMA}],
    "anthropic": [{"name": "track", "description": "Finds it.", "input_schema": SCHEMA}],
    "bedrock": [{"toolSpec": {"name": "track", "description": "Finds it.", "inputSchema": {"json": SCHEMA}}}],
    "gemini": [{"functionDeclarations": [{"name": "track", "description": "Finds it.", "parameters": SCHEMA}]}],
    "gemini, upper case": [
        {
            "function_declarations": [
                {
                    "name": "track",
                    "description": "Finds it.",
                    "parameters": {"type": "OBJECT", "properties": {"order": {"type": "INTEGER"}}},
                }
            ]
        }
    ],
    "vercel": {"track": {"description": "Finds it.", "inputSchema": {"jsonSchema": SCHEMA}}},
    "mcp": {"tools": [{"name": "track", "description": "Finds it.", "inputSchema": SCHEMA}]},
    "one": TOOL,
    "json text": json.dumps([TOOL]),
    "list of json texts": [json.dumps(TOOL)],
    "padded": [{**TOOL, "name": None, "toolSpec": None}],
}


@pytest.mark.parametrize("words", TOOLS)
def test_read_tools_in_any_words_are_openais(words: str) -> None:
    assert read_tools(TOOLS[words]) == [TOOL]


def test_read_tools_leaves_out_and_notes_what_functions_do_not_have() -> None:
    marked = {"name": "track", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}, "input_examples": [{}]}
    beside = {"type": "function", "function": {**TOOL["function"], "async": True}, "examples": ["x"]}
    with unread_keys.noted() as noted:
        found = read_tools([marked, beside])
    assert found == [{"type": "function", "function": {"name": "track", "parameters": SCHEMA}}, TOOL]
    assert noted == {"declared tool.input_examples", "declared tool.examples"}


@pytest.mark.parametrize("value", [None, [], {}, "", "[]"])
def test_read_tools_of_none_is_none(value: object) -> None:
    assert read_tools(value) is None


@pytest.mark.parametrize("value", [3, "track", [3], [{"type": "web_search"}], [{"googleSearch": {}}]])
def test_read_tools_of_the_host_or_of_none_raises(value: object) -> None:
    with pytest.raises(DataError):
        read_tools(value)


class TestNulls:
    PADDING: dict[str, Any] = {"name": None, "tool_calls": None, "tool_call_id": None, "weight": None}  # noqa: RUF012

    def test_nulls_of_a_table_are_left_out(self) -> None:
        said = [ASKED, asking("c1"), result("c1"), ANSWERED]
        assert read(*({**self.PADDING, **message} for message in said)) == said

    def test_message_without_content_says_so(self) -> None:
        assert read({"role": "assistant", "content": None}) == [{"role": "assistant", "content": None}]

    def test_refusal_and_unknown_fields_are_kept(self) -> None:
        refused = {"role": "assistant", "content": None, "refusal": "No."}
        assert read(refused) == [refused]
        assert read({**ASKED, "mood": "cross"}) == [{**ASKED, "mood": "cross"}]
        assert read({**ASKED, "id": "m", "createdAt": "2026"}) == [ASKED]


def test_read_answer_is_of_the_assistant() -> None:
    assert read_answer("On its way.", "output") == [ANSWERED]
    assert read_answer({"content": "On its way."}, "output") == [ANSWERED]
    assert read_answer([{"content": [{"text": "On its way."}]}], "output") == [ANSWERED]


@pytest.mark.parametrize("value", [None, 3, [3], [None], True, ["a"]])
def test_read_messages_of_something_else_raises(value: object) -> None:
    with pytest.raises(DataError, match="messages must be a list of objects"):
        read_messages(value, "messages")
