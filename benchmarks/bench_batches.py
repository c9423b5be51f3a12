"""A batch of chat requests against the same requests sent one by one, as many at once as the engine answers.

    python benchmarks/bench_batches.py            # 2,000 chats a side, about twenty minutes on two cores
    python benchmarks/bench_batches.py --rounds 1 --requests 40

Both are asked of one server in turn, round by round, so that what else the machine does meets both alike. The time of a
batch is from its creation, with its validation and the writing of its output file, until its status is completed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx
import report
from server_process import Client, Served, serving

from fine_tuning.base_models import catalogue

CLIENTS = 8
LIMIT = 0.95
POLL_SECONDS = 0.2
KINDS = {"/v1/chat/completions": 500, "/v1/embeddings": 2000}  # and the requests of a round, of which many take seconds
_numbers = count()


def body(kind: str, tokens: int) -> dict[str, Any]:
    """A request that nobody has sent before."""
    question = f"Letter {next(_numbers)}: tell me a long story about a lighthouse keeper and the sea."
    if kind == "/v1/embeddings":
        return {"model": "wordllama", "input": question}
    messages = [{"role": "user", "content": question}]
    return {"model": catalogue.DEFAULT_BASE_MODEL, "temperature": 0, "max_tokens": tokens, "messages": messages}


def direct(clients: list[Client], kind: str, bodies: list[dict[str, Any]]) -> float:
    """Requests a second when each client sends one after the other."""
    path = kind.removeprefix("/v1")

    def work(place: int) -> None:
        for each in bodies[place :: len(clients)]:
            clients[place].post(path, each)

    started = time.perf_counter()
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(work, range(len(clients))))
    return len(bodies) / (time.perf_counter() - started)


def batch(served: Served, client: Client, kind: str, bodies: list[dict[str, Any]]) -> float:
    """Requests a second of a batch; its input is uploaded before."""
    rows = [
        {"custom_id": str(number), "method": "POST", "url": kind, "body": each} for number, each in enumerate(bodies)
    ]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    address = f"http://{served.host}:{served.port}/v1/files"
    file = httpx.post(address, files={"file": ("requests.jsonl", content)}, data={"purpose": "batch"}).json()
    started = time.perf_counter()
    made = client.post("/batches", {"input_file_id": file["id"], "endpoint": kind, "completion_window": "24h"})
    while made["status"] not in {"completed", "failed"}:
        time.sleep(POLL_SECONDS)
        made = client.get(f"/batches/{made['id']}")
    seconds = time.perf_counter() - started
    if made["request_counts"]["completed"] != len(bodies):
        raise SystemExit(f"not all requests were answered: {made}")
    return len(bodies) / seconds


def main() -> None:
    """Measure both kinds in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--requests", type=int, help="in a round; by default 500 chats and 2,000 embeddings")
    parser.add_argument("--tokens", type=int, default=16, help="of a chat answer")
    parser.add_argument("--endpoints", nargs="+", choices=KINDS, default=list(KINDS))
    given = parser.parse_args()
    size = {kind: given.requests or KINDS[kind] for kind in given.endpoints}
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in given.endpoints}
    with tempfile.TemporaryDirectory() as home, serving(home, "--slots", "0") as served:
        clients = [Client(served) for _ in range(CLIENTS)]
        for kind in given.endpoints:
            clients[0].post(kind.removeprefix("/v1"), body(kind, given.tokens))
        for number in range(given.rounds):
            for kind in given.endpoints:
                one, two = ([body(kind, given.tokens) for _ in range(size[kind])] for _ in range(2))
                if number % 2:
                    after = batch(served, clients[0], kind, two)
                    before = direct(clients, kind, one)
                else:
                    before = direct(clients, kind, one)
                    after = batch(served, clients[0], kind, two)
                found[kind].append((before, after))
    rows = []
    for kind, pairs in found.items():
        ratio = statistics.median(after / before for before, after in pairs)
        speeds = " | ".join(f"{statistics.median(side):.2f}" for side in zip(*pairs, strict=True))
        rows.append(f"| `{kind}` | {size[kind]:,} | {speeds} | {ratio:.2f} |")
    report.write(
        "Batches",
        "bench_batches.py",
        f"""
{given.rounds} rounds, by {CLIENTS} clients and in a batch, in turn; chat answers of {given.tokens} tokens. Medians of
rounds and of their ratios.

| endpoint | requests of a round | direct, requests/s | batch | ratio (target: at least {LIMIT}) |
|---|---|---|---|---|
{chr(10).join(rows)}
""",
    )


if __name__ == "__main__":
    main()
