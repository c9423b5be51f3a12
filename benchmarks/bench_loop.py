"""Measure the demo, the command line and training against TRL's own trainer; write docs/benchmarks.md.

    python benchmarks/bench_loop.py          # about ten minutes on two cores

Training speed is a ratio: this project's trainer and stock `SFTTrainer` on the same rows, in turn, in this process's
children, each with the same precision, batch size and adapters.
"""

from __future__ import annotations

import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

PROJECT = Path(__file__).parent.parent
PAGE = PROJECT / "docs" / "benchmarks.md"
FT_CLI = [sys.executable, "-m", "fine_tuning.cli"]
COMMAND_RUNS = 5
TRAINING_STEPS = 12
TRAINING_PAIRS = 2


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    """User and system seconds of one run of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def command_line(home: str) -> dict[str, float]:
    """Median CPU seconds of two light commands."""
    environment = {**os.environ, "FINE_TUNING_HOME": home}
    found = {}
    for words in ("--help", "list-models"):
        cpu_seconds([*FT_CLI, words], environment)  # the first run makes the database and the byte code
        found[words] = statistics.median(cpu_seconds([*FT_CLI, words], environment) for _ in range(COMMAND_RUNS))
    return found


def peak_memory_of_tree(root: int) -> int:
    """Bytes resident in a process and all its descendants now, each process's shared pages counted (Linux)."""
    total = 0
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
    family, grown = {root}, True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in family} - family
        family |= children
        grown = bool(children)
    for pid in family:
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            continue
    return total


def demo(home: str) -> dict[str, float]:
    """Seconds, peak memory and accuracies of one whole demo."""
    environment = {**os.environ, "FINE_TUNING_HOME": home}
    started, peak = time.monotonic(), 0
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen([*FT_CLI, "demo"], env=environment, stdout=printed, stderr=subprocess.STDOUT)
        while process.poll() is None:
            peak = max(peak, peak_memory_of_tree(process.pid))
            time.sleep(0.25)
        seconds = time.monotonic() - started
        printed.seek(0)
        text = printed.read()
    if process.returncode:
        sys.exit(text)
    done = subprocess.run(
        [sys.executable, "-c", _EVALUATIONS],
        env={**environment, "FINE_TUNING_HOME": f"{home}/demo"},
        check=True,
        capture_output=True,
        text=True,
    )
    captured = re.search(r"captured (\d+)", text)
    return {"seconds": seconds, "peak_bytes": peak, "captured": int(captured[1]) if captured else 0} | json.loads(
        done.stdout
    )


_EVALUATIONS = """
import json
from fine_tuning import ABTestFramework, LocalFineTuner, ModelEvaluator
facts = {}
for result in ModelEvaluator().get_results():
    facts[result.model_type] = [result.accuracy, *result.accuracy_interval, result.test_set_size]
(test,) = ABTestFramework().get_all_results().values()
facts["ab"] = [test.model_a_samples, test.model_b_samples, test.p_value, test.statistical_significance]
(job,) = LocalFineTuner().list_jobs()
speeds = [e["data"]["tokens_per_second"] for e in LocalFineTuner().list_events(job["job_id"], 10_000)
          if "tokens_per_second" in e["data"]]
facts["training"] = [job["trained_tokens"], speeds[-1]]
print(json.dumps(facts))
"""

_OURS = """
import sys
from fine_tuning.training.config import TrainingConfig
from fine_tuning.training.loop import train
model, file, steps, output = sys.argv[1:]
seen = []
def note(event):
    if "tokens_per_second" in event.data: seen.append(event.data["tokens_per_second"])
config = TrainingConfig(base_model_path=model, train_file=file, output_dir=output, n_epochs=1, max_steps=int(steps),
                        checkpoint_steps=1000)
train(config, note, lambda: "run")
print(seen[-1])
"""

_STOCK = """
import sys, time, torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer
from fine_tuning.training import precision
from fine_tuning.rows import read_rows
model, file, steps, output = sys.argv[1:]
rows = [{"prompt": r["messages"][:-1], "completion": r["messages"][-1:]} for _, r in read_rows(file)]
fast = precision.choose("auto") == "bf16"
class Clock(TrainerCallback):
    def on_train_begin(self, *_, **__): self.started = time.monotonic()
    def on_train_end(self, *_, **__): self.seconds = time.monotonic() - self.started
clock = Clock()
trainer = SFTTrainer(
    model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16 if fast else torch.float32),
    args=SFTConfig(output_dir=output, max_steps=int(steps), per_device_train_batch_size=4, bf16=fast,
                   gradient_checkpointing=False, use_cpu=not torch.cuda.is_available(), save_strategy="no",
                   report_to="none", disable_tqdm=True, include_num_input_tokens_seen="non_padding", seed=42,
                   train_sampling_strategy="group_by_length"),
    processing_class=AutoTokenizer.from_pretrained(model),
    train_dataset=Dataset.from_list(rows),
    peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
    callbacks=[clock])
trainer.train()
print(float(trainer.state.num_input_tokens_seen) / clock.seconds)
"""


def training(home: str) -> dict[str, list[float]]:
    """Tokens per second of this project's trainer and of TRL's, in turn."""
    model = f"{home}/demo/models/smollm2-135m-instruct"
    file = f"{home}/demo/datasets/support-inbox_train.jsonl"
    speeds: dict[str, list[float]] = {"ours": [], "stock": []}
    for _ in range(TRAINING_PAIRS):
        for name, code in (("ours", _OURS), ("stock", _STOCK)):
            with tempfile.TemporaryDirectory() as output:
                command = [sys.executable, "-W", "ignore", "-c", code, model, file, str(TRAINING_STEPS), output]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
            speeds[name].append(float(done.stdout.strip().splitlines()[-1]))
    return speeds


def cpu_name() -> str:
    """What the processor calls itself."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", info.read_text()) if info.is_file() else []
    return f"{names[0]}, {os.cpu_count()} cores" if names else f"{platform.processor()}, {os.cpu_count()} cores"


def page(commands: dict[str, float], run: dict[str, float], speeds: dict[str, list[float]]) -> str:
    """The text of docs/benchmarks.md."""

    def rate(facts: list[float]) -> str:
        return f"{facts[0]:.1%} of {facts[3]:.0f} (95 % interval {facts[1]:.1%} to {facts[2]:.1%})".replace(
            "%", " %"
        ).replace("95  %", "95 %")

    base, tuned, ab, trained = run["base"], run["fine_tuned"], run["ab"], run["training"]
    ours, stock = statistics.median(speeds["ours"]), statistics.median(speeds["stock"])
    ratio = statistics.median(a / b for a, b in zip(speeds["ours"], speeds["stock"], strict=True))
    return f"""# Benchmarks

Written by `benchmarks/bench_loop.py` (`make bench`); no figure here was typed by hand.

{datetime.now(UTC):%Y-%m-%d}, {cpu_name()}, Python {platform.python_version()}.

## The demo

SmolLM2-135M, LoRA, one epoch; base and fine-tuned model get the same prompts, with the same short system prompt, and
answer greedily. Held-out mails share no near-duplicates with the training side; some share a sentence pattern with
other names, numbers and dates in it, since that is how the authored mails were made.

| | measured | wanted |
|---|---|---|
| whole demo after set-up | {run["seconds"]:.0f} s | at most 360 s |
| peak memory, all processes | {run["peak_bytes"] / 1e9:.2f} GB | at most 4 GB |
| exact match, base model | {rate(base)} | under 20 % |
| exact match, fine-tuned model | {rate(tuned)} | at least 95 % |
| A/B test | {ab[0]:.0f} and {ab[1]:.0f} samples, always-valid p = {ab[2]:.1g} | a winner |
| training | {trained[0]:,.0f} tokens at {trained[1]:.0f} tokens/s | |

## Training speed

The same rows, precision, batch size (4), adapters and length grouping, {TRAINING_STEPS} steps, in turn,
{TRAINING_PAIRS} pairs; medians.

| | tokens/s |
|---|---|
| this project | {ours:.0f} |
| TRL `SFTTrainer` | {stock:.0f} |
| ratio, pair by pair | {ratio:.2f} |

## Command line

Median CPU seconds (user and system) of {COMMAND_RUNS} runs.

| command | measured | wanted |
|---|---|---|
| `ft-cli --help` | {commands["--help"]:.2f} s | at most 0.3 s |
| `ft-cli list-models` | {commands["list-models"]:.2f} s | at most 0.8 s |
"""


def main() -> None:
    """Run everything and write the page."""
    with tempfile.TemporaryDirectory() as home:
        commands = command_line(home)
        run = demo(home)
        speeds = training(home)
    PAGE.write_text(page(commands, run, speeds), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
