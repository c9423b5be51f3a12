"""Training speed against TRL's own trainer.

    python benchmarks/bench_training.py          # about three minutes on two cores

This project's trainer and stock `SFTTrainer` on the same rows, in turn, each in a process of its own, with the same
precision, batch size and adapters.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path

import report

STEPS = 12
PAIRS = 2
BATCH = 4

PREPARE = """
from importlib.resources import files
from fine_tuning import DatasetBuilder
from fine_tuning.base_models import catalogue
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.settings import get_settings
model = catalogue.resolve(catalogue.DEFAULT_BASE_MODEL, get_settings().folder("models")).path
DistillationDataCollector().capture_file(files("fine_tuning.demo") / "support_inbox.jsonl")
builder = DatasetBuilder()
examples = builder.validate_examples(builder.build_from_distillation())["valid_examples"]
train, _ = builder.split_train_test(examples, 0.8)
print(model, builder.save_dataset(train, "train"), sep="|")
"""

OURS = """
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

STOCK = """
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


def main() -> None:
    """Measure in turn."""
    speeds: dict[str, list[float]] = {"ours": [], "stock": []}
    with tempfile.TemporaryDirectory() as home:
        os.environ["FINE_TUNING_HOME"] = home
        model, file = report.run_python(PREPARE).split("|")
        for pair in range(PAIRS):
            for name, code in (("ours", OURS), ("stock", STOCK)):
                output = str(Path(home) / f"{name}{pair}")
                speeds[name].append(float(report.run_python(code, model, file, str(STEPS), output)))
    ratio = statistics.median(ours / stock for ours, stock in zip(speeds["ours"], speeds["stock"], strict=True))
    body = f"""
SmolLM2-135M, LoRA; the same rows, precision, batch size ({BATCH}), adapters and length grouping, {STEPS} steps, in
turn, {PAIRS} pairs; medians.

| | tokens/s |
|---|---|
| this project | {statistics.median(speeds["ours"]):.0f} |
| TRL `SFTTrainer` | {statistics.median(speeds["stock"]):.0f} |
| ratio, pair by pair | {ratio:.2f} |
"""
    report.write("Training speed", "bench_training.py", body)


if __name__ == "__main__":
    main()
