"""Importing a million log rows of mixed formats, against the least that any importer does: parse JSON, hash, insert.

python benchmarks/bench_import.py                 # about five minutes on two cores
python benchmarks/bench_import.py --rows 100000   # a shorter look
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import report

ROUNDS = 3
WORDS = "order parcel invoice late refund customer account please where deliver address cancel broken store".split()
IMPORT = """
import sys
from fine_tuning.distillation import DistillationDataCollector
found = DistillationDataCollector().import_files([sys.argv[1]])
assert found.captured == found.read == int(sys.argv[2]), vars(found)
print(found.captured)
"""
FLOOR = """
import hashlib, json, sqlite3, sys
connection = sqlite3.connect(sys.argv[3])
connection.execute("CREATE TABLE calls (id TEXT PRIMARY KEY, row TEXT)")
def rows():
    for line in open(sys.argv[1], "rb"):
        text = json.dumps(json.loads(line), sort_keys=True)
        yield hashlib.sha256(text.encode()).hexdigest(), text
connection.executemany("INSERT INTO calls VALUES (?, ?) ON CONFLICT DO NOTHING", rows())
connection.commit()
print("done")
"""


def text(rng: random.Random, words: int) -> str:
    """So many random words."""
    return " ".join(rng.choices(WORDS, k=words))


def row(rng: random.Random, number: int) -> dict[str, Any]:
    """A call as one of six tools logs it."""
    question, answer = f"{text(rng, 20)} {number}?", text(rng, 30)
    asked = [{"role": "user", "content": question}]
    answered = {"role": "assistant", "content": answer}
    choices = [{"index": 0, "finish_reason": "stop", "message": answered}]
    spoken = [
        json.dumps([{"role": each["role"], "parts": [{"type": "text", "content": each["content"]}]}])
        for each in (asked[0], answered)
    ]
    attributes = {"gen_ai.request.model": "m", "gen_ai.input.messages": spoken[0], "gen_ai.output.messages": spoken[1]}
    forms: list[dict[str, Any]] = [
        {"messages": [*asked, answered]},
        {"id": f"c{number}", "object": "chat.completion", "model": "m", "messages": asked, "choices": choices},
        {"traceId": f"t{number}", "type": "GENERATION", "name": "n", "input": asked, "output": answered},
        {"call_type": "acompletion", "model": "m", "messages": asked, "response": {"choices": choices}},
        {"traceId": f"{number:032x}", "spanId": f"{number:016x}", "attributes": attributes},
        {"conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]},
    ]
    return forms[number % len(forms)]


def measured(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and the most MiB of memory that our processes had together."""
    most, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(1.0):  # looking at all processes more often slows them down
            most[0] = max([most[0], *(report.memory_of_tree(child.pid) for child in psutil.Process().children())])

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    try:
        run()
    finally:
        seconds = time.perf_counter() - started
        done.set()
        watcher.join()
    return seconds, most[0] / 2**20


def main() -> None:
    """Write the page's section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    rng, ours, floor = random.Random(1), [], []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "logs.jsonl"
        with file.open("w") as stream:
            stream.writelines(json.dumps(row(rng, number)) + "\n" for number in range(rows))
        for turn in range(ROUNDS):
            home, database = f"{folder}/home{turn}", f"{folder}/floor{turn}.db"
            ours.append(measured(partial(report.run_python, IMPORT, str(file), str(rows), FINE_TUNING_HOME=home)))
            floor.append(measured(partial(report.run_python, FLOOR, str(file), str(rows), database)))
    lines = []
    for name, found in (("`ft-cli capture import`", ours), ("json, hashlib and sqlite3, one process", floor)):
        seconds, memory = (statistics.median(each) for each in zip(*found, strict=True))
        lines.append(f"| {name} | {seconds:.1f} | {rows / seconds:,.0f} | {memory:,.0f} |")
    ratio = statistics.median(a / b for (a, _), (b, _) in zip(ours, floor, strict=True))
    report.write(
        "Importing logs",
        "bench_import.py",
        f"""
{rows:,} rows of six formats in turn (OpenAI's training rows and stored completions, Langfuse, LiteLLM, OpenTelemetry,
ShareGPT), none of which is stored yet; medians of {ROUNDS} runs in turn. The other side only parses each row, hashes it
and inserts it, without recognising, checking or converting anything: the import takes {ratio:.1f} times as long.

| | seconds | rows a second | most memory of all processes, MiB |
|---|---|---|---|
{chr(10).join(lines)}
""",
    )


if __name__ == "__main__":
    main()
