"""LiteLLM: chat, text completions, embeddings and responses, streamed and with tools, and its bridge between APIs."""

import asyncio
import os
import sys
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the internet for prices

import litellm

BASE_URL, MODEL = sys.argv[1:]
AT = {"api_base": BASE_URL, "api_key": "any", "max_retries": 0}
NAME = f"openai/{MODEL}"
HELLO = [{"role": "user", "content": "Hello"}]
PLACE: dict[str, Any] = {
    "type": "object",
    "properties": {"place": {"type": "string", "maxLength": 20}},
    "required": ["place"],
}

answer = litellm.completion(NAME, HELLO, max_tokens=8, **AT)
assert answer.choices[0].message.content
assert answer.usage.completion_tokens == 8
pieces = list(litellm.completion(NAME, HELLO, max_tokens=8, stream=True, stream_options={"include_usage": True}, **AT))
assert "".join(each.delta.content or "" for piece in pieces for each in piece.choices)
tools = [{"type": "function", "function": {"name": "weather", "parameters": PLACE}}]
called = litellm.completion(NAME, HELLO, tools=tools, tool_choice="required", max_tokens=120, **AT)
assert called.choices[0].message.tool_calls[0].function.name == "weather", called
assert (
    litellm.text_completion(model=f"text-completion-openai/{MODEL}", prompt="Paris is", max_tokens=5, **AT)
    .choices[0]
    .text
)
embedded = litellm.embedding("openai/text-embedding-3-small", ["a", "b"], **AT)
assert [len(each["embedding"]) for each in embedded.data] == [256, 256]

first = litellm.responses(model=NAME, input="Hello", max_output_tokens=8, **AT)
assert first.status in {"completed", "incomplete"}
kinds = [
    str(event.type.value)
    for event in litellm.responses(model=NAME, input="Hello", max_output_tokens=8, stream=True, **AT)
]
assert kinds[0] == "response.created", kinds
assert litellm.responses(model=NAME, input="Again", previous_response_id=first.id, max_output_tokens=8, **AT).output
flat = [{"type": "function", "name": "weather", "parameters": PLACE}]
with_call = litellm.responses(
    model=NAME, input="Paris?", tools=flat, tool_choice="required", max_output_tokens=120, **AT
)
assert with_call.output[0].type == "function_call", with_call.output
assert litellm.get_responses(response_id=first.id, **AT).status == first.status
litellm.delete_responses(response_id=first.id, **AT)
assert litellm.completion(f"openai/responses/{MODEL}", HELLO, max_tokens=16, **AT).choices[0].message.content
assert asyncio.run(litellm.aresponses(model=NAME, input="Hello", max_output_tokens=8, **AT)).output
