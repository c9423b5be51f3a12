"""pydantic-ai: answers with a history, streams, tools and typed answers in each of its ways, over both APIs."""

import asyncio
import sys
from typing import Literal

from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, ToolOutput
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

BASE_URL, MODEL = sys.argv[1:]


class Ticket(BaseModel):
    """The kind of a ticket."""

    kind: Literal["billing", "technical"]


async def check(model: Model) -> None:
    agent = Agent(model, instructions="Be brief.", model_settings={"max_tokens": 12, "temperature": 0})
    first = await agent.run("Hello, who are you?")
    assert first.output
    assert (await agent.run("Again.", message_history=first.all_messages())).output
    async with agent.run_stream("Tell me a story.") as stream:
        # pydantic-ai joins what comes within 0.1 s, in which a fast machine answers it all
        assert len([piece async for piece in stream.stream_text(delta=True, debounce_by=None)]) > 1
    for kind in (ToolOutput(Ticket), NativeOutput(Ticket)):
        typed = Agent(model, output_type=kind, model_settings={"max_tokens": 60, "temperature": 0})
        told = (await typed.run("Classify this: my invoice is wrong.")).output
        assert isinstance(told, Ticket), told


async def run() -> None:
    client = AsyncOpenAI(base_url=BASE_URL, api_key="any", max_retries=0)
    provider = OpenAIProvider(openai_client=client)
    await check(OpenAIChatModel(MODEL, provider=provider))
    await check(OpenAIResponsesModel(MODEL, provider=provider))


asyncio.run(run())
