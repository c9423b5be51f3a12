"""LlamaIndex: chat, streams, text completions and tools by its OpenAI-like model, its OpenAI model and Responses."""

import sys
from typing import Any, Literal

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAI, OpenAIResponses
from llama_index.llms.openai_like import OpenAILike

BASE_URL, MODEL = sys.argv[1:]
AT: dict[str, Any] = {"model": MODEL, "api_base": BASE_URL, "api_key": "any", "max_retries": 0, "temperature": 0}
HELLO = [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content="Hello")]


def weather(place: Literal["Paris", "Rome"]) -> str:
    """The weather of a place."""
    return f"sunny in {place}"


def check(llm: Any) -> None:
    assert llm.chat(HELLO).message.content
    assert "".join(piece.delta or "" for piece in llm.stream_chat(HELLO))
    assert llm.complete("The capital of France is").text


check(OpenAILike(**AT, max_tokens=8, is_chat_model=True))
check(OpenAILike(**AT, max_tokens=8, is_chat_model=False))
check(OpenAI(**AT, max_tokens=8))
check(OpenAIResponses(**AT, max_output_tokens=8))
for caller in (OpenAI(**AT, max_tokens=120), OpenAIResponses(**AT, max_output_tokens=120)):
    tool = FunctionTool.from_defaults(weather)
    called = caller.chat_with_tools([tool], user_msg="What is the weather in Paris?", tool_required=True)
    assert [call.tool_name for call in caller.get_tool_calls_from_response(called)] == ["weather"], called
