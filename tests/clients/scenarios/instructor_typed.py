"""instructor: typed answers by tools, by JSON schema and over Responses, whole and while they are written."""

import sys
from typing import Literal

import instructor
from openai import OpenAI
from pydantic import BaseModel

BASE_URL, MODEL = sys.argv[1:]
QUESTION = [{"role": "user", "content": "Classify this ticket: my invoice is wrong."}]


class Ticket(BaseModel):
    """The kind of a ticket."""

    kind: Literal["billing", "technical"]


client = OpenAI(base_url=BASE_URL, api_key="any", max_retries=0)
for mode in (instructor.Mode.TOOLS, instructor.Mode.TOOLS_STRICT, instructor.Mode.JSON_SCHEMA):
    typed = instructor.from_openai(client, mode=mode)
    asked = {"model": MODEL, "messages": QUESTION, "max_tokens": 300, "temperature": 0, "max_retries": 1}
    assert isinstance(typed.chat.completions.create(response_model=Ticket, **asked), Ticket), mode
    parts = list(typed.chat.completions.create_partial(response_model=Ticket, **asked))
    assert parts[-1].kind in {"billing", "technical"}, (mode, parts)
responses = instructor.from_openai(client, mode=instructor.Mode.RESPONSES_TOOLS)
told = responses.responses.create(
    model=MODEL, input="Classify: my invoice is wrong.", response_model=Ticket, max_output_tokens=400, temperature=0
)
assert isinstance(told, Ticket), told
