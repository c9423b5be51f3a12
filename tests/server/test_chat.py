"""Chat completions, asked by the real SDK, answered by llama.cpp with a tiny model."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from fine_tuning import LocalFineTuner, ModelRegistry
from fine_tuning.distillation import DistillationDataCollector
from tests.server.conftest import ALIAS, chats, refused_alike

ASKED: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]


def ask(client: OpenAI, **more: Any) -> Any:
    return client.chat.completions.create(**{"model": ALIAS, "messages": ASKED, "max_tokens": 8, **more})


def test_create_at_temperature_zero_is_greedy_with_exact_usage(client: OpenAI) -> None:
    first, again = ask(client, temperature=0), ask(client, temperature=0)
    assert first.choices[0].message.content == again.choices[0].message.content
    assert (first.object, first.model, first.choices[0].finish_reason) == ("chat.completion", ALIAS, "length")
    assert first.usage.completion_tokens == 8
    assert first.usage.total_tokens == first.usage.prompt_tokens + 8
    assert ask(client, max_tokens=None, max_completion_tokens=3).usage.completion_tokens == 3


def test_create_stream_equals_the_complete_answer(client: OpenAI) -> None:
    asked: dict[str, Any] = {
        "temperature": 0,
        "seed": 1,
    }  # a prompt of a request with a seed is not read from the cache
    whole = ask(client, **asked)
    chunks = list(ask(client, **asked, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == whole.choices[0].message.content
    assert (chunks[0].choices[0].delta.role, chunks[-2].choices[0].finish_reason) == ("assistant", "length")
    assert (chunks[-1].choices, chunks[-1].usage) == ([], whole.usage)
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.choices for chunk in ask(client, stream=True))


def test_create_answers_have_tier_annotations_and_details_of_tokens(client: OpenAI) -> None:
    ask(client)
    again = ask(client, store=True)
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    assert {each.service_tier for each in (again, *chunks)} == {"default"}
    assert again.choices[0].message.annotations == []
    for counts in (again.usage, chunks[-1].usage):
        assert counts.prompt_tokens_details.cached_tokens == counts.prompt_tokens - 1
        assert counts.completion_tokens_details.reasoning_tokens == 0
    stored = client.chat.completions.retrieve(again.id)
    assert (stored.choices, stored.usage, stored.service_tier) == (again.choices, again.usage, "default")
    response = client.responses.create(model=ALIAS, input=ASKED, max_output_tokens=2)
    assert response.service_tier == "default"
    assert response.usage is not None
    assert response.usage.input_tokens_details.cached_tokens == again.usage.prompt_tokens - 1


def test_create_with_seed_and_n_is_reproducible_and_counted(client: OpenAI) -> None:
    def texts(reply: Any) -> list[str]:
        return [choice.message.content for choice in reply.choices]

    several = ask(client, n=3, seed=5)
    assert texts(several) == texts(ask(client, n=3, seed=5))
    assert len(set(texts(several))) > 1
    assert [choice.index for choice in several.choices] == [0, 1, 2]
    assert several.usage.completion_tokens == sum(ask(client, seed=seed).usage.completion_tokens for seed in (5, 6, 7))
    streamed = list(ask(client, n=3, seed=5, stream=True, stream_options={"include_usage": True}))
    assert {chunk.choices[0].index for chunk in streamed[:-1]} == {0, 1, 2}
    assert streamed[-1].usage == several.usage


def test_create_with_stop_ends_before_it(client: OpenAI) -> None:
    whole = ask(client, temperature=0, max_tokens=20).choices[0].message.content
    stop = whole[5:7]
    cut = ask(client, temperature=0, max_tokens=20, stop=[stop]).choices[0]
    assert cut.message.content == whole[: whole.index(stop)]
    assert cut.finish_reason == "stop"


def test_create_logprobs_belong_to_the_answer(client: OpenAI) -> None:
    choice = ask(client, temperature=0, logprobs=True, top_logprobs=2, max_tokens=4).choices[0]
    tokens = choice.logprobs.content
    assert 1 <= len(tokens) <= 4  # llama.cpp joins tokens that are parts of one character
    assert "".join(token.token for token in tokens) == choice.message.content
    for token in tokens:
        assert token.logprob <= 0
        assert token.top_logprobs[0].logprob >= token.top_logprobs[1].logprob
        assert len(token.top_logprobs) == 2
    assert ask(client).choices[0].logprobs is None
    bare = ask(client, temperature=0, logprobs=True, top_logprobs=0, max_tokens=4).choices[0].logprobs.content
    assert [(each.token, each.top_logprobs) for each in bare] == [(each.token, []) for each in tokens]


SCHEMA = {
    "type": "object",
    "properties": {"kind": {"enum": ["billing", "technical"]}},
    "required": ["kind"],
    "additionalProperties": False,
}


def test_create_with_schema_constrains_a_random_model(client: OpenAI) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "ticket", "schema": SCHEMA, "strict": True}}
    for seed in range(3):
        text = ask(client, response_format=form, max_tokens=100, seed=seed).choices[0].message.content
        assert json.loads(text)["kind"] in {"billing", "technical"}


def test_create_accepts_developer_messages_and_parts(client: OpenAI) -> None:
    plain = ask(client, messages=[{"role": "system", "content": "Be brief."}, *ASKED], temperature=0)
    parts = [{"type": "text", "text": "What is the capital"}, {"type": "text", "text": " of France?"}]
    same = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": parts}]
    assert ask(client, messages=same, temperature=0).choices == plain.choices


def test_create_reads_a_refusal_as_text(client: OpenAI) -> None:
    before, after = {"role": "user", "content": "Add 3 and 4."}, {"role": "user", "content": "Why not?"}
    forms: list[dict[str, Any]] = [
        {"content": "I may not."},
        {"content": None, "refusal": "I may not."},
        {"refusal": "I may not."},
        {"content": [{"type": "refusal", "refusal": "I may not."}]},
    ]
    read = [ask(client, messages=[before, {"role": "assistant", **form}, after], temperature=0) for form in forms]
    assert [each.choices for each in read] == [read[0].choices] * len(forms)
    assert {each.usage.prompt_tokens for each in read if each.usage} == {read[0].usage.prompt_tokens}


PLACE = {
    "type": "object",
    "properties": {"place": {"type": "string", "maxLength": 12}},
    "required": ["place"],
    "additionalProperties": False,
}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": PLACE}}
MANY = "messages[0].content[0].type"
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"audio": {"voice": "alloy", "format": "mp3"}}, "audio"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"functions": [{"name": "f"}]}, "functions"),
    ({"web_search_options": {}}, "web_search_options"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"temperature": 3}, "temperature"),
    ({"n": 0}, "n"),
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "party", "content": "x"}]}, "messages[0].role"),
    ({"stream_options": {"include_usage": True}}, "stream_options"),
    ({"metadata": {"k": "v"}}, "metadata"),
    ({"max_completion_tokens": 5}, "max_tokens"),
    ({"tool_choice": "auto"}, "tool_choice"),
    ({"response_format": {"type": "json_schema"}}, "response_format"),
    ({"extra_body": {"party": True}}, "party"),
    ({"messages": [{"role": "user", "content": "x " * 3000}]}, "messages"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, MANY),
    ({"messages": [*ASKED, {"role": "assistant", "tool_calls": [{"x": 1}]}]}, "messages[1].tool_calls[0].id"),
    ({"stop": ""}, "stop"),
    ({"stop": ["a"] * 5}, "stop"),
    ({"tools": [{"type": "x"}]}, "tools[0].type"),
    ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "other"}}}, "tool_choice"),
    *[
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}, None)
        for schema in (
            {"$ref": "#"},
            {"$ref": "#/nope"},
            {"type": "bogus"},
            {"enum": []},
            {"oneOf": []},
            {"minItems": -5},
            {"$ref": "https://example.com/schema.json"},
            {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(3000)}},
        )
    ],
]


@pytest.mark.parametrize(("arguments", "param"), REFUSED, ids=[str(arguments)[:40] for arguments, _ in REFUSED])
def test_create_unsupported_parameter_returns_400(client: OpenAI, arguments: dict[str, Any], param: str | None) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, **arguments)
    body: Any = caught.value.body
    assert param is None or body["param"] == param
    assert body["type"] == "invalid_request_error"


def test_create_ignored_parameters_change_nothing(client: OpenAI) -> None:
    more = {"user": "u", "service_tier": "auto", "prompt_cache_key": "k", "verbosity": "low"}
    assert ask(client, temperature=0, **more).choices == ask(client, temperature=0).choices


def test_create_unknown_model_returns_404_with_known_names(client: OpenAI) -> None:
    for stream in (False, True):
        with pytest.raises(openai.NotFoundError, match=f"The model 'gpt-5' does not exist.*{ALIAS}"):
            ask(client, model="gpt-5", stream=stream)
    for path in ("/etc", ".", "../../etc/passwd", "org/model"):
        with pytest.raises(openai.NotFoundError):
            ask(client, model=path)


def test_create_concurrent_clients_get_their_answers(client: OpenAI, address: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda _: ask(client, temperature=0), range(24)))
    assert len({reply.choices[0].message.content for reply in replies}) == 1

    async def several() -> list[Any]:
        async with AsyncOpenAI(base_url=address, api_key="any") as asked:
            calls = [
                asked.chat.completions.create(model=ALIAS, messages=ASKED, max_tokens=4, temperature=0)
                for _ in range(8)
            ]
            return await asyncio.gather(*calls)

    assert all(reply.usage.completion_tokens == 4 for reply in asyncio.run(several()))


def test_create_stream_closed_early_stops_the_model(client: OpenAI) -> None:
    for _ in range(12):  # more than there are slots
        with ask(client, stream=True, max_tokens=400) as stream:
            next(iter(stream))
    assert ask(client, temperature=0).usage.completion_tokens == 8


def test_create_registered_name_calls_the_deployed_version(client: OpenAI, tiny_model_dir: Any) -> None:
    registry = ModelRegistry()
    registry.register_model("inbox", ALIAS, "j", 1, provider="local", provider_model=str(tiny_model_dir))
    for name, words in {
        "inbox": "inbox has no deployed version",
        "inbox-v7": "inbox has no version 7; it has 1",
        "inbox@best": "inbox has no alias best; it has none",
    }.items():
        assert words in refused_alike(client, name)
    assert client.models.retrieve("inbox-v1").owned_by == "registry"
    registry.deploy_model("inbox")
    assert ask(client, model="inbox", temperature=0).choices == ask(client, temperature=0).choices
    assert "inbox" in {model.id for model in client.models.list()}


def test_create_with_store_refuses_text_that_no_database_stores(client: OpenAI) -> None:
    asked: Any = [{"role": "user", "content": "a\0b"}]
    with pytest.raises(openai.BadRequestError, match=r"messages\[0\].content has a NUL character .*store = false"):
        ask(client, store=True, messages=asked)
    with pytest.raises(openai.BadRequestError, match=r"metadata.domain has a NUL character"):
        ask(client, store=True, metadata={"domain": "a\0b"})
    assert ask(client, messages=asked).choices
    assert list(client.chat.completions.list()) == []


def test_create_with_store_captures_an_example(client: OpenAI) -> None:
    kept = ask(client, store=True, metadata={"domain": "geo", "rating": "4"}, temperature=0)
    streamed = list(ask(client, store=True, stream=True, metadata={"domain": "geo"}, seed=2))
    ask(client)
    stored = list(client.chat.completions.list(metadata={"domain": "geo"}))
    assert [each.id for each in stored] == [kept.id, streamed[0].id]
    assert stored[1].choices[0].message.content == "".join(c.choices[0].delta.content or "" for c in streamed)
    assert client.chat.completions.retrieve(kept.id).choices == kept.choices
    (message,) = client.chat.completions.messages.list(kept.id)
    assert message.content == ASKED[0]["content"]
    captured = {e["metadata"]["completion"]: e for e in DistillationDataCollector().find_examples(domain="geo")}
    assert captured[kept.id]["response"] == kept.choices[0].message.content
    assert (captured[kept.id]["rating"], captured[streamed[0].id]["rating"]) == (4, 3)
    updated = client.chat.completions.update(kept.id, metadata={"rating": "1"})
    assert updated.metadata == {"rating": "1"}
    (rated,) = [e for e in DistillationDataCollector().find_examples() if e["metadata"]["completion"] == kept.id]
    assert rated["rating"] == 1
    assert client.chat.completions.delete(kept.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.retrieve(kept.id)


def test_stored_completions_are_imported_from_a_host(
    client: OpenAI,
    tmp_path: Path,
    cli: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for seed in range(3):
        ask(client, store=True, metadata={"domain": "geo", "rating": "4"}, seed=seed, tools=[WEATHER])
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Paris"}'}}
    told_before = [
        *ASKED,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ]
    ask(client, store=True, metadata={"domain": "other"}, messages=told_before, tools=[WEATHER], seed=1)
    collector = DistillationDataCollector(tmp_path / "here")
    host = {"base_url": str(client.base_url), "api_key": client.api_key}
    told: list[int] = []
    report = collector.import_stored_completions(metadata={"domain": "geo"}, on_progress=told.append, **host)
    assert (report.read, report.captured, report.rejected, sum(told)) == (3, 3, [], 3)
    first, *_ = collector.find_examples(domain="geo")
    assert (first["prompt"], first["tools"], first["rating"]) == (ASKED[0]["content"], [WEATHER], 4)
    again = collector.import_stored_completions(**host)
    assert (again.read, again.captured, again.unrated) == (4, 1, {3: 1})
    (other,) = [each for each in collector.find_examples() if each["domain"] == "other"]
    assert other["messages"][:-1] == told_before
    monkeypatch.setenv("OPENAI_BASE_URL", host["base_url"])
    code, out, _ = cli("capture", "fetch", "--metadata", "domain=other", "--json")
    assert (code, json.loads(out)["read"]) == (0, 1)
    code, out, _ = cli("capture", "fetch", "--model", "unheard-of")
    assert (code, "no stored completions that match" in out) == (0, True)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    code, _, said = cli("capture", "fetch")
    assert (code, "cannot reach http://127.0.0.1:9/v1 for stored completions" in said) == (1, True)


def test_create_required_tool_call_is_made(client: OpenAI) -> None:
    for choice in ("required", {"type": "function", "function": {"name": "weather"}}):
        answer = ask(client, tools=[WEATHER], tool_choice=choice, parallel_tool_calls=False, max_tokens=200)
        (choice_made,) = answer.choices
        assert choice_made.finish_reason == "tool_calls"
        (call,) = choice_made.message.tool_calls
        assert call.function.name == "weather"
        assert isinstance(json.loads(call.function.arguments)["place"], str)
    one: dict[str, Any] = {"tools": [WEATHER], "tool_choice": "required", "parallel_tool_calls": False}
    with client.chat.completions.stream(model=ALIAS, messages=ASKED, max_tokens=200, **one) as stream:
        assert stream.get_final_completion().choices[0].message.tool_calls[0].function.name == "weather"


def test_create_tools_without_template_support_are_prompted(client: OpenAI) -> None:
    plain = ask(client, temperature=0)
    with_tools = ask(client, temperature=0, tools=[WEATHER])
    assert with_tools.usage.prompt_tokens > plain.usage.prompt_tokens
    without = ask(client, temperature=0, tools=[WEATHER], tool_choice="none")
    assert without.usage.prompt_tokens == plain.usage.prompt_tokens
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    turns = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "1", "content": "sunny"}]
    assert ask(client, messages=[*ASKED, *turns], temperature=0).usage.prompt_tokens > plain.usage.prompt_tokens


def test_create_accepts_a_message_dumped_by_the_sdk(client: OpenAI) -> None:
    first = ask(client).choices[0].message.model_dump()
    assert ask(client, messages=[*ASKED, first, *ASKED]).choices


def test_create_invalid_numbers_and_text_return_400(address: str) -> None:
    for body in (
        b'{"model": "m", "messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"model": "m", "messages": [{"role": "user", "content": "q"}], "logit_bias": {"1": NaN}}',
        b'{"model": "m", "messages": [{"role": "user", "content": "q"}], "temperature": 1e999}',
        b'{"model": "m", "messages": [], "prediction": ' + b'{"a":' * 500 + b"1" + b"}" * 500 + b"}",
        b"{",
    ):
        request = urllib.request.Request(f"{address}/chat/completions", body, {"Content-Type": "application/json"})
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        assert caught.value.code == 400
        assert json.load(caught.value)["error"]["type"] == "invalid_request_error"


def test_create_client_disconnected_stops_the_model(address: str) -> None:
    impatient = OpenAI(base_url=address, api_key="any", max_retries=0, timeout=1.0)
    with impatient, pytest.raises(openai.APITimeoutError):
        endless: dict[str, int] = {"2": -100}  # the token that ends an answer
        impatient.chat.completions.create(model=ALIAS, messages=ASKED, max_tokens=100_000, n=16, logit_bias=endless)
    with OpenAI(base_url=address, api_key="any", max_retries=0, timeout=60.0) as patient:  # else it waits for minutes
        ask(patient, max_tokens=1)


NESTED = {
    "type": "object",
    "properties": {"p": {"$ref": "#/$defs/Place"}},
    "required": ["p"],
    "additionalProperties": False,
    "$defs": {"Place": PLACE},
}


def test_create_required_tool_call_matches_schema_with_references(client: OpenAI) -> None:
    tool = {"type": "function", "function": {"name": "go", "parameters": NESTED}}
    answer = ask(client, tools=[tool], tool_choice="required", parallel_tool_calls=False, max_tokens=140)
    (call,) = answer.choices[0].message.tool_calls
    assert isinstance(json.loads(call.function.arguments)["p"]["place"], str)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": {"a": 1}},
        {"type": [["string"]]},
        {"type": "string", "format": ["date"]},
        {"type": "object", "properties": ["a"], "required": ["a"]},
        {"type": "object", "properties": None},
        {"$ref": "#/$defs/a", "$defs": None},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/none"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {
            "$ref": "#/$defs/a",
            "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}},
        },
        {"type": "string", "pattern": "^a{99999999999}$"},
        {"type": "string", "pattern": "^a{" + "9" * 5000 + "}$"},
        {"type": "string", "pattern": "^" + "(" * 3000 + "a" + ")" * 3000 + "$"},
        {"type": "string", "enum": [1, 2]},
        {"type": "integer", "minimum": 10, "maximum": 5},
        {"type": "integer", "minimum": 1.5, "maximum": 1.9},
        {"allOf": [{"enum": ["a"]}, {"enum": ["c"]}]},
    ],
    ids=lambda schema: str(schema)[:60],
)
def test_create_unsupported_schema_returns_400(client: OpenAI, schema: dict[str, Any]) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    with pytest.raises(openai.BadRequestError):
        ask(client, response_format=wanted)


def test_create_schema_may_repeat_a_reference(client: OpenAI) -> None:
    twice = {"allOf": [{"$ref": "#/$defs/p"}, {"$ref": "#/$defs/p"}], "$defs": {"p": PLACE}}
    wanted = {"type": "json_schema", "json_schema": {"name": "s", "schema": twice}}
    answer = ask(client, response_format=wanted, max_tokens=80).choices[0]
    assert isinstance(json.loads(answer.message.content)["place"], str)


def test_create_schema_number_bounds_are_kept(client: OpenAI) -> None:
    bounded = {"type": "number", "minimum": 1.5, "maximum": 2.25}
    wanted = {"type": "json_schema", "json_schema": {"name": "s", "schema": bounded}}
    for seed in range(10):
        answer = ask(client, response_format=wanted, max_tokens=30, seed=seed).choices[0]
        assert answer.finish_reason == "length" or 1.5 <= float(answer.message.content) <= 2.25


def test_create_fully_trained_model_and_its_checkpoints_answer(
    client: OpenAI, tiny_model_dir: Path, tmp_path: Path
) -> None:
    file = tmp_path / "chats.jsonl"
    file.write_bytes(chats(10))
    tuner = LocalFineTuner()
    uploaded = tuner.upload_training_file(file)
    job = tuner.create_fine_tuning_job(str(tiny_model_dir), uploaded, n_epochs=2, tuning="full", learning_rate=0.01)
    model = tuner.wait_for_job(job["job_id"], progress_bar=False)["fine_tuned_model"]
    names = [model, f"{model}:ckpt-step-3", f"{model}:ckpt-step-6", str(ALIAS)]
    answers = [ask(client, model=name, temperature=0).choices[0].message.content for name in names]
    assert answers[0] == answers[2]
    assert len({answers[0], answers[1], answers[3]}) > 1
