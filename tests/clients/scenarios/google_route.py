"""Google's SDK asks a route whose target speaks OpenAI's chat completions: answers, streams, functions, types."""

import sys
from typing import Literal

from google import genai
from google.genai import errors, types
from pydantic import BaseModel, ConfigDict

address, model = f"{sys.argv[1].removesuffix('/v1')}/gemini", sys.argv[2]
options = types.HttpOptions(base_url=address, retry_options=types.HttpRetryOptions(attempts=1))
client = genai.Client(api_key="of-gemini", http_options=options, vertexai=False)
question = "What is the capital of France?"

brief = types.GenerateContentConfig(
    temperature=0,
    max_output_tokens=24,
    system_instruction="Be brief.",
    thinking_config=types.ThinkingConfig(thinking_budget=0),
    safety_settings=[types.SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="BLOCK_NONE")],
)
answer = client.models.generate_content(model=model, contents=question, config=brief)
assert "Paris" in answer.text
usage = answer.usage_metadata
assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count > 2
pieces = list(client.models.generate_content_stream(model=model, contents=question, config=brief))
assert "".join(each.text or "" for each in pieces) == answer.text
assert len(pieces) > 2
assert pieces[-1].candidates[0].finish_reason == answer.candidates[0].finish_reason
assert pieces[-1].usage_metadata.total_token_count == usage.total_token_count
short = types.GenerateContentConfig(temperature=0, max_output_tokens=2)
cut = client.models.generate_content(model=model, contents=question, config=short)
assert cut.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS

chat = client.chats.create(model=model, config=brief)
assert "Paris" in chat.send_message(question).text
assert chat.send_message("And of Italy?").text
assert len(chat.get_history()) == 4


class Place(BaseModel):
    model_config = ConfigDict(extra="forbid")
    place: Literal["Paris", "Rome"]


weather = types.FunctionDeclaration(
    name="weather", description="The weather at a place", parameters_json_schema=Place.model_json_schema()
)
tools = {
    "temperature": 0,
    "max_output_tokens": 60,
    "tools": [types.Tool(function_declarations=[weather])],
    "automatic_function_calling": types.AutomaticFunctionCallingConfig(disable=True),
}
forced = types.GenerateContentConfig(
    **tools, tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY"))
)
rain = types.UserContent("How is the weather in Paris?")
called = client.models.generate_content(model=model, contents=[rain], config=forced)
(call,) = called.function_calls
assert Place.model_validate(call.args)
(streamed,) = [
    each
    for chunk in client.models.generate_content_stream(model=model, contents=[rain], config=forced)
    for each in chunk.function_calls or []
]
assert streamed.args == call.args
result = types.Part.from_function_response(name=call.name, response={"output": "sunny"})
history = [rain, called.candidates[0].content, types.Content(role="user", parts=[result])]
assert client.models.generate_content(model=model, contents=history, config=types.GenerateContentConfig(**tools)).text


class City(BaseModel):
    name: str
    people: int


form = types.GenerateContentConfig(
    temperature=0, max_output_tokens=60, response_mime_type="application/json", response_schema=City
)
assert isinstance(client.models.generate_content(model=model, contents=question, config=form).parsed, City)

refused = None
try:
    searching = types.GenerateContentConfig(tools=[types.Tool(google_search=types.GoogleSearch())])
    client.models.generate_content(model=model, contents=question, config=searching)
except errors.ClientError as error:
    refused = error
assert refused is not None
assert (refused.code, refused.status, "googleSearch" in refused.message) == (400, "INVALID_ARGUMENT", True), refused
