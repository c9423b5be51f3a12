"""Anthropic's own SDK: answers, streams, tools and their results, typed answers, counts and errors."""

import sys

import anthropic
from pydantic import BaseModel

address, model = sys.argv[1].removesuffix("/v1"), sys.argv[2]
client = anthropic.Anthropic(base_url=address, api_key="any", max_retries=0)
asked = {"model": model, "max_tokens": 24, "extra_body": {"temperature": 0}}
question = {"role": "user", "content": "What is the capital of France?"}

answer = client.messages.create(
    **asked,
    system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    messages=[question],
    metadata={"user_id": "u"},
    thinking={"type": "adaptive"},
)
assert "Paris" in answer.content[0].text
assert (answer.type, answer.role, answer.model, answer.stop_sequence) == ("message", "assistant", model, None)
assert answer.usage.input_tokens > 10
assert answer._request_id.startswith("req_")
counted = client.messages.count_tokens(model=model, system="Be brief.", messages=[question])
assert counted.input_tokens == answer.usage.input_tokens

with client.messages.stream(**asked, system="Be brief.", messages=[question]) as stream:
    kinds = [event.type for event in stream]
    final = stream.get_final_message()
assert final.content[0].text == answer.content[0].text
assert (final.usage, final.stop_reason) == (answer.usage, answer.stop_reason)
assert kinds[0] == "message_start"
assert kinds[-1] == "message_stop"
assert "content_block_delta" in kinds

stopped = client.messages.create(**asked, system="Be brief.", messages=[question], stop_sequences=["never", "Paris"])
assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "Paris")
cut = client.messages.create(**{**asked, "max_tokens": 2}, messages=[question])
assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 2)

weather = {
    "name": "weather",
    "description": "The weather at a place",
    "input_schema": {
        "type": "object",
        "properties": {"place": {"enum": ["Paris", "Rome"]}},
        "required": ["place"],
        "additionalProperties": False,
    },
}
tools = {
    "tools": [weather],
    "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
}
rain = {"role": "user", "content": "How is the weather in Paris?"}
called = client.messages.create(**{**asked, "max_tokens": 60}, messages=[rain], **tools)
assert called.stop_reason == "tool_use"
(use,) = called.content
assert use.type == "tool_use"
assert use.input["place"] in {"Paris", "Rome"}
with client.messages.stream(**{**asked, "max_tokens": 60}, messages=[rain], **tools) as stream:
    (streamed,) = stream.get_final_message().content
assert (streamed.name, streamed.input) == (use.name, use.input)
result = {
    "type": "tool_result",
    "tool_use_id": use.id,
    "content": [{"type": "text", "text": "sunny"}],
    "is_error": False,
}
history = [rain, {"role": "assistant", "content": called.content}, {"role": "user", "content": [result]}]
spoken = client.messages.create(**asked, messages=history, tools=[weather])
assert spoken.content


class City(BaseModel):
    name: str
    people: int


parsed = client.messages.parse(**{**asked, "max_tokens": 60}, messages=[question], output_format=City)
assert isinstance(parsed.parsed_output, City)
with client.messages.stream(**{**asked, "max_tokens": 60}, messages=[question], output_format=City) as stream:
    assert stream.get_final_message().parsed_output == parsed.parsed_output
beta = client.beta.messages.create(**asked, messages=[question], betas=["context-1m-2025-08-07"])
assert beta.content


def refusal(word, **more):
    """The status and the type of the error of a request that is refused."""
    try:
        client.messages.create(**{**asked, "messages": [question], **more})
    except anthropic.APIStatusError as error:
        found = error
    else:
        raise AssertionError(f"{word} was not refused")
    assert (found.body["type"], found.body["request_id"]) == ("error", found.request_id)
    assert word in found.body["error"]["message"], found.body
    return found.status_code, found.body["error"]["type"]


image = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
search = {"type": "web_search_20250305", "name": "web_search"}
prefilled = [question, {"role": "assistant", "content": "It is"}]
bad = (400, "invalid_request_error")
assert refusal("none", model="none") == (404, "not_found_error")
assert refusal("web_search_20250305", tools=[search]) == bad
assert refusal("image", messages=[{"role": "user", "content": [image]}]) == bad
assert refusal("prefill", messages=prefilled) == bad
assert refusal("max_tokens", max_tokens=0) == bad
assert refusal("nothing", extra_body={"nothing": 1}) == bad
assert refusal(use.id, messages=history[:2]) == bad
models = list(client.models.list(limit=1))
assert model in [each.id for each in models]
assert client.models.retrieve(model) == next(each for each in models if each.id == model)
assert [each.id for each in client.models.list(before_id=models[-1].id, limit=1)] == [
    each.id for each in models[-2::-1]
]
