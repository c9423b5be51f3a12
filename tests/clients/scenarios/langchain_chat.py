"""LangChain: answers, streams, tools and typed answers over Chat Completions and over Responses."""

import sys
from typing import Any, Literal

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from pydantic import BaseModel

BASE_URL, MODEL = sys.argv[1:]
AT: dict[str, Any] = {"base_url": BASE_URL, "api_key": "any", "max_retries": 0}


class Ticket(BaseModel):
    """The kind of a ticket."""

    kind: Literal["billing", "technical"]


@tool
def weather(place: Literal["Paris", "Rome"]) -> str:
    """The weather of a place."""
    return f"sunny in {place}"


def check(**options: Any) -> None:
    chat = ChatOpenAI(model=MODEL, max_tokens=40, temperature=0, **AT, **options)
    answer = chat.invoke("Hello")
    assert answer.text, answer
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["total_tokens"] > 0, answer
    pieces = list(chat.stream("Tell a story.", max_tokens=12))
    assert len(pieces) > 3, pieces
    assert "".join(piece.text for piece in pieces)

    asked = [HumanMessage("What is the weather in Paris?")]
    with_tools = chat.bind_tools([weather], tool_choice="any", strict=True, parallel_tool_calls=False)
    called = with_tools.invoke(asked)
    assert isinstance(called, AIMessage)
    assert [each["name"] for each in called.tool_calls] == ["weather"], called
    results = [ToolMessage("sunny", tool_call_id=each["id"]) for each in called.tool_calls]
    assert chat.bind_tools([weather], tool_choice="none").invoke([*asked, called, *results]).text

    assert isinstance(chat.with_structured_output(Ticket).invoke("My invoice is wrong."), Ticket)
    by_call = chat.with_structured_output(Ticket, method="function_calling")
    assert isinstance(by_call.invoke("My invoice is wrong."), Ticket)


check()
check(use_responses_api=True, use_previous_response_id=True)
check(use_responses_api=True, store=False, include=["reasoning.encrypted_content"])
assert (
    ChatOpenAI(model=MODEL, max_tokens=5, logprobs=True, top_logprobs=2, **AT)
    .invoke("Hi")
    .response_metadata["logprobs"]
)
assert OpenAI(model=MODEL, max_tokens=5, temperature=0, **AT).invoke("The capital of France is")
vectors = OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False, **AT).embed_documents(
    ["a", "b"]
)
assert len(vectors) == 2
