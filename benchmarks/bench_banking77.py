"""SmolLM2-135M on real people's banking questions (banking77): accuracy before and after, through two engines, and what
each way to store the fine-tuned model loses.

    python benchmarks/bench_banking77.py          # about half an hour on two cores

Needs ../shared/data/banking77 (CC-BY-4.0) beside the project, and says so where it is absent.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import report

from fine_tuning import LocalFineTuner, ModelRegistry
from fine_tuning.base_models import catalogue
from fine_tuning.evaluation import intervals
from fine_tuning.export import quantization
from fine_tuning.export.kept_gguf import kept_gguf
from fine_tuning.serving.engine_choice import open_local
from fine_tuning.settings import get_settings
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.model_export import ExportPlan, export_model

DATA = report.PROJECT.parent / "shared" / "data" / "banking77"
SYSTEM = "Name the intent of the bank customer's question."
TRAIN, TEST, EPOCHS = 2000, 1000, 2
PLOT = report.PROJECT / "docs" / "images" / "banking77.svg"


def rows(name: str, count: int) -> list[dict[str, str]]:
    """A seeded sample of a part's rows: text, category."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    return random.Random(77).sample(found, min(count, len(found)))


def asked(row: Mapping[str, str]) -> list[dict[str, str]]:
    """The conversation before the answer."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": row["text"]}]


def write_rows(path: Path, chosen: list[dict[str, str]]) -> Path:
    """As chat rows."""
    lines = [{"messages": [*asked(row), {"role": "assistant", "content": row["category"]}]} for row in chosen]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def accuracy(folder: Path, gguf: Path | None, test: list[dict[str, str]]) -> str:
    """Exact match of greedy answers, with its 95 % interval (Wilson)."""
    engine = open_local(folder, "m", gguf)
    answers = engine.complete_many([asked(row) for row in test], temperature=0.0, max_tokens=16)
    right = sum(answer.text.strip() == row["category"] for answer, row in zip(answers, test, strict=True))
    engine.close()
    low, high = intervals.wilson(right, len(test))
    return f"{right / len(test):.1%} ({low:.1%} to {high:.1%})"


def trained(folder: Path, count: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The ended job and its metrics."""
    validation = write_rows(folder / "validation.jsonl", rows("train", count + 200)[count:])
    tuner = LocalFineTuner()
    file, held_out = (tuner.upload_training_file(path) for path in
                      (write_rows(folder / "train.jsonl", rows("train", count)), validation))  # fmt: skip
    job = tuner.create_fine_tuning_job(catalogue.DEFAULT_BASE_MODEL, file, held_out, "bank", n_epochs=EPOCHS)
    ended = tuner.wait_for_job(job["job_id"], progress_bar=True)
    if ended["status"] != "succeeded":
        sys.exit(str(ended["error"]))
    ModelRegistry().register_model("bank", catalogue.DEFAULT_BASE_MODEL, job["job_id"], count)
    events = [each["data"] for each in tuner.list_events(job["job_id"], 10_000) if each["type"] == "metrics"]
    return dict(ended), events


def draw(metrics: list[dict[str, Any]]) -> None:
    """Loss and accuracy of tokens by step, of training and of held-out rows."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "banking77"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for axis, what, names in (
        (axes[0], "loss (nats a token)", ("train_loss", "valid_loss")),
        (axes[1], "tokens predicted right", ("token_accuracy", "valid_token_accuracy")),
    ):
        for name, label in zip(names, ("training", "held out"), strict=True):
            points = [(each["step"], each[name]) for each in metrics if each.get(name) is not None]
            axis.plot(*zip(*points, strict=True), label=label, marker="o" if len(points) < 10 else None)
        axis.set(xlabel="step", ylabel=what)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(PLOT, metadata={"Date": None})


def stored(folder: Path, merged: Path, test: list[dict[str, str]]) -> list[str]:
    """A table line for each quantization: size, likeness to the trainer's model, accuracy through llama.cpp."""
    lines = []
    for kind in quantization.KINDS:
        plan = ExportPlan("bank", "gguf", folder / kind, quantize=kind, prompts=32, force=True)
        done = export_model(plan, workspace=open_workspace())
        found, bound = done.parity["exported"], quantization.find(kind)
        size = done.weights.stat().st_size / 1e6
        lines.append(f"| {kind} | {size:.0f} MB | {found.prompts_alike} of {found.prompts} | {found.agreement:.1%} of "
                     f"{found.places} (at least {bound.min_agreement:.0%}) | {found.divergence:.2g} (at most "
                     f"{bound.max_divergence:g}) | {accuracy(merged, done.weights, test)} |")  # fmt: skip
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train", type=int, default=TRAIN, help="rows to train on")
    parser.add_argument("--test", type=int, default=TEST, help="questions to ask")
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: {DATA} is not there")
        return
    with tempfile.TemporaryDirectory() as home:
        os.environ["FINE_TUNING_HOME"] = home
        base = catalogue.resolve(catalogue.DEFAULT_BASE_MODEL, get_settings().folder("models")).path
        job, metrics = trained(Path(home), options.train)
        draw(metrics)
        merged = Path(home) / "artifacts" / job["job_id"] / "merged"
        test = rows("test", options.test)
        lines = []
        for name, folder in (("base", base), ("fine-tuned", merged)):
            found = [accuracy(folder, gguf, test) for gguf in (None, kept_gguf(folder))]
            lines.append(f"| {name} | {found[0]} | {found[1]} |")
            print(lines[-1], flush=True)
        kinds = stored(Path(home), merged, test)
    seconds = max(
        each["trained_tokens"] / each["tokens_per_second"] for each in metrics if each.get("tokens_per_second")
    )
    table, others = "\n".join(lines), "\n".join(kinds)
    report.write("Banking questions", "bench_banking77.py", f"""
SmolLM2-135M, LoRA, {EPOCHS} epochs of {options.train:,} questions with one of 77 intents each
({job['trained_tokens']:,} tokens in {seconds:.0f} s); exact match over {len(test):,} test questions, greedy, with 95 %
intervals.

| model | transformers | llama.cpp (f16) |
|---|---|---|
{table}

![Loss and accuracy by step](images/banking77.svg)

What `ft-cli export` compares, over 32 prompts of the training data, and the accuracy of each file in llama.cpp:

| stored as | size | prompts with the same tokens | token agreement | divergence, nats | exact match |
|---|---|---|---|---|---|
{others}
""")  # fmt: skip


if __name__ == "__main__":
    main()
