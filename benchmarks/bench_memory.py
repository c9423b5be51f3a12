"""The estimated memory of a training run, against the memory that it uses.

    python benchmarks/bench_memory.py          # about four minutes on two cores

Each line of the table is a training of three steps in a process of its own. What it uses is the highest resident memory
of the process while it trains, less what it had before the model was loaded (libraries, tokenizer).
"""

from __future__ import annotations

import json
import os
import tempfile

import report

CASES = (
    ("lora", 1, 256), ("lora", 4, 256), ("lora", 8, 256), ("lora", 4, 512), ("lora", 4, 1024),
    ("qlora", 4, 256), ("full", 4, 256), ("full", 8, 512),
)  # fmt: skip
GB = 1e9

MODEL = """
from fine_tuning.base_models import catalogue
from fine_tuning.settings import get_settings
print(catalogue.resolve(catalogue.DEFAULT_BASE_MODEL, get_settings().folder("models")).path)
"""

TRAIN = """
import json, sys
from pathlib import Path
import psutil
from fine_tuning.training import loop, network
from fine_tuning.training.loop.training_config import TrainingConfig
model, folder, tuning, batch, length = sys.argv[1:]
words = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
rows = []
for row in range(3 * int(batch)):
    text = [words[(row + place * 3) % 8] for place in range(int(length))]
    messages = [{"role": "user", "content": " ".join(text[: len(text) * 3 // 4])},
                {"role": "assistant", "content": " ".join(text[len(text) * 3 // 4 :])}]
    rows.append(json.dumps({"messages": messages}))
file = Path(folder) / f"{tuning}-{batch}-{length}.jsonl"
file.write_text("\\n".join(rows))
told, before = {}, []
load = network.load
def noted(config):
    before.append(psutil.Process().memory_info().rss)
    return load(config)
network.load = noted
def highest():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
def note(event):
    told.update(event.data.get("needed") or {})
    if event.kind == "start": Path("/proc/self/clear_refs").write_text("5")  # forget how high it was
steps = iter("run run run".split())
def wanted():
    next(steps)
    told["used"] = highest() - before[0]
    return "run"
config = TrainingConfig(base_model_path=model, train_file=str(file), output_dir=str(file) + ".out", tuning=tuning,
                        n_epochs=1, batch_size=int(batch), max_length=int(length), checkpoint_steps=1000)
loop.train_once(config, note, wanted)
print(json.dumps(told))
"""


def main() -> None:
    """Train each case and compare."""
    lines, apart = [], []
    with tempfile.TemporaryDirectory() as home:
        os.environ["FINE_TUNING_HOME"] = home
        model = report.run_python(MODEL)
        for tuning, batch, length in CASES:
            told = json.loads(report.run_python(TRAIN, model, home, tuning, str(batch), str(length)))
            used = told.pop("used")
            said = sum(told.values())
            apart.append(said / used - 1)
            lines.append(f"| {tuning} | {batch} | {length} | {said / GB:.2f} | {used / GB:.2f} | {apart[-1]:+.0%} |")
            print(lines[-1], flush=True)
    table = "\n".join(lines)
    body = f"""
SmolLM2-135M, three steps; rows of the given length, a quarter of which is the answer.

| tuning | rows at once | tokens a row | estimated, GB | used, GB | |
|---|---|---|---|---|---|
{table}

The estimate is {min(apart):+.0%} to {max(apart):+.0%} off.
"""
    report.write("Memory of a training", "bench_memory.py", body)


if __name__ == "__main__":
    main()
