from __future__ import annotations

import json

import pytest

from fine_tuning.serving.chat_wire import JoinedToolCalls
from fine_tuning.serving.tool_call_reader import ToolCallReader

ARGUMENTS = '{"city": "\\"Zür{ich\\\\", "more": {"n": [1, {}]}}'
ONE = f'{{"tool_calls": [{{"name": "weather", "arguments": {ARGUMENTS}}}]}}'
TWO = f'{{"tool_calls": [{{"name": "weather", "arguments": {ARGUMENTS}}}, {{"name": "now", "arguments": {{}}}}]}}'


def read(text: str, size: int = 1, limit: int | None = None, *, is_cut: bool = False) -> tuple[str, list[list[str]]]:
    """The text and the calls of an answer that comes in pieces of this size."""
    reader, joined = ToolCallReader(limit), JoinedToolCalls()
    deltas = [delta for start in range(0, len(text), size) for delta in reader.add(text[start : start + size])]
    deltas += reader.end(is_cut=is_cut)
    for delta in deltas:
        joined.add(delta.get("tool_calls") or [])
    calls = [[call["function"]["name"], call["function"]["arguments"]] for call in joined.joined()]
    assert len({call["id"] for call in joined.joined()}) == len(calls) == reader.calls
    return "".join(delta.get("content") or "" for delta in deltas), calls


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sunny, 21 degrees.\n", ("Sunny, 21 degrees.\n", [])),
        ('{"answer": {"a": 1}} ', ('{"answer": {"a": 1}} ', [])),
        (ONE, ("", [["weather", ARGUMENTS]])),
        (TWO, ("", [["weather", ARGUMENTS], ["now", "{}"]])),
        (f"Let me look.\n{ONE}", ("Let me look.", [["weather", ARGUMENTS]])),
        (f"```json\n{ONE}\n```\n", ("", [["weather", ARGUMENTS]])),
        ('{ "tool_calls" : [\n  {"name": "now", "arguments": {}}\n]}', ("", [["now", "{}"]])),
        ('{"tool_calls": [{"arguments": {"a": 1}, "name": "now"}]}', ("", [["now", '{"a": 1}']])),
        ('{"tool_calls": [{"name": "now", "arguments": "{\\"a\\": 1}"}]}', ("", [["now", '{"a": 1}']])),
        ('{"tool_calls": [{"name": "now"}, {"name": "then"}]}', ("", [["now", "{}"], ["then", "{}"]])),
        ('{"tool_calls": [{"id": "1", "function": {"name": "now", "arguments": "{}"}}]}', ("", [["now", "{}"]])),
        ('{"tool_calls": []}', ("", [])),
    ],
)
def test_reader_of_pieces_of_any_size_divides_text_and_calls(
    text: str, expected: tuple[str, list[list[str]]], size: int
) -> None:
    assert read(text, size) == expected


@pytest.mark.parametrize("end", range(1, len(TWO)))
def test_reader_of_an_answer_cut_off_anywhere_shows_no_words_of_the_call(end: int) -> None:
    text, calls = read(TWO[:end], 3, is_cut=True)
    assert text == ""
    assert all(ARGUMENTS.startswith(arguments) for _, arguments in calls[:1])
    assert [name for name, _ in calls] == ["weather", "now"][: len(calls)]


def test_reader_shows_the_name_before_the_arguments_are_complete() -> None:
    reader = ToolCallReader()
    (begun,) = reader.add('{"tool_calls": [{"name": "weather"')
    assert (begun.get("tool_calls") or [])[0]["function"] == {"name": "weather", "arguments": ""}
    (more,) = reader.add(', "arguments": {"city": "Os')
    assert (more.get("tool_calls") or [])[0]["function"] == {"arguments": '{"city": "Os'}


def test_reader_with_limit_leaves_out_further_calls() -> None:
    assert read(TWO, limit=1) == ("", [["weather", ARGUMENTS]])
    assert read(f"Sunny.\n{TWO}", limit=0) == ("Sunny.", [])


def test_reader_of_a_name_with_a_lone_surrogate_is_encodable() -> None:
    _, ((name, _),) = read('{"tool_calls": [{"name": "\\ud800", "arguments": {}}]}')
    json.dumps(name, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("text", "is_complete"),
    [
        ("", False),
        ("Paris", False),
        ('{"tool_calls": [{"name": "f", "arguments": {"a": 1}', False),
        ('{"tool_calls": [{"name": "f", "arguments": {"a": 1}}', False),
        ('{"tool_calls": [{"name": "f", "arguments": {"a": 1}}]', True),
        ('{"tool_calls": [{"name": "f", "arguments": {"a": 1}}]}\n', True),
        ('{"tool_calls": [{"arguments": {"a": 1}, "name": "f"}]', False),
        ('{"tool_calls": [{"arguments": {"a": 1}, "name": "f"}]}', True),
    ],
)
def test_list_of_calls_that_has_ended_is_complete(text: str, is_complete: bool) -> None:
    for pieces in ([text], [*text]):
        reader = ToolCallReader()
        for piece in pieces:
            reader.add(piece)
        assert reader.is_complete == is_complete


def test_brace_that_is_cut_off_is_text_after_text_alone() -> None:
    for text, left in (("{", []), (" {", []), ("if (a) {", [{"content": " {"}])):
        reader = ToolCallReader()
        reader.add(text)
        assert reader.end(is_cut=True) == left
