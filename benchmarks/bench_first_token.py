"""Time to the first token of streams with tools against streams without, for prompts of the same tokens.

    python benchmarks/bench_first_token.py            # about three minutes on two cores
    python benchmarks/bench_first_token.py --pairs 10

The model's chat template has no tools, so they stand in the system message. The requests without tools have that very
message: what differs is how the answer is held to a form and read, not how long the prompt is. They take turns.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import count
from typing import Any

import numpy as np
import report
from server_process import Client, serving

from fine_tuning.base_models import catalogue
from fine_tuning.data_io.formats import tool_prompt
from fine_tuning.data_io.messages import Message, Tool

TOKENS = 8
LIMIT_MS = 10.0
PATH = "/chat/completions"
_numbers = count()


def tools(*, strict: bool) -> list[Tool]:
    """Two functions, as a small application has them."""
    text, number = {"type": "string"}, {"type": "integer"}
    place = {"place": text, "unit": {"enum": ["C", "F"]}}
    described = [("weather", "Weather of a place", place), ("track", "Status of an order", {"order": number})]
    found: list[Tool] = []
    for name, description, properties in described:
        schema = {"type": "object", "properties": properties, "required": list(properties)}
        # In the order in which the server writes them into the prompt.
        function: Any = {"name": name, "description": description, "parameters": schema, "strict": strict}
        found.append({"type": "function", "function": function})
    return found


def asked(read: list[Tool] | None = None, **more: Any) -> dict[str, Any]:
    """A request whose prompt nobody has sent before.

    Args:
        read: tools that the prompt lists in words, while the request has none.
    """
    question = f"Letter {next(_numbers):05}: tell me a long story about a lighthouse keeper and the sea."
    messages: list[Message] = [{"role": "user", "content": question}]
    shared = {"model": catalogue.DEFAULT_BASE_MODEL, "max_tokens": TOKENS, "temperature": 0}
    return {**shared, "messages": tool_prompt.with_tools_as_text(messages, read), **more}


def medians(client: Client, pairs: int, read: list[Tool] | None, more: dict[str, Any]) -> tuple[float, float, float]:
    """Milliseconds to the first token with tools and without, and what tools add, pair by pair."""
    times = []
    for number in range(pairs + 1):
        requests = [asked(**more), asked(read)]
        measured = [client.first_token_ms(PATH, each) for each in (requests if number % 2 else requests[::-1])]
        times.append(measured if number % 2 else measured[::-1])
    mine, others = np.array(times[1:]).T  # the first pair may load the model
    return float(np.median(mine)), float(np.median(others)), float(np.median(mine - others))


def main() -> None:
    """Measure all kinds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=100, help="of requests, for each row")
    pairs = parser.parse_args().pairs
    loose, strict = tools(strict=False), tools(strict=True)
    kinds: dict[str, tuple[list[Tool] | None, dict[str, Any]]] = {
        "tools": (loose, {"tools": loose}),
        "strict tools, held by a grammar": (strict, {"tools": strict}),
        '`tool_choice: "none"`, whose prompt has no tools': (None, {"tools": loose, "tool_choice": "none"}),
    }
    with tempfile.TemporaryDirectory() as home, serving(home, "--slots", "0") as served:
        client = Client(served)
        found = {name: medians(client, pairs, *kind) for name, kind in kinds.items()}
        client.close()
    rows = [f"| {name} | {mine:.1f} | {other:.1f} | {added:+.1f} |" for name, (mine, other, added) in found.items()]
    report.write(
        "First token of streams with tools",
        "bench_first_token.py",
        f"""
{pairs} pairs of streamed chat completions of {TOKENS} tokens for each row, by one client; medians, in ms. Without tools
the prompt has the same tokens.

| stream | first token | without tools | added, pair by pair (target: at most {LIMIT_MS:g} ms) |
|---|---|---|---|
{chr(10).join(rows)}
""",
    )


if __name__ == "__main__":
    main()
