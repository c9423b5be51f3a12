"""The last openai package of the 1.x line: files, a job, chat with tools, typed answers, streams, responses."""

import io
import json
import sys
import time
from typing import Literal

import openai
from pydantic import BaseModel

BASE_URL, MODEL = sys.argv[1:]
HELLO = [{"role": "user", "content": "Hello"}]
assert openai.VERSION.startswith("1."), openai.VERSION
client = openai.OpenAI(base_url=BASE_URL, api_key="any", max_retries=0)


class Ticket(BaseModel):
    kind: Literal["billing", "technical"]


assert MODEL in {model.id for model in client.models.list()}
answer = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=100, temperature=0)
with client.beta.chat.completions.stream(model=MODEL, messages=HELLO, max_tokens=100, temperature=0) as stream:
    assert stream.get_final_completion().choices[0].message.content == answer.choices[0].message.content
parsed = client.beta.chat.completions.parse(model=MODEL, messages=HELLO, max_tokens=60, response_format=Ticket)
assert isinstance(parsed.choices[0].message.parsed, Ticket), parsed
tools = [openai.pydantic_function_tool(Ticket)]
required = {"tools": tools, "tool_choice": "required", "parallel_tool_calls": False}  # else it may call without end
called = client.beta.chat.completions.parse(model=MODEL, messages=HELLO, max_tokens=120, **required)
[call] = called.choices[0].message.tool_calls
assert isinstance(call.function.parsed_arguments, Ticket), called
assert client.completions.create(model=MODEL, prompt="The capital of France is", max_tokens=4).choices[0].text
assert len(client.embeddings.create(model="text-embedding-3-small", input="a").data[0].embedding) == 256
told = client.responses.parse(model=MODEL, input="My invoice is wrong.", text_format=Ticket, max_output_tokens=60)
assert isinstance(told.output_parsed, Ticket), told

messages = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}]
rows = "".join(json.dumps({"messages": messages}) + "\n" for _ in range(10)).encode()
uploaded = client.files.create(file=("rows.jsonl", io.BytesIO(rows)), purpose="fine-tune")
method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1}}}
job = client.fine_tuning.jobs.create(model="gpt-4o-mini-2024-07-18", training_file=uploaded.id, method=method)
while job.status not in {"succeeded", "failed", "cancelled"}:
    time.sleep(0.2)
    job = client.fine_tuning.jobs.retrieve(job.id)
assert job.status == "succeeded", job
assert client.fine_tuning.jobs.checkpoints.list(job.id).data
assert client.chat.completions.create(model=job.fine_tuned_model, messages=HELLO, max_tokens=4).choices
assert client.models.delete(job.fine_tuned_model).deleted
