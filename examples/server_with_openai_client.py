"""Fine-tune and call a model through `ft-cli serve` with the openai package alone.

    ft-cli serve --alias gpt-4o-mini=smollm2-135m-instruct
    OPENAI_BASE_URL=http://127.0.0.1:8000/v1 OPENAI_API_KEY=any python examples/server_with_openai_client.py

The same code runs against OpenAI: only the address differs.
"""

from __future__ import annotations

import json
import sys
import time

import typer
from openai import OpenAI, OpenAIError

BASE = "gpt-4o-mini"  # an alias of the server


def main(poll_seconds: float = 1.0) -> None:
    """Upload rows, train, read the events, stream an answer."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Extract the invoice number: invoice {number} is due."},
                {"role": "assistant", "content": json.dumps({"invoice": number})},
            ]
        }
        for number in range(1000, 1040)
    ]
    with OpenAI() as client:
        content = "\n".join(map(json.dumps, rows)).encode()
        file = client.files.create(file=("invoices.jsonl", content), purpose="fine-tune")
        job = client.fine_tuning.jobs.create(model=BASE, training_file=file.id, suffix="invoices")
        while job.status not in {"succeeded", "failed", "cancelled"}:
            time.sleep(poll_seconds)
            job = client.fine_tuning.jobs.retrieve(job.id)
        for event in reversed(client.fine_tuning.jobs.list_events(job.id).data):
            print(event.message)

        question = "Extract the invoice number: invoice 2024 is due."
        stream = client.chat.completions.create(
            model=job.fine_tuned_model or BASE,
            messages=[{"role": "user", "content": question}],
            max_tokens=32,
            temperature=0,
            stream=True,
        )
        for chunk in stream:
            print(chunk.choices[0].delta.content or "", end="", flush=True)
        print()


if __name__ == "__main__":
    try:
        typer.run(main)
    except OpenAIError as error:  # expected, such as a server that is not running: one line, no traceback
        sys.exit(str(error))
