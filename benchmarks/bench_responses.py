"""Responses against chat completions of the same prompts, whole and streamed, with and without storing them.

    python benchmarks/bench_responses.py            # about ten minutes on two cores
    python benchmarks/bench_responses.py --rounds 1 --requests 8

Both are asked of one server in turn, round by round, so that what else the machine does meets both alike.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import report
from server_process import Client, serving

from fine_tuning.base_models import catalogue

CLIENTS = 8
TOKENS = 48
LIMIT = 0.95
Ask = Callable[[Client, str, bool], int]
_numbers = count()


def prompt() -> str:
    """A prompt that nobody has sent before."""
    return f"Letter {next(_numbers)}: tell me a long story about a lighthouse keeper and the sea."


def chat(client: Client, question: str, store: bool) -> int:
    """Tokens of a chat completion."""
    told = client.post("/chat/completions", _chat(question, store))
    return int(told["usage"]["completion_tokens"])


def streamed_chat(client: Client, question: str, store: bool) -> int:
    """Tokens of a streamed chat completion."""
    told = client.stream("/chat/completions", {**_chat(question, store), "stream_options": {"include_usage": True}})
    return int(told[-1]["usage"]["completion_tokens"])


def _chat(question: str, store: bool) -> dict[str, Any]:
    messages = [{"role": "user", "content": question}]
    return _shared(store) | {"messages": messages, "max_tokens": TOKENS}


def response(client: Client, question: str, store: bool) -> int:
    """Tokens of a response."""
    told = client.post("/responses", _response(question, store))
    return int(told["usage"]["output_tokens"])


def streamed_response(client: Client, question: str, store: bool) -> int:
    """Tokens of a streamed response."""
    told = client.stream("/responses", _response(question, store))
    return int(told[-1]["response"]["usage"]["output_tokens"])


def _response(question: str, store: bool) -> dict[str, Any]:
    return _shared(store) | {"input": question, "max_output_tokens": TOKENS}


def _shared(store: bool) -> dict[str, Any]:
    return {"model": catalogue.DEFAULT_BASE_MODEL, "temperature": 0, "store": store}


PAIRS: list[tuple[str, Ask, Ask]] = [("whole", chat, response), ("streamed", streamed_chat, streamed_response)]


def throughput(ask: Ask, clients: list[Client], questions: list[str], store: bool) -> float:
    """Tokens a second when each client sends one request after the other."""

    def work(place: int) -> int:
        return sum(ask(clients[place], each, store) for each in questions[place :: len(clients)])

    started = time.perf_counter()
    with ThreadPoolExecutor(len(clients)) as pool:
        tokens = sum(pool.map(work, range(len(clients))))
    return tokens / (time.perf_counter() - started)


def main() -> None:
    """Measure all pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--requests", type=int, default=24, help="in a round")
    given = parser.parse_args()
    rounds, requests = given.rounds, given.requests
    rows: list[str] = []
    with tempfile.TemporaryDirectory() as home, serving(home, "--slots", "0") as served:
        clients = [Client(served) for _ in range(CLIENTS)]
        for _, *asks in PAIRS:
            for ask in asks:
                ask(clients[0], prompt(), True)
        found: dict[tuple[str, bool], list[tuple[float, float]]] = {}
        for number in range(rounds):
            for store in (False, True):
                for name, *asks in PAIRS:
                    order = asks if number % 2 else asks[::-1]
                    speeds = {
                        ask: throughput(ask, clients, [prompt() for _ in range(requests)], store) for ask in order
                    }
                    found.setdefault((name, store), []).append((speeds[asks[0]], speeds[asks[1]]))
    for (name, store), pairs in found.items():
        ratio = statistics.median(after / before for before, after in pairs)
        speeds_of = (statistics.median(side) for side in zip(*pairs, strict=True))
        told = " | ".join(f"{speed:.1f}" for speed in speeds_of)
        rows.append(f"| {name}, {'stored' if store else 'not stored'} | {told} | {ratio:.2f} |")
    report.write(
        "Responses",
        "bench_responses.py",
        f"""
{rounds} rounds of {requests} requests of {TOKENS} tokens by {CLIENTS} clients, in turn; medians of rounds and of their
ratios. What is stored is also captured as an example.

| answers | chat completions, tokens/s | responses | ratio (target: at least {LIMIT}) |
|---|---|---|---|
{chr(10).join(rows)}
""",
    )


if __name__ == "__main__":
    main()
