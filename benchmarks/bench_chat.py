"""Chat through the server against llama.cpp used directly, and many fine-tuned models against one.

    python benchmarks/bench_chat.py          # about ten minutes on two cores

Both sides hold the same model file in memory and take turns; the same prompts give the same greedy answers.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import report
import xllamacpp
from server_process import Client, Served, serving

from fine_tuning.base_models import catalogue
from fine_tuning.export.kept_gguf import kept_gguf
from fine_tuning.serving.engine import Engine
from fine_tuning.serving.llama_cpp_engine import LlamaCppOptions, open_llama_cpp

CLIENTS = 8
ROUNDS = 4
REQUESTS = 24  # in a round
TOKENS = 48
LATENCIES = 400
MODELS = 16
BASE = catalogue.DEFAULT_BASE_MODEL
Ask = Callable[[dict[str, Any]], dict[str, Any]]
_numbers = count()


def body(model: str, max_tokens: int = TOKENS) -> dict[str, Any]:
    """A request whose prompt nobody has sent before."""
    prompt = f"Letter {next(_numbers)}: tell me a long story about a lighthouse keeper and the sea."
    return {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": max_tokens,
        "temperature": 0,
    }


def direct(gguf: Path) -> xllamacpp.Server:
    """The model in this process, as the server loads it."""
    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.n_parallel = CLIENTS
    params.n_ctx = CLIENTS * 2048
    params.cache_ram_mib = 0
    params.use_jinja = True
    params.verbosity = -1
    return xllamacpp.Server(params)


def throughput(asks: Sequence[Ask], requests: list[dict[str, Any]]) -> float:
    """Tokens a second when each of `asks` sends one request after the other."""

    def work(ask: Ask, mine: list[dict[str, Any]]) -> int:
        return sum(ask(request)["usage"]["completion_tokens"] for request in mine)

    started = time.perf_counter()
    with ThreadPoolExecutor(len(asks)) as pool:
        shares = [requests[place :: len(asks)] for place in range(len(asks))]
        tokens = sum(pool.map(work, asks, shares))
    return tokens / (time.perf_counter() - started)


def latency(ask: Ask, request: dict[str, Any]) -> float:
    """Milliseconds of one request."""
    started = time.perf_counter()
    ask(request)
    return (time.perf_counter() - started) * 1000


def against_direct(clients: list[Client], gguf: Path) -> str:
    """The server's part of throughput and latency."""
    server = direct(gguf)
    here, there = server.handle_chat_completions, [chat_of(client) for client in clients]
    for ask in (here, there[0]):
        ask(body(BASE))
    speeds: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        requests = [body(BASE) for _ in range(REQUESTS)]
        speeds.append((throughput([here] * CLIENTS, requests), throughput(there, requests)))
    times = []
    for _ in range(LATENCIES):
        request = body(BASE, 1)
        times.append((latency(here, request), latency(there[0], request)))
    alone, served = np.array(times).T
    ratio = statistics.median(b / a for a, b in speeds)
    rows = [
        ("tokens/s, 8 clients", *(f"{statistics.median(side):.1f}" for side in zip(*speeds, strict=True))),
        *(
            (
                f"ms for one token, p{percent}",
                f"{np.percentile(alone, percent):.1f}",
                f"{np.percentile(served, percent):.1f}",
            )
            for percent in (50, 99)
        ),
    ]
    added = [np.percentile(served, percent) - np.percentile(alone, percent) for percent in (50, 99)]
    return f"""
{ROUNDS} rounds of {REQUESTS} requests of {TOKENS} tokens in turn; {LATENCIES} pairs of one request.

| | llama.cpp in the process | through the server |
|---|---|---|
{chr(10).join(f"| {a} | {b} | {c} |" for a, b, c in rows)}

Throughput ratio, round by round: {ratio:.2f} (target: at least 0.95). Added latency: p50 {added[0]:.1f} ms (at most 2),
p99 {added[1]:.1f} ms (at most 10).
"""


def chat_of(client: Client) -> Ask:
    """Ask the server."""
    return lambda request: client.post("/chat/completions", request)


def fine_tune(served: Served) -> list[str]:
    """Names of models that the server trained, one step each."""
    from openai import OpenAI

    rows = [
        {"messages": [{"role": "user", "content": f"{n} + 1"}, {"role": "assistant", "content": str(n + 1)}]}
        for n in range(10)
    ]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    with OpenAI(base_url=f"http://{served.host}:{served.port}/v1", api_key="any") as client:
        file = client.files.create(file=("sums.jsonl", content), purpose="fine-tune").id
        settings: Any = {"n_epochs": 1, "batch_size": 10}
        jobs = [
            client.fine_tuning.jobs.create(
                model=BASE, training_file=file, suffix=f"m{seed}", seed=seed, hyperparameters=settings
            )
            for seed in range(MODELS)
        ]
        while any(client.fine_tuning.jobs.retrieve(job.id).status != "succeeded" for job in jobs):
            time.sleep(2)
        return [str(client.fine_tuning.jobs.retrieve(job.id).fine_tuned_model) for job in jobs]


def memory(served: Served) -> int:
    """Bytes of the server itself in memory, what it has mapped twice counted once."""
    return int(psutil.Process(served.process_id).memory_full_info().pss)


def many_models(alone: Served, together: Served, names: list[str]) -> str:
    """A server with one fine-tuned model against a server with all of them, in turn."""
    asks, others = ([chat_of(Client(served)) for _ in range(CLIENTS)] for served in (alone, together))
    asks[0](body(names[0]))
    others[0](body(names[0]))
    before = memory(together)
    for name in names:
        others[0](body(name))
    grown = (memory(together) - before) / 1e6
    speeds: dict[int, list[tuple[float, float]]] = {1: [], CLIENTS: []}
    for _ in range(ROUNDS):
        for size, found in speeds.items():
            one = throughput(asks[:size], [body(names[0]) for _ in range(REQUESTS)])
            found.append((one, throughput(others[:size], [body(names[n % MODELS]) for n in range(REQUESTS)])))
    lines = [
        f"| {size} | {statistics.median(a for a, _ in found):.1f} | {statistics.median(b for _, b in found):.1f} "
        f"| {statistics.median(b / a for a, b in found):.2f} |"
        for size, found in speeds.items()
    ]
    return f"""
### {MODELS} fine-tuned models of one base

| clients | tokens/s, one model | {MODELS} models | ratio (target: at least 0.85) |
|---|---|---|---|
{chr(10).join(lines)}

Memory of the server grew by {grown:.0f} MB from one model to {MODELS}.
"""


def completing(engine: Engine) -> Ask:
    """Ask an engine."""

    def ask(request: dict[str, Any]) -> dict[str, Any]:
        done = engine.complete(request["messages"], temperature=0, max_tokens=request["max_tokens"])
        return {"usage": {"completion_tokens": done.completion_tokens}}

    return ask


def merged_apart(home: str) -> str:
    """The other way: each model merged and loaded by itself, in this process."""
    before = psutil.Process().memory_info().rss
    files = [kept_gguf(folder) for folder in sorted((Path(home) / "artifacts").glob("*/merged"))]
    engines = [
        open_llama_cpp(file, f"m{n}", LlamaCppOptions(slots=1, threads=1))
        for n, file in enumerate(files)
        if file is not None
    ]
    asks = [completing(engine) for engine in engines]
    for ask in asks:
        ask(body("m"))
    speeds = [throughput(asks[:CLIENTS], [body("m") for _ in range(REQUESTS)]) for _ in range(ROUNDS)]
    grown = (psutil.Process().memory_info().rss - before) / 1e6
    for engine in engines:
        engine.close()
    speed = statistics.median(speeds)
    return f"""
For comparison, {len(engines)} merged models each loaded by itself, a thread each: {speed:.1f} tokens/s with {CLIENTS}
clients at {CLIENTS} of them, and {grown:.0f} MB.
"""


def main() -> None:
    """Measure both."""
    with tempfile.TemporaryDirectory() as home:
        folder = catalogue.resolve(BASE, Path(home) / "models").path
        gguf = kept_gguf(folder)
        assert gguf is not None
        with serving(home, "--slots", "1") as served:
            names = fine_tune(served)
        with serving(home, "--slots", "0") as served:
            clients = [Client(served) for _ in range(CLIENTS)]
            text = against_direct(clients, gguf)
        with serving(home, "--slots", "0") as alone, serving(home, "--slots", "0") as together:
            text += many_models(alone, together, names)
        text += merged_apart(home)
    report.write("Chat", "bench_chat.py", text)


if __name__ == "__main__":
    main()
