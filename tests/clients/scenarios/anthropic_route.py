"""Anthropic's SDK asks a route whose target speaks OpenAI's chat: answers, streams, tools, typed answers."""

import sys

import anthropic
from pydantic import BaseModel

address, model = sys.argv[1].removesuffix("/v1"), sys.argv[2]
client = anthropic.Anthropic(base_url=address, api_key="any", max_retries=0)
asked = {"model": model, "max_tokens": 24, "extra_body": {"temperature": 0}, "system": "Be brief."}
question = {"role": "user", "content": "What is the capital of France?"}

answer = client.messages.create(**asked, messages=[question], metadata={"user_id": "u"})
assert "Paris" in answer.content[0].text
assert (answer.type, answer.role, answer.stop_sequence) == ("message", "assistant", None)
assert answer.usage.input_tokens + (answer.usage.cache_read_input_tokens or 0) > 10

with client.messages.stream(**asked, messages=[question]) as stream:
    kinds = [event.type for event in stream]
    final = stream.get_final_message()
assert final.content[0].text == answer.content[0].text
assert (final.usage.output_tokens, final.stop_reason) == (answer.usage.output_tokens, answer.stop_reason)
assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
cut = client.messages.create(**{**asked, "max_tokens": 2}, messages=[question])
assert cut.stop_reason == "max_tokens"

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
(use,) = (block for block in called.content if block.type == "tool_use")
assert use.input["place"] in {"Paris", "Rome"}
with client.messages.stream(**{**asked, "max_tokens": 60}, messages=[rain], **tools) as stream:
    (streamed,) = (block for block in stream.get_final_message().content if block.type == "tool_use")
assert (streamed.name, streamed.input) == (use.name, use.input)
result = {"type": "tool_result", "tool_use_id": use.id, "content": "sunny"}
history = [rain, {"role": "assistant", "content": called.content}, {"role": "user", "content": [result]}]
assert client.messages.create(**asked, messages=history, tools=[weather]).content


class City(BaseModel):
    name: str
    people: int


parsed = client.messages.parse(**{**asked, "max_tokens": 60}, messages=[question], output_format=City)
assert isinstance(parsed.parsed_output, City)

refused = None
try:
    client.messages.create(**asked, messages=[question], tools=[{"type": "web_search_20250305", "name": "web_search"}])
except anthropic.BadRequestError as error:
    refused = error.body
assert refused is not None
assert "web_search" in refused["error"]["message"], refused
