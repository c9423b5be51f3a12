"""An application behind the gateway: python examples/gateway.py questions.jsonl --gateway http://127.0.0.1:8000

`ft-cli serve` runs at that address, and OPENAI_API_KEY is the application's. Each row of the file has `prompt` and
`response`, the expected answer. The address is all that the application changes: its calls are captured with what it
says of their answers, and a route of the model's name decides later on what answers them.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import httpx2
import typer
from openai import APIError, OpenAI


def main(questions: str, model: str = "gpt-4o", gateway: str = "http://127.0.0.1:8000") -> None:
    """Ask every question, and tell the gateway whether the answer was right."""
    rows = [json.loads(line) for line in Path(questions).read_text(encoding="utf-8").splitlines()]
    answered_by: Counter[str] = Counter()
    right = 0
    with OpenAI(base_url=f"{gateway}/openai/v1") as openai:
        for number, row in enumerate(rows):
            reply = openai.chat.completions.with_raw_response.create(
                model=model,
                messages=[{"role": "user", "content": row["prompt"]}],
                extra_headers={"x-ft-unit": f"user-{number}", "x-ft-domain": "support"},
            )
            answer = reply.parse().choices[0].message.content or ""
            is_right = answer.strip() == row["response"].strip()
            # Often this is known later only: a user's thumb, a ticket that is closed, a check that ran.
            feedback = {
                "call_id": reply.headers["x-ft-call-id"],
                "thumb": "up" if is_right else "down",
                "metrics": {"right": float(is_right)},
            }
            httpx2.post(f"{gateway}/v1/feedback", json=feedback).raise_for_status()
            answered_by[reply.headers.get("x-ft-target", f"openai/{model}")] += 1
            right += is_right

    print(f"{right} of {len(rows)} answers were right")
    for target, calls in answered_by.most_common():
        print(f"{target} answered {calls}")
    print("train a model on these calls: ft-cli auto-pipeline smollm2-135m-instruct --domain support --suffix own")
    print("ask it beside the vendor's, which goes on answering:")
    print(f"  ft-cli route set {model} openai/{model} --candidate local/own-v1 --option shadow.share=1")


if __name__ == "__main__":
    try:
        typer.run(main)
    except (APIError, httpx2.HTTPError, OSError) as error:  # expected, such as a missing file: one line, no traceback
        sys.exit(str(error))
