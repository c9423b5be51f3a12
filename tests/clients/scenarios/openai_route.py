"""OpenAI's SDK asks a route whose target speaks Anthropic's Messages: answers, streams, tools, types, Responses."""

import sys
from typing import Literal

from openai import BadRequestError, OpenAI, pydantic_function_tool
from pydantic import BaseModel

base_url, model = sys.argv[1:]
client = OpenAI(base_url=base_url, api_key="any", max_retries=0)
messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is the capital of France?"}]
asked = {"model": model, "temperature": 0}

answer = client.chat.completions.create(**asked, messages=messages, max_tokens=24)
assert "Paris" in answer.choices[0].message.content
assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
with client.chat.completions.stream(**asked, messages=messages, max_tokens=24) as stream:
    final = stream.until_done().get_final_completion()
assert final.choices[0].message.content == answer.choices[0].message.content
assert final.choices[0].finish_reason == answer.choices[0].finish_reason
cut = client.chat.completions.create(**asked, messages=messages, max_tokens=2)
assert cut.choices[0].finish_reason == "length"


class Weather(BaseModel):
    """The weather at a place."""

    place: Literal["Paris", "Rome"]


rain = [{"role": "user", "content": "How is the weather in Paris?"}]
tools = {
    "tools": [pydantic_function_tool(Weather)],
    "tool_choice": {"type": "function", "function": {"name": "Weather"}},
}
called = client.chat.completions.parse(**asked, messages=rain, max_tokens=60, **tools).choices[0].message
(call,) = called.tool_calls
assert isinstance(call.function.parsed_arguments, Weather)
with client.chat.completions.stream(**asked, messages=rain, max_tokens=60, **tools) as stream:
    (streamed,) = stream.until_done().get_final_completion().choices[0].message.tool_calls
assert streamed.function.arguments == call.function.arguments
said = {"role": "assistant", "tool_calls": [call.model_dump(exclude={"function": {"parsed_arguments"}})]}
result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
spoken = client.chat.completions.create(
    **asked, messages=[*rain, said, result], max_tokens=16, tools=[pydantic_function_tool(Weather)]
)
assert spoken.choices


class City(BaseModel):
    name: str
    people: int


parsed = client.chat.completions.parse(**asked, messages=messages, max_tokens=60, response_format=City)
assert isinstance(parsed.choices[0].message.parsed, City)

short = {
    "input": "What is the capital of France?",
    "instructions": "Be brief.",
    "max_output_tokens": 24,
    "store": False,
}
response = client.responses.create(**asked, **short)
assert "Paris" in response.output_text
with client.responses.stream(**asked, **short) as stream:
    kinds = [event.type for event in stream]
    assert stream.get_final_response().output_text == response.output_text
assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")

refused = None
try:
    client.chat.completions.create(**asked, messages=messages, logprobs=True)
except BadRequestError as error:
    refused = error
assert refused is not None
assert (refused.code, "logprobs" in refused.message) == ("not_translatable", True), refused.body
