"""Training speed against TRL's own trainer, and how well the time of a training is foreseen.

    python benchmarks/bench_training.py          # about a quarter of an hour on two cores

In turn, each in a process of its own, on the same rows with the same precision, batch size, learning rate and adapters:
this project's trainer, as it trains short jobs and (with compiled layers) long ones; and stock `SFTTrainer` with its
own defaults in everything else. Once more, stock `SFTTrainer` starts from the same random adapters and takes the same
batches as this project: what remains between their losses is the rounding of bf16 (in fp32 they are compared by
`tests/training/loop/test_against_trl.py`). One function computes the validation loss of all.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import report

from fine_tuning import OllamaFineTuner
from fine_tuning.training.loop import compiled_layers
from fine_tuning.training.loop.time_estimate import FLOPS_PER_PARAMETER_AND_TOKEN as FLOP

ROWS = 240
HELD_OUT = 60
PAIRS = 2
BATCH = 8  # SFTTrainer's own
RANK = 16
PARAMETERS = 134_515_008
WORTH_TOKENS = compiled_layers.WORTH / FLOP / PARAMETERS  # where compiling the layers pays
WORTH_TOKENS_KEPT = compiled_layers.WORTH_KEPT / FLOP / PARAMETERS  # where the code is in the cache
WARM = 3  # steps before the clock starts: what is made ready once, and what is compiled
NAMES = {
    "ours": "this project",
    "compiled": "this project, its layers compiled",
    "defaults": "TRL `SFTTrainer`, its defaults",
    "batches": "TRL `SFTTrainer`, start and batches of this project",
}

PREPARE = f"""
import json
from importlib.resources import files
from pathlib import Path
from fine_tuning import DatasetBuilder
from fine_tuning.base_models import catalogue
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.settings import get_settings
home = get_settings().home
model = catalogue.resolve(catalogue.DEFAULT_BASE_MODEL, get_settings().folder("models")).path
DistillationDataCollector().capture_file(files("fine_tuning.workflows.demo") / "support_inbox.jsonl")
builder = DatasetBuilder()
examples = builder.validate_examples(builder.build_from_distillation())["valid_examples"]
train, test = builder.split_train_test(examples, 0.8)
parts = [builder.save_dataset(rows, name) for rows, name in ((train[:{ROWS}], "train"), (test[:{HELD_OUT}], "test"))]
print(json.dumps([str(model), *parts]))
"""

OURS = f"""
import json, sys
from fine_tuning.training.loop.training_config import TrainingConfig
from fine_tuning.training.loop.train import train
model, file, output, kind = sys.argv[1:]
seen, begun = {{}}, []
def note(event):
    if event.kind == "start": begun.append(event.created_at)
    if "trained_tokens" in event.data: seen[event.data["step"]] = event.created_at, event.data["trained_tokens"]
config = TrainingConfig(base_model_path=model, train_file=file, output_dir=output, n_epochs=1, batch_size={BATCH},
                        lora_rank={RANK}, checkpoint_steps=1000, compile_layers=kind == "compiled")
result = train(config, note, lambda: "run")
(warm, before), (last, tokens) = seen[{WARM}], seen[max(seen)]
print(json.dumps([(tokens - before) / (last - warm).total_seconds(), tokens, str(result.merged_dir),
                  (warm - begun[0]).total_seconds()]))
"""

STOCK = f"""
import json, math, sys, time, torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer
from fine_tuning.training.loop import precision, trainable_model
from fine_tuning.training.loop.training_config import TrainingConfig
from fine_tuning.training.loop.batches import RowOrder
from fine_tuning.training.loop.chat_tokens import tokenise_file
from fine_tuning.data_io.rows import read_rows
model, file, output, kind = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(model)
rows = [{{"prompt": r["messages"][:-1], "completion": r["messages"][-1:]}} for _, r in read_rows(file)]
more = {{}}
if kind == "batches":
    rows = tokenise_file(file, tokenizer, 1024).rows
    rows = [rows[place] for place in RowOrder([len(row["input_ids"]) for row in rows], {BATCH}, 0, 42, grouped=False)]
    more = {{"train_sampling_strategy": "sequential", "max_length": None,
             "dataset_kwargs": {{"skip_prepare_dataset": True}}}}
fast = precision.choose("auto") == "bf16"
class Clock(TrainerCallback):
    seen = {{}}
    def on_train_begin(self, *_, **__): self.started = time.monotonic()
    def on_step_end(self, _, state, *__, **___):
        self.seen[state.global_step] = time.monotonic(), int(state.num_input_tokens_seen)
clock = Clock()
trainer = SFTTrainer(
    model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16 if fast else torch.float32),
    args=SFTConfig(output_dir=output, num_train_epochs=1, per_device_train_batch_size={BATCH}, learning_rate=1e-3,
                   warmup_steps=int(math.ceil(len(rows) / {BATCH}) * 0.05), bf16=fast,
                   use_cpu=not torch.cuda.is_available(), save_strategy="no", report_to="none", disable_tqdm=True,
                   include_num_input_tokens_seen="non_padding", **more),
    processing_class=tokenizer, train_dataset=Dataset.from_list(rows), callbacks=[clock],
    peft_config=LoraConfig(r={RANK}, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"))
if kind == "batches":
    same = TrainingConfig(base_model_path=model, train_file=file, output_dir=output, lora_rank={RANK})
    set_peft_model_state_dict(trainer.model, get_peft_model_state_dict(trainable_model.load(same)))
trainer.train()
(warm, before), (last, tokens) = clock.seen[{WARM}], clock.seen[max(clock.seen)]
merged = trainer.model.float().merge_and_unload().to(torch.bfloat16)
merged.save_pretrained(output + "/merged")
tokenizer.save_pretrained(output + "/merged")
print(json.dumps([(tokens - before) / (last - warm), tokens, output + "/merged", warm - clock.started]))
"""

VALIDATION_LOSS = """
import sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from fine_tuning.training.loop.chat_tokens import tokenise_file
folder, file = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
loss = count = 0
for row in tokenise_file(file, AutoTokenizer.from_pretrained(folder), 1024).rows:
    labels = torch.tensor(row["labels"])[1:]
    with torch.no_grad():
        logits = model(torch.tensor([row["input_ids"]])).logits[0, :-1]
    loss += float(torch.nn.functional.cross_entropy(logits, labels, reduction="sum"))
    count += int((labels != -100).sum())
print(loss / count)
"""

PRODUCT = """
import time, torch
from fine_tuning.training.loop import precision
dtype = torch.bfloat16 if precision.choose("auto") == "bf16" else torch.float32
one, other = (torch.randn(2048, 2048).to(dtype) for _ in range(2))
times = []
for _ in range(40):
    began = time.perf_counter()
    one @ other
    times.append(time.perf_counter() - began)
print(2 * 2048**3 / sorted(times)[len(times) // 2])
"""


def run(name: str, model: str, train: str, test: str, output: str) -> dict[str, float]:
    """Tokens a second after the first steps, seconds of those and in all, validation loss, share of a product."""
    product = float(report.run_python(PRODUCT))
    began = time.monotonic()
    told = report.run_python(OURS if name in {"ours", "compiled"} else STOCK, model, train, output, name)
    seconds = time.monotonic() - began
    speed, tokens, merged, warm = json.loads(told)
    loss = float(report.run_python(VALIDATION_LOSS, merged, test))
    found = {"speed": speed, "seconds": seconds, "warm": warm, "loss": loss, "tokens": tokens,
             "share": speed * FLOP * PARAMETERS / product}  # fmt: skip
    print(name, found, flush=True)
    return found


def measured(home: Path) -> tuple[dict[str, list[dict[str, float]]], dict[str, Any]]:
    """The runs of each; and how long a training was thought to take here."""
    model, train, test = json.loads(report.run_python(PREPARE))
    found: dict[str, list[dict[str, float]]] = {name: [] for name in NAMES}
    for pair in range(PAIRS):
        for name, runs in found.items():
            if name != "batches" or pair == 0:
                runs.append(run(name, model, train, test, str(home / f"{name}{pair}")))
    tokens = found["ours"][0]["tokens"]
    return found, OllamaFineTuner().estimate_training_time(ROWS, 1, "here", tokens_per_example=tokens / ROWS)


def main() -> None:
    """Measure in turn."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"FINE_TUNING_HOME": home, compiled_layers.CACHE: str(Path(home) / "compiled")}
        found, foreseen = measured(Path(home))

    def median(name: str, what: str) -> float:
        return statistics.median(each[what] for each in found[name])

    lines = []
    for name, label in NAMES.items():
        ratio = statistics.median(each["speed"] / other["speed"] for each, other in
                                  zip(found[name], found["defaults"], strict=False))  # fmt: skip
        lines.append(f"| {label} | {median(name, 'speed'):.0f} | {ratio:.2f} | {median(name, 'share'):.0%} "
                     f"| {median(name, 'loss'):.4f} |")  # fmt: skip
    table = "\n".join(lines)
    took, thought = median("ours", "seconds"), foreseen["estimated_seconds"]
    waited, again = (found["compiled"][run]["warm"] - median("ours", "warm") for run in (0, -1))
    body = f"""
SmolLM2-135M, LoRA of rank {RANK}; {ROWS} rows ({found["ours"][0]["tokens"]:,.0f} tokens), one epoch, {BATCH} rows a
step, the same precision and learning rate; {PAIRS} runs of each in turn ({NAMES["batches"]}: one), medians. Speeds are
of the steps after the first {WARM}; those took {waited:.0f} s longer where layers were compiled, and {again:.0f} s
where a job before had left its code in the cache. It is done by itself where a training has more than
{WORTH_TOKENS:,.0f} and {WORTH_TOKENS_KEPT:,.0f} tokens of this model. The share is of what a product of two
2048 x 2048 matrices reaches on the same machine at the time, counting {FLOP} FLOP a parameter and
token. The validation loss (nats a token, {HELD_OUT} held-out rows) is of the merged models. Rounding in bf16 moves it,
as the first two lines show, which differ in nothing else; in fp32 the losses of this project and of
`SFTTrainer` on the same batches agree within 0.1 % (`tests/training/loop/test_against_trl.py`).

| | tokens/s | times TRL's | share of a plain product | validation loss |
|---|---|---|---|---|
{table}

The whole process of this project's training took {took:.0f} s. `estimate_training_time(..., "here")`, which trains for
a few steps on rows of the same mean length, predicted {thought:.0f} s.
"""
    report.write("Training speed", "bench_training.py", body)


if __name__ == "__main__":
    main()
