"""Conversations, kept by the server and continued by responses, through the real SDK."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.server.conftest import ALIAS
from tests.server.test_responses import QUESTION, WEATHER, as_chat, ask


def texts(client: OpenAI, conversation: str, order: Any = "asc") -> list[str]:
    return [item.content[0].text for item in client.conversations.items.list(conversation, order=order)]  # type: ignore[union-attr]


def hello(text: str = "Hello") -> Any:
    return {"type": "message", "role": "user", "content": text}


def test_conversation_is_created_updated_and_deleted(client: OpenAI) -> None:
    made = client.conversations.create(metadata={"topic": "geo"}, items=[hello()])
    assert (made.object, made.metadata, made.id[:5]) == ("conversation", {"topic": "geo"}, "conv_")
    assert client.conversations.update(made.id, metadata={"topic": "food"}).metadata == {"topic": "food"}
    assert client.conversations.retrieve(made.id).metadata == {"topic": "food"}
    assert client.conversations.create().metadata == {}
    assert client.conversations.delete(made.id).deleted
    for refused in (
        lambda: client.conversations.retrieve(made.id),
        lambda: client.conversations.update(made.id, metadata={}),
        lambda: client.conversations.delete(made.id),
        lambda: client.conversations.items.list(made.id),
        lambda: client.conversations.items.create(made.id, items=[hello()]),
    ):
        with pytest.raises(openai.NotFoundError, match=f"No such conversation: {made.id}"):
            refused()


def test_items_are_created_listed_retrieved_and_deleted(client: OpenAI) -> None:
    made = client.conversations.create(items=[hello("0")])
    added = client.conversations.items.create(made.id, items=[hello(str(n)) for n in range(1, 5)])
    assert [item.content[0].text for item in added.data] == ["1", "2", "3", "4"]  # type: ignore[union-attr]
    assert texts(client, made.id) == ["0", "1", "2", "3", "4"]
    page = client.conversations.items.list(made.id, limit=2)
    assert ([item.content[0].text for item in page.data], page.has_more) == (["4", "3"], True)  # type: ignore[union-attr]
    assert [item.content[0].text for item in page] == ["4", "3", "2", "1", "0"]  # type: ignore[union-attr]
    second: Any = added.data[1]
    assert client.conversations.items.retrieve(second.id, conversation_id=made.id) == second
    assert client.conversations.items.delete(second.id, conversation_id=made.id).id == made.id
    assert texts(client, made.id) == ["0", "1", "3", "4"]
    for refused in (client.conversations.items.retrieve, client.conversations.items.delete):
        with pytest.raises(openai.NotFoundError):
            refused(second.id, conversation_id=made.id)
    with pytest.raises(openai.BadRequestError, match="at most 20 items"):
        client.conversations.items.create(made.id, items=[hello()] * 21)
    with pytest.raises(openai.BadRequestError, match=r"items\[0\]\.type"):
        client.conversations.items.create(made.id, items=[{"type": "image_generation_call"}])  # type: ignore[list-item]


def test_items_sent_twice_have_ids_of_their_own(client: OpenAI) -> None:
    answer = ask(client)
    kept: Any = [each.to_dict() for each in answer.output]
    made = client.conversations.create(items=[*kept, *kept])
    reference: Any = {"id": answer.output[0].id}  # its type may be left out
    client.conversations.items.create(made.id, items=[*kept, reference])
    ids = [item.id for item in client.conversations.items.list(made.id, limit=1)]
    assert len(ids) == len(set(ids)) == 4


def test_response_continues_and_extends_its_conversation(client: OpenAI) -> None:
    made = client.conversations.create(items=[{"role": "developer", "content": "Be kind."}])
    first = ask(client, conversation=made.id, temperature=0)
    assert first.conversation.id == made.id
    with client.responses.stream(
        model=ALIAS, input="And?", conversation={"id": made.id}, temperature=0, max_output_tokens=8, store=False
    ) as stream:
        last: Any = list(stream)[-1]
    turns = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": first.output_text},
        {"role": "user", "content": "And?"},
    ]
    chat = as_chat(client, turns)
    second = last.response
    assert (second.output_text, second.usage.input_tokens) == (
        chat.choices[0].message.content,
        chat.usage.prompt_tokens,
    )
    assert len(texts(client, made.id)) == 5
    assert texts(client, made.id)[:4] == [turn["content"] for turn in turns]
    with pytest.raises(openai.NotFoundError):  # it is in the conversation, and not stored
        client.responses.retrieve(second.id)
    (sent,) = client.responses.input_items.list(first.id).data
    assert sent.content[0].text == QUESTION  # type: ignore[union-attr]


def test_deleted_conversation_and_response_leave_what_the_other_has(client: OpenAI) -> None:
    made = client.conversations.create()
    first = ask(client, conversation=made.id)
    second = ask(client, input="And?", conversation=made.id)
    client.responses.delete(first.id)
    assert len(texts(client, made.id)) == 4
    client.conversations.delete(made.id)
    assert client.responses.retrieve(second.id).id == second.id
    (kept,) = client.responses.input_items.list(second.id).data
    assert kept.content[0].text == "And?"  # type: ignore[union-attr]
    with pytest.raises(openai.NotFoundError, match="No such item"):
        ask(client, input=[{"type": "item_reference", "id": first.output[0].id}])


def test_calls_and_their_outputs_are_items_of_the_conversation(client: OpenAI) -> None:
    made = client.conversations.create()
    settings: dict[str, Any] = {"tools": [WEATHER], "conversation": made.id, "parallel_tool_calls": False}
    called = ask(client, tool_choice="required", max_output_tokens=200, **settings)
    call_id = called.output[0].call_id
    for earlier in ({"conversation": made.id}, {"conversation": None, "previous_response_id": called.id}):
        with pytest.raises(openai.BadRequestError, match=f"No tool output found for function call {call_id}"):
            ask(client, input="And?", **(settings | earlier))
    output = {"type": "function_call_output", "call_id": call_id, "output": "sunny"}
    ask(client, input=[output], **settings)
    kinds = [item.type for item in client.conversations.items.list(made.id, order="asc")]
    assert kinds[:3] == ["message", "function_call", "function_call_output"]


def test_item_that_no_response_could_have_is_refused(client: OpenAI) -> None:
    text = {"type": "output_text", "text": "x"}
    wrong: list[dict[str, Any]] = [
        {"role": "user", "content": "x", "phase": "o"},
        {"type": "reasoning", "summary": [{"text": "x"}]},
        {"type": "reasoning", "summary": [], "content": [{}]},
        {"role": "assistant", "content": [{**text, "annotations": [{"type": "none"}]}]},
        {"role": "assistant", "content": [{**text, "logprobs": [{"token": "x", "top_logprobs": [1]}]}]},
    ]
    for item in wrong:
        with pytest.raises(openai.BadRequestError):
            client.conversations.create(items=[item])  # type: ignore[list-item]
    token: Any = {"token": "é", "logprob": -1.0, "bytes": None, "top_logprobs": []}
    cited: Any = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    answer: Any = {**text, "logprobs": [token], "annotations": [cited]}
    reasoning: Any = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "x"}]}
    message: Any = {"role": "assistant", "content": [answer], "phase": "commentary"}
    name = client.conversations.create(items=[message, reasoning]).id
    shown = client.conversations.items.list(name, order="asc").data[0].to_dict()
    assert shown["content"] == [{**answer, "logprobs": [{**token, "bytes": [0xC3, 0xA9]}]}]
    assert client.responses.create(model=ALIAS, input="Hi", conversation=name, max_output_tokens=2).output
