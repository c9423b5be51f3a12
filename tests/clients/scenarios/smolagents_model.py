"""smolagents: its model's answers, streams and tool calls, and an agent of one step."""

import sys

from smolagents import ChatMessage, OpenAIModel, ToolCallingAgent, tool

BASE_URL, MODEL = sys.argv[1:]


@tool
def weather(place: str) -> str:
    """The weather of a place.

    Args:
        place: A city.
    """
    return f"sunny in {place}"


def model(tokens: int) -> OpenAIModel:
    return OpenAIModel(MODEL, api_base=BASE_URL, api_key="any", max_tokens=tokens, temperature=0)


hello = [ChatMessage(role="user", content=[{"type": "text", "text": "Hello"}])]
answer = model(8).generate(hello, stop_sequences=["Observation:"])
assert answer.content
assert answer.token_usage is not None
assert answer.token_usage.output_tokens == 8, answer
assert "".join(piece.content or "" for piece in model(8).generate_stream(hello)) == answer.content
called = model(120).generate(hello, tools_to_call_from=[weather])
assert called.tool_calls is not None
assert called.tool_calls[0].function.name == "weather", called

agent = ToolCallingAgent(tools=[weather], model=model(60), max_steps=1, verbosity_level=0)
agent.prompt_templates["system_prompt"] = "Call a tool."  # its own has a thousand tokens
agent.run("What is the weather in Paris?")
assert agent.memory.steps[1].model_output_message.tool_calls  # what it calls is the model's affair
