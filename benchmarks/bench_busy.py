"""How long an answer and a training take on an idle machine and beside programs that keep every core busy.

The peers are llama.cpp and torch as they wait by default (OpenMP's threads turn some 300,000 times before they sleep).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import report

from fine_tuning._util.cpu_threads import environment_of_trainers

ROUNDS, TOKENS, TOGETHER, STEPS = 3, 48, 8, 6
DEFAULT_TURNS = "300000"  # GCC's, where there are no more threads than cores
ASK = """
import json, sys, time
from concurrent.futures import ThreadPoolExecutor
from fine_tuning import LLMService

tokens, together = map(int, sys.argv[1:])
service = LLMService(model="smollm2-135m-instruct", record_costs=False)
service.complete("hi", 0, 4)

def seconds(count):
    started = time.perf_counter()
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(lambda number: service.complete(f"Tell me story {number}.", 0, tokens), range(count)))
    return time.perf_counter() - started

print(json.dumps([seconds(1), seconds(together)]))
service.close()
"""

TRAIN = """
import json, sys, tempfile, time
from pathlib import Path
from fine_tuning.base_models import catalogue
from fine_tuning.settings import get_settings
from fine_tuning.training.loop.train import train
from fine_tuning.training.loop.training_config import TrainingConfig

steps, ended = int(sys.argv[1]), []
model = catalogue.resolve(catalogue.DEFAULT_BASE_MODEL, get_settings().folder("models")).path
with tempfile.TemporaryDirectory() as folder:
    rows = Path(folder) / "rows.jsonl"
    asked = [f"Where is order {at}? It was sent a week ago, and nobody tells me anything." for at in range(80)]
    chats = [[{"role": "user", "content": each}, {"role": "assistant", "content": "track_order"}] for each in asked]
    rows.write_text("".join(json.dumps({"messages": each}) + "\\n" for each in chats))
    config = TrainingConfig(base_model_path=str(model), train_file=str(rows), output_dir=f"{folder}/out",
                            n_epochs=1, batch_size=8, max_steps=steps)
    note = lambda event: ended.append(time.perf_counter()) if "train_loss" in event.data else None
    train(config, note, lambda: "run" if len(ended) < steps else "pause")
print(json.dumps((ended[-1] - ended[1]) / (len(ended) - 2)))
"""


@contextmanager
def busy(programs: int) -> Iterator[None]:
    """Beside so many programs that compute all the time."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(programs)]
    try:
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


def answered(**environment: str) -> tuple[float, float]:
    """Seconds for one answer, and for several at once."""
    one, several = json.loads(report.run_python(ASK, str(TOKENS), str(TOGETHER), **environment))
    return one, several


def trained(**environment: str) -> float:
    """Seconds for a step of a training."""
    return float(json.loads(report.run_python(TRAIN, str(STEPS), **environment)))


def main() -> None:
    """Measure in turn, and write the section."""
    lines = [f"| {TOKENS} tokens of SmolLM2-135M | as it is by default | here | faster |", "|---|---|---|---|"]
    steps = ["| a training step of 8 rows | as it is by default | here | faster |", "|---|---|---|---|"]
    for said, programs in (("idle", 0), ("every core busy", os.cpu_count() or 1)):
        with busy(programs):
            pairs = [(answered(GOMP_SPINCOUNT=DEFAULT_TURNS), answered()) for _ in range(ROUNDS)]
        for place, what in enumerate(("one answer", f"{TOGETHER} at once")):
            before, after = (median(pair[side][place] for pair in pairs) for side in (0, 1))
            lines.append(f"| {said}, {what} | {before:.2f} s | {after:.2f} s | {before / after:.1f} times |")
        with busy(programs):
            rounds = [
                (trained(GOMP_SPINCOUNT=DEFAULT_TURNS), trained(**environment_of_trainers())) for _ in range(ROUNDS)
            ]
        before, after = (median(each[side] for each in rounds) for side in (0, 1))
        steps.append(f"| {said} | {before:.2f} s | {after:.2f} s | {before / after:.1f} times |")
    report.write("A busy machine", "bench_busy.py", "\n".join([*lines, "", *steps]))


if __name__ == "__main__":
    main()
