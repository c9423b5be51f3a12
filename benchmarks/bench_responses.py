"""Responses and text completions against chat completions of the same prompts, whole and streamed, stored or not.

    python benchmarks/bench_responses.py            # about fifteen minutes on two cores
    python benchmarks/bench_responses.py --rounds 1 --requests 8

All are asked of one server in turn, round by round, so that what else the machine does meets all alike. A text
completion continues the text that the chat template makes of the same conversation, and is never stored.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import report
from server_process import Client, serving

from fine_tuning.base_models import catalogue
from fine_tuning.export.chat_template import rendered

CLIENTS = 8
TOKENS = 48
LIMIT = 0.95
Ask = Callable[[Client, str, bool], int]
_QUESTION = "<question>"
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


def completion(client: Client, question: str, _store: bool) -> int:
    """Tokens of a text completion."""
    told = client.post("/completions", _completion(question))
    return int(told["usage"]["completion_tokens"])


def streamed_completion(client: Client, question: str, _store: bool) -> int:
    """Tokens of a streamed text completion."""
    told = client.stream("/completions", {**_completion(question), "stream_options": {"include_usage": True}})
    return int(told[-1]["usage"]["completion_tokens"])


def _completion(question: str) -> dict[str, Any]:
    told = {"prompt": _rendered_question().replace(_QUESTION, question), "max_tokens": TOKENS}
    return {"model": catalogue.DEFAULT_BASE_MODEL, "temperature": 0, **told}


@cache
def _rendered_question() -> str:
    """The chat template's text of one question, made once: the clients are measured with the server."""
    with tempfile.TemporaryDirectory() as folder:
        model = catalogue.resolve(catalogue.DEFAULT_BASE_MODEL, Path(folder)).path
        return rendered(model, [{"role": "user", "content": _QUESTION}]) or _QUESTION


def _shared(store: bool) -> dict[str, Any]:
    return {"model": catalogue.DEFAULT_BASE_MODEL, "temperature": 0, "store": store}


class Pair(NamedTuple):
    """What is compared, stored or not."""

    name: str
    store: bool
    before: Ask
    after: Ask


PAIRS = [
    *(Pair("responses, whole", store, chat, response) for store in (False, True)),
    *(Pair("responses, streamed", store, streamed_chat, streamed_response) for store in (False, True)),
    Pair("text completions, whole", False, chat, completion),
    Pair("text completions, streamed", False, streamed_chat, streamed_completion),
]


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
        for ask in {ask for pair in PAIRS for ask in (pair.before, pair.after)}:
            ask(clients[0], prompt(), True)
        found: dict[Pair, list[tuple[float, float]]] = {pair: [] for pair in PAIRS}
        for number in range(rounds):
            for pair in PAIRS:
                asks = (pair.before, pair.after) if number % 2 else (pair.after, pair.before)
                speeds = {
                    ask: throughput(ask, clients, [prompt() for _ in range(requests)], pair.store) for ask in asks
                }
                found[pair].append((speeds[pair.before], speeds[pair.after]))
    for pair, measured in found.items():
        ratio = statistics.median(after / before for before, after in measured)
        speeds_of = (statistics.median(side) for side in zip(*measured, strict=True))
        told = " | ".join(f"{speed:.1f}" for speed in speeds_of)
        rows.append(f"| {pair.name}, {'stored' if pair.store else 'not stored'} | {told} | {ratio:.2f} |")
    report.write(
        "Responses",
        "bench_responses.py",
        f"""
{rounds} rounds of {requests} requests of {TOKENS} tokens by {CLIENTS} clients, in turn; medians of rounds and of their
ratios. What is stored is also captured as an example. Text completions continue what the chat template makes of the
same conversation.

| answers | chat completions, tokens/s | these, tokens/s | ratio (target: at least {LIMIT}) |
|---|---|---|---|
{chr(10).join(rows)}
""",
    )


if __name__ == "__main__":
    main()
