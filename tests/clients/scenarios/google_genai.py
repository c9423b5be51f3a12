"""Google's own SDK for Gemini: answers, streams, functions and their results, typed answers, counts, errors."""

import asyncio
import sys

from google import genai
from google.genai import errors, types
from pydantic import BaseModel

address, model = sys.argv[1].removesuffix("/v1"), sys.argv[2]
options = types.HttpOptions(base_url=address, retry_options=types.HttpRetryOptions(attempts=1))
client = genai.Client(api_key="of-gemini", http_options=options, vertexai=False)
question = "What is the capital of France? \u00e9\U0001f642"

config = types.GenerateContentConfig(temperature=0, max_output_tokens=24, system_instruction="Be brief.")
answer = client.models.generate_content(model=model, contents=question, config=config)
assert answer.text == "The capital is Paris."
assert answer.candidates[0].finish_reason == types.FinishReason.STOP
assert (answer.usage_metadata.total_token_count, answer.model_version) == (14, model)
assert client.models.count_tokens(model=model, contents=question).total_tokens == 9

pieces = [each.text for each in client.models.generate_content_stream(model=model, contents=question, config=config)]
assert len(pieces) == 4
assert "".join(pieces) == answer.text


async def streamed() -> str:
    found = await client.aio.models.generate_content_stream(model=model, contents=question)
    return "".join([each.text async for each in found])


assert asyncio.run(streamed()) == answer.text

place = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
weather = types.FunctionDeclaration(name="weather", description="The weather", parameters_json_schema=place)
tools = types.GenerateContentConfig(
    tools=[types.Tool(function_declarations=[weather])],
    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
)
rain = types.UserContent("How is the weather in Paris and Rome?")
called = client.models.generate_content(model=model, contents=[rain], config=tools)
assert [call.args["place"] for call in called.function_calls] == ["Paris", "Rome"]
results = [
    types.Part.from_function_response(name=call.name, response={"output": "sunny"}) for call in called.function_calls
]
history = [rain, called.candidates[0].content, types.Content(role="user", parts=results)]
assert client.models.generate_content(model=model, contents=history, config=tools).text == answer.text
image = types.Part.from_bytes(data=bytes(range(256)), mime_type="image/png")
assert client.models.generate_content(model=model, contents=[image, "What is this?"]).text == answer.text


class City(BaseModel):
    name: str
    people: int


form = types.GenerateContentConfig(response_mime_type="application/json", response_schema=City)
assert client.models.generate_content(model=model, contents=question, config=form).parsed == City(
    name="Paris", people=2_100_000
)

refused = None
try:
    client.models.generate_content(model="gemini-none", contents=question)
except errors.ClientError as error:
    refused = error
assert refused is not None
assert (refused.code, refused.status) == (404, "NOT_FOUND")
