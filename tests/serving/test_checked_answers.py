from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

import pytest

from fine_tuning.errors import ProviderError
from fine_tuning.serving.chat_types import ChatBody, Chunk, Messages, usage
from fine_tuning.serving.checked_answers import CheckedAnswers
from fine_tuning.serving.engine import Completion
from fine_tuning.serving.prompted_tools import PromptedTools
from tests.serving.streamed import streamed

ASKED: Messages = [{"role": "user", "content": "Two colours."}]
SETTINGS: dict[str, Any] = {"temperature": 0.0, "max_tokens": 9}


def form(**keywords: object) -> dict[str, Any]:
    schema = {"type": "array", "items": {"type": "string"}, **keywords}
    return {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}


UNIQUE, PLAIN, ANY_JSON = form(uniqueItems=True), form(maxItems=2), {"type": "json_object"}


class Scripted:
    """An engine that gives these answers, and notes what it was asked."""

    model = "scripted"

    def __init__(self, *answers: str, reason: str = "stop") -> None:
        self._answers, self._reason = iter(answers), reason
        self.asked: list[Messages] = []

    def complete(self, messages: Messages, **_settings: object) -> Completion:
        self.asked.append(messages)
        return Completion(next(self._answers), self.model, 5, 3, 2.0, self._reason)

    def complete_many(self, batch: Sequence[Messages], **settings: object) -> Iterator[Completion]:
        return (self.complete(messages, **settings) for messages in batch)

    def stream(self, messages: Messages, **settings: object) -> Generator[str, None, Completion]:
        answer = self.complete(messages, **settings)
        yield answer.text
        return answer

    def chat_chunks(self, body: ChatBody) -> Generator[Chunk, None, None]:
        answer = self.complete(body["messages"])
        for letter in answer.text:
            yield {"choices": [{"index": 0, "delta": {"content": letter}}]}
        yield {"choices": [{"index": 0, "delta": {}, "finish_reason": answer.finish_reason}]}
        yield {"choices": [], "usage": usage(5, 3)}

    def close(self) -> None: ...


def test_answer_that_breaks_a_rule_is_asked_for_again_once() -> None:
    engine = Scripted('["a", "a"]', '["a", "b"]')
    answer = CheckedAnswers(engine).complete(ASKED, response_format=UNIQUE, **SETTINGS)
    assert (answer.text, answer.prompt_tokens, answer.completion_tokens, answer.latency_ms) == ('["a", "b"]', 10, 6, 4)
    first, second = engine.asked
    assert first[0]["content"] == "The JSON must also keep to these rules of JSON Schema:\n- uniqueItems true"
    assert [each["role"] for each in second] == ["system", "user", "assistant", "user"]
    assert "has non-unique elements. Answer again" in str(second[-1]["content"])


def test_answer_that_breaks_a_rule_twice_is_given_as_it_is() -> None:
    engine = Scripted('["a", "a"]', '["b", "b"]')
    assert CheckedAnswers(engine).complete(ASKED, response_format=UNIQUE, **SETTINGS).text == '["b", "b"]'


def test_answer_that_was_cut_off_is_not_asked_for_again() -> None:
    engine = Scripted('["a', reason="length")
    assert CheckedAnswers(engine).complete(ASKED, response_format=UNIQUE, **SETTINGS).text == '["a'
    assert len(engine.asked) == 1


def test_streamed_answer_is_shown_when_it_is_valid() -> None:
    engine = Scripted('["a", "a"]', '["b", "c"]', '["d"]')
    body: Any = {"messages": ASKED, "response_format": UNIQUE, "n": 2, "seed": 1}
    chunks = [*CheckedAnswers(engine).chat_chunks(body)]
    text = {0: "", 1: ""}
    for choice in (each for chunk in chunks for each in chunk["choices"]):
        text[choice["index"]] += choice["delta"].get("content") or ""
    assert text == {0: '["b", "c"]', 1: '["d"]'}
    assert chunks[-1]["usage"] == usage(15, 9)
    pieces, answer = streamed(CheckedAnswers(Scripted('["a"]')).stream(ASKED, response_format=UNIQUE, **SETTINGS))
    assert pieces == [answer.text]


LETTERS = {"type": "grammar", "grammar": "%llguidance {}\nstart: /[a-c]+/\n"}


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        *((PLAIN, answer) for answer in ("text", '["a", "b", "c"]', "{}")),
        *((ANY_JSON, answer) for answer in ("text", '{"a": 1', '{"a": 1} and', "[1]", "")),
        *((LETTERS, answer) for answer in ("abd", "")),
    ],
)
def test_answer_that_left_its_grammar_is_an_error(asked: dict[str, Any], answer: str) -> None:
    with pytest.raises(ProviderError, match="left the form that it was held to"):
        CheckedAnswers(Scripted(answer, answer)).complete(ASKED, response_format=asked, **SETTINGS)
    body: Any = {"messages": ASKED, "response_format": asked}
    with pytest.raises(ProviderError, match="left the form"):
        list(CheckedAnswers(Scripted(answer)).chat_chunks(body))
    with pytest.raises(ProviderError, match="left the form"):
        streamed(CheckedAnswers(Scripted(answer)).stream(ASKED, response_format=asked, **SETTINGS))


@pytest.mark.parametrize(("asked", "answer"), [(ANY_JSON, '{"a": [1]}'), (LETTERS, "abc"), (PLAIN, '["a"]')])
def test_answer_of_its_grammar_is_passed_on(asked: dict[str, Any], answer: str) -> None:
    assert CheckedAnswers(Scripted(answer)).complete(ASKED, response_format=asked, **SETTINGS).text == answer
    cut = CheckedAnswers(Scripted(answer[:2], reason="length")).complete(ASKED, response_format=asked, **SETTINGS)
    assert (cut.text, cut.finish_reason) == (answer[:2], "length")


def test_requests_without_a_schema_are_passed_on() -> None:
    engine = Scripted("text")
    assert CheckedAnswers(engine).complete(ASKED, **SETTINGS).text == "text"
    assert engine.asked == [ASKED]


def test_pattern_that_takes_too_long_is_given_up() -> None:
    slow = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"pattern": r"^(?=a)(a|aa)+$"}}}
    engine = Scripted('"' + "a" * 60 + '!"', '"aa"')
    assert CheckedAnswers(engine).complete(ASKED, response_format=slow, **SETTINGS).text == '"aa"'
    assert "takes too long to match" in str(engine.asked[1][-1]["content"])


def test_tools_as_text_leave_streams_without_tools_as_they_are() -> None:
    words = '{"tool_calls": [{"name": "a", "arguments": {}}]}'
    pieces, answer = streamed(PromptedTools(Scripted(words)).stream(ASKED, **SETTINGS))
    assert "".join(pieces) == answer.text == words
    assert not answer.tool_calls


def test_streamed_answer_returns_its_calls_apart_from_its_text() -> None:
    words = 'Well. {"tool_calls": [{"name": "a", "arguments": {"b": 1}}]}'
    tools = [{"type": "function", "function": {"name": "a"}}]
    pieces, answer = streamed(PromptedTools(Scripted(words)).stream(ASKED, tools=tools, **SETTINGS))
    assert "".join(pieces) == answer.text == "Well."
    assert [call["function"]["arguments"] for call in answer.tool_calls] == ['{"b": 1}']
    assert answer.finish_reason == "tool_calls"
