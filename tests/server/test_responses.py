"""Responses, asked by the real SDK, answered by llama.cpp with a tiny model."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import Response
from pydantic import BaseModel

from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.server import authentication
from fine_tuning.store.workspace import open_workspace
from tests.server.conftest import ALIAS, client_of

QUESTION = "What is the capital of France?"
ENDLESS = {"max_output_tokens": 8, "temperature": 0}


def ask(client: OpenAI, **more: Any) -> Any:
    return client.responses.create(**{"model": ALIAS, "input": QUESTION, "max_output_tokens": 8, **more})


def as_chat(client: OpenAI, messages: list[Any], **more: Any) -> Any:
    return client.chat.completions.create(model=ALIAS, messages=messages, max_tokens=8, temperature=0, **more)


def test_create_equals_the_chat_completion(client: OpenAI) -> None:
    answer = ask(client, temperature=0, instructions="Be brief.")
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}]
    chat = as_chat(client, messages)
    assert answer.output_text == chat.choices[0].message.content
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (chat.usage.prompt_tokens, 8)
    assert answer.usage.total_tokens == chat.usage.total_tokens
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert (answer.output[0].status, answer.instructions, answer.temperature) == ("incomplete", "Be brief.", 0)
    assert Response.model_validate(answer.to_dict(), strict=True)


def test_create_takes_every_form_of_a_message(client: OpenAI) -> None:
    whole = ask(client, temperature=0, instructions="Be brief.").output_text
    parts = [{"type": "input_text", "text": "What is the capital"}, {"type": "input_text", "text": " of France?"}]
    for given in (
        [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": QUESTION}],
        [
            {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Be brief."}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
            {"type": "message", "role": "user", "content": parts},
        ],
    ):
        assert ask(client, temperature=0, input=given).output_text == whole


def test_create_with_extras_of_local_servers_samples_as_chat_does(client: OpenAI) -> None:
    extra: dict[str, Any] = {"seed": 5, "top_k": 40, "min_p": 0.01, "repetition_penalty": 1.1, "presence_penalty": 0.5}
    chat = client.chat.completions.create(
        model=ALIAS, messages=[{"role": "user", "content": QUESTION}], max_tokens=8, extra_body=extra
    )
    assert ask(client, extra_body=extra).output_text == chat.choices[0].message.content


def test_create_with_top_k_of_minus_one_samples_from_all_tokens(client: OpenAI) -> None:
    whole, limited = (ask(client, extra_body={"seed": 5, "top_k": each}).output_text for each in (0, 1))
    assert ask(client, extra_body={"seed": 5, "top_k": -1}).output_text == whole != limited
    with pytest.raises(openai.BadRequestError, match="at least -1, but got -2"):
        ask(client, extra_body={"top_k": -2})


def test_create_of_reasoning_alone_is_refused_without_instructions(client: OpenAI) -> None:
    reasoning = [{"type": "reasoning", "summary": []}]
    assert ask(client, input=reasoning, instructions="Be brief.").status == "incomplete"
    with pytest.raises(openai.BadRequestError, match="reasoning alone"):
        ask(client, input=reasoning)


PLACE = {
    "type": "object",
    "properties": {"place": {"type": "string", "maxLength": 12}},
    "required": ["place"],
    "additionalProperties": False,
}
WEATHER: dict[str, Any] = {"type": "function", "name": "weather", "description": "Weather of a place"}
WEATHER |= {"parameters": PLACE, "strict": True}


class Ticket(BaseModel):
    kind: Literal["billing", "technical"]


def test_parse_with_a_pydantic_model_constrains_a_random_model(client: OpenAI) -> None:
    for seed in range(3):
        made = client.responses.parse(
            model=ALIAS, input=QUESTION, text_format=Ticket, max_output_tokens=100, extra_body={"seed": seed}
        )
        assert made.output_parsed is not None
        assert made.output_parsed.kind in {"billing", "technical"}
    loose = {"type": "json_schema", "name": "t", "schema": {**Ticket.model_json_schema(), "not": {"required": ["x"]}}}
    seeded = {"extra_body": {"seed": 0}}  # with which this model's text ends in time
    answer = ask(client, text={"format": {**loose, "strict": False}}, max_output_tokens=100, **seeded)
    assert json.loads(answer.output_text)["kind"] in {"billing", "technical"}
    any_json = ask(client, text={"format": {"type": "json_object"}}, max_output_tokens=200)
    assert any_json.status == "incomplete" or isinstance(json.loads(any_json.output_text), dict)


def test_create_with_logprobs_has_those_of_the_answer(client: OpenAI) -> None:
    include = ["message.output_text.logprobs"]
    part = ask(client, temperature=0, include=include, top_logprobs=2).output[0].content[0]
    assert "".join(token.token for token in part.logprobs) == part.text
    assert all(len(token.top_logprobs) == 2 and token.logprob <= 0 for token in part.logprobs)
    assert ask(client).output[0].content[0].logprobs == []


def test_tools_round_trip_by_ids(client: OpenAI) -> None:
    called = ask(client, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False, max_output_tokens=200)
    (call,) = called.output
    assert (call.type, call.name, call.status) == ("function_call", "weather", "completed")
    assert isinstance(json.loads(call.arguments)["place"], str)
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    asked: dict[str, Any] = {"tools": [WEATHER], "temperature": 0}
    sent_again = ask(client, input=[{"role": "user", "content": QUESTION}, call.to_dict(), result], **asked)
    continued = ask(client, previous_response_id=called.id, input=[result], **asked)
    referred = ask(
        client,
        input=[{"role": "user", "content": QUESTION}, {"type": "item_reference", "id": call.id}, result],
        **asked,
    )
    assert sent_again.output_text == continued.output_text == referred.output_text
    assert sent_again.usage.input_tokens == continued.usage.input_tokens == referred.usage.input_tokens
    for dumped in (call, call.model_dump()):  # as the SDK's own guide sends answers back, and as a whole
        again = ask(client, input=[{"role": "user", "content": QUESTION}, dumped, result], **asked)
        assert again.output_text == continued.output_text
    parts = [{"type": "input_text", "text": "sun"}, {"type": "input_text", "text": "ny"}]
    in_parts = ask(client, previous_response_id=called.id, input=[{**result, "output": parts}], **asked)
    assert in_parts.output_text == continued.output_text
    function = {key: value for key, value in WEATHER.items() if key != "type"}
    turn = {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
    messages = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "tool_calls": [turn]},
        {"role": "tool", "tool_call_id": call.call_id, "content": "sunny"},
    ]
    chat = as_chat(client, messages, tools=[{"type": "function", "function": function}])
    assert chat.usage.prompt_tokens == continued.usage.input_tokens


def test_tool_choice_limits_the_calls(client: OpenAI) -> None:
    other = {**WEATHER, "name": "other"}
    named = [{"type": "function", "name": "other"}]
    for choice in (named[0], {"type": "allowed_tools", "mode": "required", "tools": named}):
        answer = ask(client, tools=[WEATHER, other], tool_choice=choice, max_output_tokens=400)
        assert {item.name for item in answer.output} == {"other"}
        assert len(answer.tools) == 2
    plain = ask(client, temperature=0)
    none = ask(client, temperature=0, tools=[WEATHER], tool_choice="none")
    assert none.usage.input_tokens == plain.usage.input_tokens


def test_call_that_is_cut_off_is_incomplete(client: OpenAI) -> None:
    answer = ask(client, tools=[WEATHER], tool_choice="required", max_output_tokens=40)
    assert (answer.status, answer.output[-1].type, answer.output[-1].status) == (
        "incomplete",
        "function_call",
        "incomplete",
    )


FORMAT = {"type": "json_schema", "name": "n", "schema": {"type": "string", "format": "color"}, "strict": True}
CALLED = {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"}
RETURNED = {"type": "function_call_output", "call_id": "c", "output": "sunny"}
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"background": True}, "background", "background is not supported"),
    ({"prompt": {"id": "pmpt_1"}}, "prompt", "prompt is not supported"),
    ({"context_management": [{"type": "compaction"}]}, "context_management", "context_management is not supported"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type", "The tool 'web_search' is not supported"),
    ({"tools": [WEATHER, {"type": "mcp", "server_label": "x"}]}, "tools[1].type", "The tool 'mcp' is not supported"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name", "Missing required parameter"),
    ({"tools": [{}]}, "tools[0].type", "Missing required parameter"),
    ({"tool_choice": "required"}, "tool_choice", "goes with tools only"),
    ({"tools": [WEATHER], "tool_choice": {"type": "function", "name": "x"}}, "tool_choice", "names x"),
    ({"tools": [WEATHER], "tool_choice": {"type": "web_search_preview"}}, "tool_choice.type", "is not supported"),
    ({"text": {"format": {"type": "json_schema"}}}, "text.format", "needs a name and a schema"),
    ({"text": {"format": FORMAT}}, "text.format.schema.format", "not held under strict"),
    ({"top_logprobs": 2}, "top_logprobs", "needs include"),
    ({"temperature": 3}, "temperature", "at most 2"),
    ({"max_output_tokens": 0}, "max_output_tokens", "at least 1"),
    ({"input": []}, "input", "Missing required parameter: 'input'"),
    ({"input": [{"type": "web_search_call", "id": "x"}]}, "input[0].type", 'but got "web_search_call"'),
    ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role", 'but got "tool"'),
    ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].type", "input_image"),
    ({"input": [{"type": "function_call", "name": "x"}]}, "input[0].call_id", "Missing required parameter"),
    ({"input": ["hello"]}, "input[0]", "expected an object"),
    ({"input": 5}, "input", "expected"),
    ({"input": [RETURNED]}, "input", "No tool call found"),
    ({"input": [CALLED]}, "input", "No tool output found for function call c."),
    ({"input": [CALLED, {"role": "user", "content": "And?"}]}, "input", "No tool output found for function call c."),
    ({"input": [CALLED, {**CALLED, "call_id": "d"}, RETURNED]}, "input", "found for function call d."),
    ({"input": [CALLED, RETURNED, CALLED]}, "input", "No tool output found for function call c."),
    ({"input": "x " * 3000}, "input", "too long"),
    ({"extra_body": {"messages": []}}, "messages", "Unknown parameter"),
    ({"include": ["everything"]}, "include[0]", "everything"),
    ({"previous_response_id": "resp_1", "conversation": "conv_1"}, "previous_response_id", "not both"),
]


@pytest.mark.parametrize(("arguments", "param", "words"), REFUSED, ids=[str(each[0])[:50] for each in REFUSED])
@pytest.mark.parametrize("stream", [False, True])
def test_create_unsupported_parameter_returns_400(
    client: OpenAI, arguments: dict[str, Any], param: str, words: str, stream: bool
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, **arguments, **({"stream": True} if stream else {}))
    body: Any = caught.value.body
    assert (body["param"], body["type"]) == (param, "invalid_request_error")
    assert words in body["message"]


def test_create_stream_options_without_a_stream_are_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="goes with stream = true only"):
        ask(client, stream_options={"include_obfuscation": True})
    assert list(ask(client, stream=True, stream_options={"include_obfuscation": False}))


def test_create_unknown_names_return_404(client: OpenAI) -> None:
    for stream in (False, True):
        with pytest.raises(openai.NotFoundError, match=f"The model 'gpt-5' does not exist.*{ALIAS}"):
            ask(client, model="gpt-5", stream=stream)
        with pytest.raises(openai.NotFoundError, match="Previous response with id 'resp_0' not found"):
            ask(client, previous_response_id="resp_0", stream=stream)
        with pytest.raises(openai.NotFoundError, match="No such conversation: conv_0"):
            ask(client, conversation="conv_0", stream=stream)
        with pytest.raises(openai.NotFoundError, match="No such item: msg_0"):
            ask(client, input=[{"type": "item_reference", "id": "msg_0"}], stream=stream)


def test_create_ignored_parameters_change_nothing(client: OpenAI) -> None:
    more: dict[str, Any] = {
        "user": "u",
        "service_tier": "auto",
        "reasoning": {"effort": "low"},
        "text": {"verbosity": "low"},
        "include": ["reasoning.encrypted_content"],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "safety_identifier": "s",
    }
    assert ask(client, temperature=0, **more).output_text == ask(client, temperature=0).output_text


def test_truncation_auto_leaves_out_the_oldest_messages(client: OpenAI) -> None:
    system = {"role": "system", "content": "Be brief."}
    turns = [{"role": ("user", "assistant")[n % 2], "content": f"{n} " + "word " * 60} for n in range(10)]
    question = {"role": "user", "content": QUESTION}
    fitted = ask(client, input=[system, *turns, question], truncation="auto", temperature=0)
    for left_out in range(10):
        given = [system, *turns[left_out:], question]
        with suppress(openai.BadRequestError):
            expected = ask(client, input=given, temperature=0)
            break
    assert left_out > 0
    assert (fitted.output_text, fitted.usage.input_tokens) == (expected.output_text, expected.usage.input_tokens)
    with pytest.raises(openai.BadRequestError):
        ask(client, input=[{"role": "user", "content": "word " * 3000}], truncation="auto")


# Streams


def test_stream_accumulates_to_the_response(client: OpenAI) -> None:
    whole = ask(client, temperature=0, max_output_tokens=60)
    with client.responses.stream(model=ALIAS, input=QUESTION, temperature=0, max_output_tokens=60) as stream:
        events: list[Any] = list(stream)
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:-1] == ["response.output_text.done", "response.content_part.done", "response.output_item.done"]
    assert kinds[-1] == f"response.{whole.status}"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last = events[-1].response
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == last.output_text == whole.output_text
    assert (last.usage.total_tokens, last.usage.output_tokens) == (whole.usage.total_tokens, whole.usage.output_tokens)
    assert (events[0].response.id, events[0].response.output) == (last.id, [])
    assert client.responses.retrieve(last.id).output_text == text


def test_stream_of_calls_has_their_arguments(client: OpenAI) -> None:
    settings: dict[str, Any] = {"tools": [WEATHER], "tool_choice": "required", "extra_body": {"seed": 3}}
    with client.responses.stream(model=ALIAS, input=QUESTION, max_output_tokens=600, **settings) as stream:
        events: list[Any] = list(stream)
    done = [event for event in events if event.type == "response.function_call_arguments.done"]
    added = [event for event in events if event.type == "response.output_item.added"]
    assert len(done) == len(added) >= 1
    for begun, each in zip(added, done, strict=True):
        own = [event for event in events if getattr(event, "item_id", None) == begun.item.id]
        assert (begun.item.name, begun.item.arguments, begun.item.status) == ("weather", "", "in_progress")
        deltas = [event.delta for event in own if event.type == "response.function_call_arguments.delta"]
        assert "".join(deltas) == each.arguments
    assert [item.arguments for item in events[-1].response.output] == [each.arguments for each in done]


def test_stream_of_a_parsed_form(client: OpenAI) -> None:
    with client.responses.stream(model=ALIAS, input=QUESTION, text_format=Ticket, max_output_tokens=100) as stream:
        final = stream.get_final_response()
    assert final.output_parsed is not None


def test_stream_closed_early_stops_the_model(client: OpenAI) -> None:
    for tools in ([], [WEATHER]):
        for _ in range(10):  # more than there are slots
            with ask(client, stream=True, max_output_tokens=1500, tools=tools) as stream:
                next(iter(stream))
        assert ask(client, temperature=0).usage.output_tokens == 8


def test_async_clients_get_their_answers(client: OpenAI, address: str) -> None:
    expected = ask(client, temperature=0).output_text

    async def several() -> list[str]:
        async with AsyncOpenAI(base_url=address, api_key="any") as asked:

            async def streamed() -> str:
                async with asked.responses.stream(model=ALIAS, input=QUESTION, **ENDLESS) as stream:
                    return "".join(
                        [event.delta async for event in stream if event.type == "response.output_text.delta"]
                    )

            plain = [asked.responses.create(model=ALIAS, input=QUESTION, **ENDLESS) for _ in range(4)]
            texts = [each.output_text for each in await asyncio.gather(*plain)]
            return [*texts, *await asyncio.gather(*(streamed() for _ in range(4)))]

    assert set(asyncio.run(several())) == {expected}


# Stored responses


def test_stored_response_is_retrieved_continued_and_deleted(client: OpenAI) -> None:
    first = ask(client, instructions="Be kind.", temperature=0)
    assert client.responses.retrieve(first.id).to_dict() == first.to_dict()
    second = ask(client, input="And of Spain?", previous_response_id=first.id, temperature=0)
    third = ask(client, input="And?", previous_response_id=second.id, temperature=0)
    turns = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": first.output_text},
        {"role": "user", "content": "And of Spain?"},
        {"role": "assistant", "content": second.output_text},
        {"role": "user", "content": "And?"},
    ]
    chat = as_chat(client, turns)
    assert third.output_text == chat.choices[0].message.content
    assert third.usage.input_tokens == chat.usage.prompt_tokens  # without the instructions of the first one
    assert third.previous_response_id == second.id
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)
    with pytest.raises(openai.NotFoundError, match=first.id):
        ask(client, previous_response_id=third.id)
    unstored = ask(client, store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(unstored.id)


def test_input_items_are_paged(client: OpenAI) -> None:
    given = [{"role": "user", "content": f"Number {n}"} for n in range(5)]
    made = ask(client, input=[*given, {"role": "assistant", "content": "Yes"}, {"role": "user", "content": "Go"}])
    newest = [item.content[0].text for item in client.responses.input_items.list(made.id, limit=2)]
    assert newest == ["Go", "Yes", "Number 4", "Number 3", "Number 2", "Number 1", "Number 0"]
    oldest = client.responses.input_items.list(made.id, limit=3, order="asc")
    assert [item.content[0].text for item in oldest.data] == ["Number 0", "Number 1", "Number 2"]
    assert oldest.has_more
    with pytest.raises(openai.BadRequestError, match="no item msg_0 to continue after"):
        client.responses.input_items.list(made.id, after="msg_0")
    with pytest.raises(openai.NotFoundError):
        client.responses.input_items.list("resp_0")


def test_stored_response_is_a_captured_example(client: OpenAI) -> None:
    first = ask(client, metadata={"domain": "geo", "rating": "4"}, temperature=0, instructions="Be kind.")
    called = ask(client, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False, max_output_tokens=200)
    ask(client, store=False)
    examples = {each["metadata"]["response"]: each for each in DistillationDataCollector().find_examples()}
    assert set(examples) == {first.id, called.id}
    assert examples[first.id]["response"] == first.output_text
    assert (examples[first.id]["rating"], examples[first.id]["domain"]) == (4, "geo")
    assert [each["role"] for each in examples[first.id]["messages"]] == ["system", "user", "assistant"]
    (call,) = examples[called.id]["messages"][-1]["tool_calls"]
    assert (call["id"], call["function"]["arguments"]) == (called.output[0].call_id, called.output[0].arguments)
    assert examples[called.id]["tools"][0]["function"]["name"] == "weather"


def test_responses_and_conversations_of_a_project_are_invisible_to_others(address: str, workspace: Path) -> None:
    database = open_workspace().database
    keys = [authentication.create(database, name, project=name)[0] for name in ("red", "blue")]
    red, blue = (client_of(address, key) for key in keys)
    made = ask(red)
    conversation = red.conversations.create(items=[{"role": "user", "content": "Hello"}])
    (item,) = red.conversations.items.list(conversation.id).data
    for refused in (
        lambda: blue.responses.retrieve(made.id),
        lambda: blue.responses.delete(made.id),
        lambda: blue.responses.input_items.list(made.id),
        lambda: ask(blue, previous_response_id=made.id),
        lambda: ask(blue, input=[{"type": "item_reference", "id": made.output[0].id}]),
        lambda: blue.conversations.retrieve(conversation.id),
        lambda: blue.conversations.items.retrieve(item.id, conversation_id=conversation.id),
        lambda: blue.conversations.items.delete(item.id, conversation_id=conversation.id),
        lambda: ask(blue, conversation=conversation.id),
    ):
        with pytest.raises(openai.NotFoundError):
            refused()
    assert red.responses.retrieve(made.id).id == made.id


def test_input_tokens_are_those_of_the_answer(client: OpenAI) -> None:
    first = ask(client)
    for given in (
        {"input": QUESTION},
        {"input": QUESTION, "instructions": "Be brief.", "tools": [WEATHER]},
        {"input": "Go on", "previous_response_id": first.id},
    ):
        counted = client.responses.input_tokens.count(model=ALIAS, **given)
        assert counted.input_tokens == ask(client, **given).usage.input_tokens


def test_what_needs_background_responses_is_refused(client: OpenAI) -> None:
    made = ask(client)
    with pytest.raises(openai.BadRequestError, match="Cannot cancel a synchronous response"):
        client.responses.cancel(made.id)
    with pytest.raises(openai.BadRequestError, match="only a background response can be streamed again"):
        client.responses.retrieve(made.id, stream=True)
    with pytest.raises(openai.BadRequestError, match="compact is not supported"):
        client.responses.compact(model=ALIAS, input=QUESTION)


def test_text_that_cannot_be_stored_is_refused_by_its_place(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r"input has a NUL character .*store = false"):
        ask(client, input="a\0b")
    with pytest.raises(openai.BadRequestError, match=r"items\[0\].content has a NUL character"):
        client.conversations.create(items=[{"role": "user", "content": "a\0b"}])
    assert ask(client, input="a\0b", store=False).output_text
