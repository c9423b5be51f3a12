"""OpenAI Agents: tools, streams, typed answers, sessions and a handoff, all over the Responses API."""

import asyncio
import sys
from collections import Counter
from typing import Literal

from agents import (
    Agent,
    ModelSettings,
    OpenAIConversationsSession,
    Runner,
    function_tool,
    set_default_openai_client,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from pydantic import BaseModel

BASE_URL, MODEL = sys.argv[1:]
SHORT = ModelSettings(max_tokens=150, temperature=0)
MUST_CALL = ModelSettings(max_tokens=120, temperature=0, tool_choice="required", parallel_tool_calls=False)


class Ticket(BaseModel):
    kind: Literal["billing", "technical"]


@function_tool
def weather(place: Literal["Paris", "Rome"]) -> str:
    """The weather of a place."""
    return f"sunny in {place}"


plain = Agent(name="plain", model=MODEL, model_settings=SHORT)
caller = Agent(
    name="caller", model=MODEL, tools=[weather], model_settings=MUST_CALL, tool_use_behavior="stop_on_first_tool"
)
classifier = Agent(name="classifier", instructions="Classify.", model=MODEL, output_type=Ticket, model_settings=SHORT)
front = Agent(name="front", model=MODEL, handoffs=[classifier], model_settings=MUST_CALL)


async def run() -> None:
    called = await Runner.run(caller, "What is the weather in Paris?")
    assert called.final_output.startswith("sunny in "), called.final_output
    assert [item.type for item in called.new_items] == ["tool_call_item", "tool_call_output_item"]
    assert (await Runner.run(plain, called.to_input_list())).final_output  # the result goes back to the model

    streamed = Runner.run_streamed(caller, "What is the weather in Rome?")
    kinds = Counter([event.data.type async for event in streamed.stream_events() if event.type == "raw_response_event"])
    assert kinds["response.function_call_arguments.delta"] > 1, kinds
    assert kinds["response.completed"] == 1, kinds

    assert isinstance((await Runner.run(classifier, "My invoice is wrong.")).final_output, Ticket)
    first = await Runner.run(plain, "Hello.")
    assert (await Runner.run(plain, "Again.", previous_response_id=first.last_response_id)).final_output

    session = OpenAIConversationsSession()
    await Runner.run(plain, "My name is Bob.", session=session)
    await Runner.run(caller, "What is the weather in Rome?", session=session)
    kept = [item.get("type") for item in await session.get_items()]
    assert kept == ["message", "message", "message", "function_call", "function_call_output"], kept
    await session.pop_item()
    await session.clear_session()

    handed = await Runner.run(front, "Please hand this over.")
    assert handed.last_agent.name == "classifier", handed.last_agent.name


set_tracing_disabled(True)
set_default_openai_client(AsyncOpenAI(base_url=BASE_URL, api_key="any", max_retries=0))
asyncio.run(run())
