"""Answers that are hard to keep: characters that no database stores, odd calls, failures and readers on the way."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI
from tokenizers import Tokenizer

from fine_tuning import ModelRegistry
from fine_tuning.distillation import DistillationDataCollector
from tests.server.conftest import ALIAS
from tests.serving.fake_host import FakeHost

REPLACED = "\ufffd"
ASKED: Any = [{"role": "user", "content": "What is the capital of France?"}]
HOSTED = "hosted"


@pytest.fixture
def host() -> Iterator[FakeHost]:
    """A host that answers for a deployed model, as the test says."""
    with FakeHost() as found:
        registry = ModelRegistry()
        registry.register_model(HOSTED, ALIAS, "j", 1, provider=found.url, provider_model="m")
        registry.deploy_model(HOSTED)
        yield found


@pytest.fixture
def only_nul(tiny_model_dir: Path) -> dict[str, int]:
    """The logit bias with which the tiny model writes nothing but NUL; its vocabulary has that byte as this letter."""
    token = Tokenizer.from_file(str(tiny_model_dir / "tokenizer.json")).token_to_id("\u0100")
    return {str(token): 100}


def test_chat_answer_with_nul_is_stored_and_captured_as_it_was_answered(
    client: OpenAI, only_nul: dict[str, int]
) -> None:
    asked: dict[str, Any] = {"model": ALIAS, "messages": ASKED, "max_tokens": 3, "logit_bias": only_nul, "store": True}
    answer = client.chat.completions.create(**asked, logprobs=True, top_logprobs=1)
    chunks = list(client.chat.completions.create(**asked, stream=True))
    assert answer.choices[0].message.content == 3 * REPLACED
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == 3 * REPLACED
    assert answer.choices[0].logprobs is not None
    assert [each.bytes for each in answer.choices[0].logprobs.content or []] == [[0]] * 3
    for name in (answer.id, chunks[0].id):
        assert client.chat.completions.retrieve(name).choices[0].message.content == 3 * REPLACED
    stored = client.chat.completions.retrieve(answer.id)
    assert (stored.choices, stored.usage) == (answer.choices, answer.usage)
    [example] = DistillationDataCollector().find_examples()
    assert example["response"] == 3 * REPLACED
    again = [*ASKED, {"role": "assistant", "content": 3 * REPLACED}, {"role": "user", "content": "Really?"}]
    assert client.chat.completions.create(**{**asked, "messages": again}).choices


def test_response_of_a_host_with_odd_characters_is_stored_as_it_was_answered(client: OpenAI, host: FakeHost) -> None:
    host.pieces = [{"role": "assistant", "content": "a\0"}, {"content": "b\ud83d"}, {"content": "c"}]
    talk = client.conversations.create().id
    answer = client.responses.create(model=HOSTED, input="Hi", conversation=talk)
    assert answer.output_text == f"a{REPLACED}b{REPLACED}c"
    assert client.responses.retrieve(answer.id).output_text == answer.output_text
    events = list(client.responses.create(model=HOSTED, input="Go on", conversation=talk, stream=True))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == answer.output_text
    items: Any = list(client.conversations.items.list(talk, order="asc"))
    texts = [item.content[0].text for item in items]
    assert texts == ["Hi", answer.output_text, "Go on", answer.output_text]
    assert len(DistillationDataCollector().find_examples()) == 2


def test_batch_answer_with_nul_is_in_its_output(client: OpenAI, only_nul: dict[str, int]) -> None:
    body = {"model": ALIAS, "messages": ASKED, "max_tokens": 2, "logit_bias": only_nul}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    file = client.files.create(file=("b.jsonl", json.dumps(line).encode()), purpose="batch")
    made = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    while (batch := client.batches.retrieve(made.id)).status not in {"completed", "failed"}:
        threading.Event().wait(0.05)
    assert batch.output_file_id is not None
    row = json.loads(client.files.content(batch.output_file_id).text)
    assert row["response"]["body"]["choices"][0]["message"]["content"] == 2 * REPLACED


CALL = {"index": 0, "id": "call_" + 200 * "x", "type": "function"}
WEATHER: Any = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}


@pytest.mark.parametrize("arguments", ['{"place": "Par\0is"}', '{"place": "Par', "", "[1]"])
def test_odd_call_of_a_host_is_stored_and_can_be_sent_back(client: OpenAI, host: FakeHost, arguments: str) -> None:
    function = {"name": "get the\0weather", "arguments": arguments}
    host.pieces = [{"role": "assistant", "tool_calls": [{**CALL, "function": function}]}]
    answer: Any = client.responses.create(model=HOSTED, input="Weather?", tools=[WEATHER])
    [call] = answer.output
    assert (call.name, call.arguments) == (f"get the{REPLACED}weather", arguments.replace("\0", REPLACED))
    stored: Any = client.responses.retrieve(answer.id)
    assert stored.output == answer.output
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    assert client.responses.create(model=HOSTED, input=[output], previous_response_id=answer.id).status == "completed"
    assert client.responses.create(model=HOSTED, input=[call.to_dict(), output]).status == "completed"
    chat: Any = client.chat.completions.create(model=HOSTED, messages=ASKED, store=True).choices[0].message
    result: Any = {"role": "tool", "tool_call_id": chat.tool_calls[0].id, "content": "sunny"}
    assert client.chat.completions.create(model=HOSTED, messages=[*ASKED, chat.to_dict(), result], store=True).choices


def test_response_that_fails_on_the_way_can_be_retrieved(client: OpenAI, host: FakeHost) -> None:
    host.pieces = [{"role": "assistant", "content": "Par"}, {"error": {"message": "out of memory"}}]
    events = list(client.responses.create(model=HOSTED, input="Hi", stream=True, metadata={"rating": "5"}))
    assert [event.type for event in events][-1] == "response.failed"
    failed: Any = events[-1]
    found: Any = client.responses.retrieve(failed.response.id)
    assert found == failed.response
    assert (found.status, found.completed_at, found.error.code) == ("failed", None, "server_error")
    assert "out of memory" in found.error.message
    assert (found.output[0].status, found.output_text) == ("incomplete", "Par")
    [sent] = client.responses.input_items.list(found.id)
    assert sent.type == "message"
    assert list(DistillationDataCollector().get_curated_examples()) == []
    assert client.responses.delete(found.id) is None
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(found.id)


def test_message_that_fails_on_the_way_ends_with_an_error_of_anthropic(address: str, host: FakeHost) -> None:
    host.pieces = [{"role": "assistant", "content": "Par"}, {"error": {"message": "out of memory"}}]
    asked: dict[str, Any] = {"model": HOSTED, "max_tokens": 8, "messages": ASKED}
    text = httpx2.post(f"{address}/messages", json={**asked, "stream": True}).text
    assert text.count("content_block_delta") == 2
    name, data = text.removesuffix("\n\n").rsplit("\n\n", 1)[1].split("\n")
    error = json.loads(data.removeprefix("data: "))
    assert (name, error["type"], error["error"]["type"]) == ("event: error", "error", "api_error")
    assert "out of memory" in error["error"]["message"]
    whole = httpx2.post(f"{address}/messages", json=asked)
    assert (whole.status_code, whole.json()["error"]["type"]) == (502, "api_error")


def test_message_of_a_host_has_the_counts_that_it_reports(address: str, host: FakeHost) -> None:
    asked = {"model": HOSTED, "max_tokens": 8, "messages": ASKED, "stop_sequences": ["END"]}
    answer = httpx2.post(f"{address}/messages", json=asked).json()
    assert answer["usage"] == {"input_tokens": 7, "output_tokens": 2}
    assert (answer["stop_reason"], answer["content"][0]["text"]) == ("end_turn", f"echo {ASKED[0]['content']}")
    assert host.requests[-1].body["stop"] == ["END"]


def test_response_that_fails_is_kept_only_where_it_was_named_and_to_be_stored(client: OpenAI, host: FakeHost) -> None:
    talk = client.conversations.create(items=[{"role": "user", "content": "a"}]).id
    host.pieces = [{"role": "assistant", "content": "Par"}, {"error": {"message": "out of memory"}}]
    events = list(client.responses.create(model=HOSTED, input="Hi", stream=True, store=False))
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(events[-1].response.id)  # type: ignore[union-attr]
    failed: Any = list(client.responses.create(model=HOSTED, input="Hi", stream=True, conversation=talk))[-1]
    assert client.responses.retrieve(failed.response.id).status == "failed"
    assert len(list(client.conversations.items.list(talk))) == 1  # it does not go on with half an answer
    with pytest.raises(openai.APIStatusError, match="out of memory"):
        client.responses.create(model=HOSTED, input="Hi")


def test_response_whose_reader_leaves_is_cancelled(client: OpenAI, host: FakeHost) -> None:
    host.pieces, host.pause = [{"role": "assistant", "content": "Par"}, *[{"content": "is"}] * 300], 0.1
    with client.responses.create(model=HOSTED, input="Hi", stream=True) as events:
        created: Any = next(iter(events))
    name = created.response.id
    found: Any = _when(lambda: client.responses.retrieve(name))
    assert (found.status, found.error, found.incomplete_details) == ("cancelled", None, None)
    assert list(client.responses.input_items.list(name))
    assert client.responses.create(model=ALIAS, input="Go on", previous_response_id=name, max_output_tokens=2).output


def test_incomplete_response_is_stored(client: OpenAI) -> None:
    events = client.responses.create(model=ALIAS, input="Hi", stream=True, max_output_tokens=2, temperature=0)
    last: Any = list(events)[-1]
    found: Any = client.responses.retrieve(last.response.id)
    assert (found.status, found.incomplete_details.reason) == ("incomplete", "max_output_tokens")


def _when(found: Callable[[], Any]) -> Any:
    """What is found as soon as the server has noticed that its client left."""
    for _ in range(200):
        try:
            return found()
        except (openai.NotFoundError, openai.InternalServerError):  # or it waits to be stored
            threading.Event().wait(0.05)
    return found()
