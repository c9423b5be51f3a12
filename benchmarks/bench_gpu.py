"""Training speed on a GPU: this project, TRL's trainer as it is, TRL with Liger's kernels and packing, and Unsloth.

    python benchmarks/bench_gpu.py [--wheels FOLDER]    # under ten minutes; needs a GPU, no network
    python benchmarks/bench_gpu.py --smoke              # the same with a tiny model, on any machine; writes no page

Random-weight models of Llama's shape with LoRA of rank 16, on rows of 4,096 tokens and on rows of 200 to 4,000. Each
trainer runs in a process of its own, from the same weights and the same adapters, on the same rows. This project and
plain TRL take the same batches, and their losses are compared step by step. A run whose gradients vanish is no run.
`--wheels` is a folder of what the machine has not installed (trl, datasets, liger-kernel and so on).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import report

from fine_tuning.training.loop.time_estimate import FLOPS_PER_PARAMETER_AND_TOKEN as FLOP
from fine_tuning.training.loop.time_estimate import PEAK_FLOPS

SECONDS = 570  # after which no further run begins
WARM, TIMED = 2, 4  # steps
BATCH = 8  # rows of a step
SAME_LOSS = 0.02  # by which losses of the same batches may differ, as a share: bf16 rounds at other places
LLAMA = {"num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256}
MODELS: dict[str, dict[str, Any]] = {
    "1.2B": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "tie_word_embeddings": True}
    | LLAMA,
    "8B": {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "tie_word_embeddings": False}
    | LLAMA,
}
MICRO = {"1.2B": 8, "8B": 2, "smoke": 4}  # rows at once
SMOKE = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 512,
}
NAMES = {
    "ours": "this project",
    "trl": "TRL `SFTTrainer`, its defaults",
    "trl-packed": "TRL with packing, and Liger's kernels where they are installed",
    "unsloth": "Unsloth",
}

MODEL = """
import json, sys, torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from tokenizers import Tokenizer, models, pre_tokenizers
folder, settings = sys.argv[1], json.loads(sys.argv[2])
special = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
config = LlamaConfig(**settings, **special, max_position_embeddings=8192,
                     rope_parameters={"rope_type": "default", "rope_theta": 500000.0})
torch.manual_seed(0)
with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
    torch.set_default_dtype(torch.bfloat16)
    model = LlamaForCausalLM(config)
model.save_pretrained(folder, max_shard_size="4GB")
words = {word: place for place, word in enumerate(["<pad>", "<s>", "</s>", "<unk>"])}
tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>",
    unk_token="<unk>", chat_template="{% for message in messages %}{{ message['content'] }}{{ eos_token }}{% endfor %}",
).save_pretrained(folder)
print(sum(each.numel() for each in model.parameters()))
"""

COMMON = """
import json, math, resource, sys, time, zlib
from importlib.util import find_spec
name, folder, file, output, micro = sys.argv[1:]
micro = int(micro)
if name == "unsloth":
    import unsloth
import torch
from datasets import Dataset
from transformers import AutoTokenizer, TrainerCallback
BATCH, WARM, RANK = 8, 2, 16
rows = json.loads(open(file).read())
steps = len(rows) // BATCH
on_gpu = torch.cuda.is_available()
tokenizer = AutoTokenizer.from_pretrained(folder)

class Clock(TrainerCallback):
    def __init__(self): self.seen, self.logs = {}, []
    def on_train_begin(self, args, state, control, **_): self.note(state)
    def on_step_end(self, args, state, control, **_): self.note(state)
    def on_log(self, args, state, control, logs=None, **_):
        if "grad_norm" in logs: self.logs.append((float(logs["loss"]), float(logs["grad_norm"])))
    def note(self, state):
        if on_gpu: torch.cuda.synchronize()
        self.seen[state.global_step] = time.monotonic(), int(state.num_input_tokens_seen)

def same_adapters(model):
    for key, weight in model.named_parameters():
        if "lora_A" in key:
            key = key.removeprefix("_orig_mod.").replace(".default", "")
            generator = torch.Generator().manual_seed(zlib.crc32(key.encode()))
            weight.data.copy_(torch.randn(weight.shape, generator=generator) / math.sqrt(weight.shape[1]))

def told(clock):
    norms, losses = [norm for _, norm in clock.logs], [loss for loss, _ in clock.logs]
    assert norms and all(math.isfinite(norm) and norm > 0 for norm in norms), f"gradients vanish: {norms}"
    last = max(clock.seen)
    (began, before), (ended, tokens) = clock.seen[min(WARM, last - 1)], clock.seen[last]
    peak = torch.cuda.max_memory_allocated() if on_gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"speed": (tokens - before) / (ended - began), "peak": peak, "losses": losses, "norms": norms}))
"""

OURS = (
    COMMON
    + """
from fine_tuning.training.loop import checkpointed_layers, memory_estimate, trainable_model, trainer_arguments
from fine_tuning.training.loop.chat_tokens import IGNORED
from fine_tuning.training.loop.sft_trainer import LabelledTrainer
from fine_tuning.training.loop.training_config import TrainingConfig
config = TrainingConfig(base_model_path=folder, train_file=file, output_dir=output, n_epochs=1, batch_size=BATCH,
                        micro_batch_size=micro, lora_rank=RANK, max_length=8192, learning_rate=1e-4)
args = trainer_arguments.of(config, len(rows), has_validation=False)
args.save_strategy, args.logging_steps, args.warmup_steps, args.lr_scheduler_type = "no", 1, 0, "constant"
clock = Clock()
model = trainable_model.load(config)
same_adapters(model)
trainer = LabelledTrainer(model=model, args=args, processing_class=tokenizer, train_dataset=Dataset.from_list(rows),
                          callbacks=[clock], batch_size=BATCH, lines=list(range(len(rows))))
need = [memory_estimate.needed(trainer.model, rows, micro, IGNORED, checkpointing=each) for each in (False, True)]
if checkpointed_layers.is_wanted(config, *need, memory_estimate.free()):
    checkpointed_layers.checkpoint_layers(trainable_model.causal(trainer.network))
order = list(trainer._get_train_sampler())
open(file + ".order", "w").write(json.dumps(order))
trainer.train()
told(clock)
"""
)

THEIRS = (
    COMMON
    + """
from pathlib import Path
from peft import LoraConfig
from transformers import AutoModelForCausalLM
from trl import SFTConfig, SFTTrainer, pack_dataset
packs = name == "trl-packed"
order = Path(file + ".order")
if order.is_file():
    rows = [rows[place] for place in json.loads(order.read_text())]
data, longest = Dataset.from_list(rows), max(len(row["input_ids"]) for row in rows)
more, adapters, micro_steps = {}, None, BATCH // micro
if packs:
    data = pack_dataset(data, longest, "bfd")
    has_liger = find_spec("liger_kernel") is not None
    more = {"packing": True, "max_length": longest, "use_liger_kernel": on_gpu and has_liger}
    micro_steps = max(1, len(data) // (steps * micro))
lora = {"r": RANK, "lora_alpha": 32, "lora_dropout": 0.0}
if name == "unsloth":
    from unsloth import FastLanguageModel
    model, _ = FastLanguageModel.from_pretrained(folder, max_seq_length=longest, dtype=torch.bfloat16,
                                                 load_in_4bit=False)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    model = FastLanguageModel.get_peft_model(model, **lora, target_modules=targets,
                                             use_gradient_checkpointing="unsloth")
else:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    adapters = LoraConfig(**lora, target_modules="all-linear", task_type="CAUSAL_LM")
clock = Clock()
trainer = SFTTrainer(
    model=model, processing_class=tokenizer, train_dataset=data, peft_config=adapters, callbacks=[clock],
    args=SFTConfig(output_dir=output, num_train_epochs=1, per_device_train_batch_size=micro,
                   gradient_accumulation_steps=micro_steps, learning_rate=1e-4, warmup_steps=0, bf16=True,
                   lr_scheduler_type="constant", use_cpu=not on_gpu, save_strategy="no", report_to="none",
                   logging_steps=1, disable_tqdm=True, train_sampling_strategy="sequential", weight_decay=0.0,
                   include_num_input_tokens_seen="non_padding", dataset_kwargs={"skip_prepare_dataset": True},
                   **{"max_length": None, **more}))
same_adapters(trainer.model)
trainer.train()
told(clock)
"""
)


def rows(kind: str, vocabulary: int, longest: int) -> list[dict[str, list[int]]]:
    """Rows of random tokens, the second half of each labelled: all of the same length, or log-uniform lengths."""
    import random

    draw = random.Random(0)
    shortest, most = longest * 200 // 4096, longest * 4000 // 4096
    found = []
    for _ in range(BATCH * (WARM + TIMED)):
        size = longest if kind == "fixed" else round(shortest * (most / shortest) ** draw.random())
        ids = [draw.randrange(4, vocabulary) for _ in range(size)]
        found.append({"input_ids": ids, "labels": [-100] * (size // 2) + ids[size // 2 :]})
    return found


def runs(home: Path, size: str, settings: dict[str, Any], longest: int, until: float) -> Iterator[dict[str, Any]]:
    """The run of each trainer on each kind of rows; `why` in place of figures where there is none."""
    folder = home / size
    parameters = int(report.run_python(MODEL, str(folder), json.dumps(settings)))
    for kind in ("fixed", "mixed"):
        file = home / f"{size}-{kind}.json"
        file.write_text(json.dumps(rows(kind, settings["vocab_size"], longest)))
        for name in NAMES:
            facts = {"name": name, "size": size, "kind": kind, "parameters": parameters}
            yield facts | _run(name, folder, file, MICRO[size], until)


def _run(name: str, folder: Path, file: Path, micro: int, until: float) -> dict[str, Any]:
    if name == "unsloth" and find_spec("unsloth") is None:
        return {"why": "not installed"}
    if time.monotonic() > until:
        return {"why": "no time left"}
    code = OURS if name == "ours" else THEIRS
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "-W", "ignore", "-c", code, name, str(folder), str(file), output, str(micro)]
        try:
            left = max(1.0, until - time.monotonic())
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=left)
        except subprocess.TimeoutExpired:
            return {"why": "no time left"}
    if done.returncode:
        print(done.stderr[-3000:], file=sys.stderr)
        if name == "ours":
            sys.exit("the run of this project failed")
        return {"why": (done.stderr.strip().splitlines() or ["failed"])[-1][:100]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def check_losses(found: list[dict[str, Any]]) -> float:
    """The largest difference of losses between this project and plain TRL on the same batches, as a share.

    Raises:
        SystemExit: they differ by more than rounding.
    """
    worst = 0.0
    for size, kind in {(each["size"], each["kind"]): None for each in found}:
        ours, theirs = (
            next(each for each in found if (each["size"], each["kind"], each["name"]) == (size, kind, name))
            for name in ("ours", "trl")
        )
        if "losses" not in ours or "losses" not in theirs:
            continue
        pairs = list(zip(ours["losses"], theirs["losses"], strict=True))
        worst = max([worst, *(abs(one - other) / other for one, other in pairs)])
        if worst > SAME_LOSS:
            sys.exit(f"{size}, {kind} rows: the losses of this project and of TRL differ by {worst:.1%}: {pairs}")
    return worst


def table(found: list[dict[str, Any]], peak: float | None) -> str:
    """The figures as Markdown."""
    lines = ["| model, rows | trainer | tokens/s | MFU | peak memory | loss |", "|---|---|---|---|---|---|"]
    for each in found:
        start = f"| {each['size']}, {each['kind']} | {NAMES[each['name']]}"
        if "why" in each:
            lines.append(f"{start} | {each['why']} | | | |")
            continue
        share = "unknown" if peak is None else f"{each['speed'] * FLOP * each['parameters'] / peak:.0%}"
        memory, loss = each["peak"] / 1e9, statistics.mean(each["losses"])
        lines.append(f"{start} | {each['speed']:,.0f} | {share} | {memory:.1f} GB | {loss:.3f} |")
    return "\n".join(lines)


def measure(home: Path, *, smoke: bool) -> None:
    """Run all trainers, check them, and write the page."""
    import torch

    until = time.monotonic() + SECONDS
    models, longest = ({"smoke": SMOKE}, 48) if smoke else (MODELS, 4096)
    found: list[dict[str, Any]] = []
    for size, settings in models.items():
        for each in runs(home, size, settings, longest, until):
            print(each, flush=True)
            found.append(each)
    worst = check_losses(found)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    plain = (gpu or "").lower().replace(" ", "")
    body = f"""
{gpu or "No GPU"}, PyTorch {torch.__version__}; bf16, LoRA of rank 16 on all linear layers, {BATCH} rows a step,
{TIMED} steps after {WARM} warm ones. Rows are `fixed` ({longest:,} tokens) or `mixed` (log-uniform,
{longest * 200 // 4096:,} to {longest * 4000 // 4096:,}); padding counts for nothing. MFU is {FLOP} FLOP a parameter and
token against the data sheet's dense bf16 rate. Gradient norms were above zero in every step of every run; on the same
batches the losses of this project and of TRL differ by at most {worst:.3%}.

{table(found, next((rate for name, rate in PEAK_FLOPS.items() if name in plain), None))}
"""
    if smoke:
        print(body)
    else:
        report.write("Training speed on a GPU", "bench_gpu.py", body)


def main() -> None:
    """Measure, where there is a GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a tiny model, on any machine")
    parser.add_argument("--wheels", type=Path, help="folder of wheels that are not installed here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        if options.wheels:
            target = Path(home) / "packages"
            wheels = sorted(map(str, options.wheels.glob("*.whl")))
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target"]
            subprocess.run([*pip, str(target), *wheels], check=True)
            sys.path.append(str(target))
            os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(target)]))
        import torch

        if not (options.smoke or torch.cuda.is_available()):
            print("there is no GPU here: nothing is measured; --smoke runs everything with a tiny model")
            return
        measure(Path(home), smoke=options.smoke)


if __name__ == "__main__":
    main()
