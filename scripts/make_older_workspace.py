"""Make the workspace of `tests/workflows/maintenance/data/`, with the code of an older commit.

    git worktree add ../older 27b5a28
    PYTHONPATH=../older/src python -m scripts.make_older_workspace tests/workflows/maintenance/data

It was run with commit 27b5a28 (schema 0008), the last one before the packages were rearranged. Run it again only to
keep a workspace of another version: the point of the data is that present code does not write it.

Written are `workspace.sql` (a text dump of the SQLite database), `home/` (the files its rows name) and `expected.json`
(what the older code read from it). `{home}` stands for the absolute path of the workspace.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

FOLDERS = ("datasets", "files", "artifacts", "base-model")
PLACEHOLDER = "{home}"
QUESTION = "Where is order 3, please?"
MAX_TOKENS = 8


def main() -> None:
    """Make the workspace in a temporary folder, then write it as text and files."""
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "workspace"
        os.environ["FINE_TUNING_HOME"] = str(home)
        make_smallest_model(home / "base-model")
        expected = fill(home)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        with closing(sqlite3.connect(home / "fine_tuning.db")) as connection:
            dump = "\n".join(connection.iterdump())
        (target / "workspace.sql").write_text(dump.replace(str(home), PLACEHOLDER) + "\n", encoding="utf-8")
        facts = json.dumps(expected, indent=1, default=str).replace(str(home), PLACEHOLDER)
        (target / "expected.json").write_text(facts + "\n", encoding="utf-8")
        for name in FOLDERS:
            shutil.copytree(
                home / name, target / "home" / name, ignore=shutil.ignore_patterns("checkpoint*", "README.md", ".*")
            )
        for file in (target / "home").rglob("*.json"):
            file.write_text(file.read_text(encoding="utf-8").replace(str(home), PLACEHOLDER), encoding="utf-8")
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    print(f"{target}: {size / 1000:.0f} kB")


def make_smallest_model(folder: Path) -> None:
    """Write a random one-layer llama of 20 thousand weights, with 300 tokens."""
    import torch
    from tests.tiny_model import CHAT_TEMPLATE, SENTENCES, SPECIAL_TOKENS
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    cut = Tokenizer(models.BPE())
    cut.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    cut.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=SPECIAL_TOKENS, initial_alphabet=alphabet, show_progress=False
    )
    cut.train_from_iterator(SENTENCES * 2, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=cut,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        unk_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE,
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=512,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
        initializer_range=0.2,
        tie_word_embeddings=True,
        dtype="bfloat16",
        **ids,
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.generation_config = GenerationConfig(**ids)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def fill(home: Path) -> dict[str, Any]:
    """Use every part of the older product once. Returns what it read back."""
    from fine_tuning import FineTuningCLI
    from fine_tuning.llm_service import LLMService

    base = str(home / "base-model")
    captured = capture_examples()
    job = train_model(base)
    register_versions(base, job["job_id"])
    evaluate_version()
    concluded = run_tests()
    record_costs()
    assert FineTuningCLI().run(["keys", "create", "reader", "--read-only"]) == 0
    answer = LLMService(model="orders", default_temperature=0.0).complete(QUESTION, max_tokens=MAX_TOKENS)
    return {
        **read_examples(captured),
        "job": {name: job[name] for name in ("job_id", "model", "training_file")},
        **read_models(),
        **read_experiment(concluded),
        **read_costs(),
        "answer": {name: answer[name] for name in ("content", "model", "version")},
    }


def capture_examples() -> dict[str, Any]:
    """Capture, rate and correct examples. Returns their ids, and the correction."""
    from fine_tuning.distillation import DistillationDataCollector

    collector = DistillationDataCollector()
    ids = [
        collector.capture_success(f"Where is order {n}, please?", f"Order {n} is on its way.", "support", "answer")
        for n in range(12)
    ]
    collector.rate(ids[0], 2)
    collector.thumbs(ids[1], up=True)
    return {"ids": ids, "corrected": collector.correct(ids[2], "Order 2 left the warehouse on Monday.")}


def train_model(base: str) -> dict[str, Any]:
    """Save and build data sets of the captured examples, and train on one. Returns the job."""
    from fine_tuning import DatasetBuilder, FineTuningCLI, LocalFineTuner

    builder, tuner = DatasetBuilder(), LocalFineTuner()
    saved = builder.save_dataset(builder.build_from_distillation(), "orders")
    assert FineTuningCLI().run(["dataset", "build", "orders-built"]) == 0
    job = tuner.create_fine_tuning_job(
        base, tuner.upload_training_file(saved), n_epochs=1, suffix="orders", lora_rank=2
    )
    assert tuner.wait_for_job(job["job_id"], progress_bar=False)["status"] == "succeeded"
    return dict(job)


def register_versions(base: str, job_id: str) -> None:
    """Register two versions, deploy one after the other, and name the second."""
    from fine_tuning import ModelRegistry

    registry = ModelRegistry()
    for accuracy in (0.5, 0.75):
        registry.register_model("orders", base, job_id, 11, accuracy=accuracy, metadata={"team": "support"})
    registry.deploy_model("orders", 1, "first")
    registry.deploy_model("orders", 2, "better")
    registry.set_alias("orders", "champion", 2)
    registry.set_tag("orders", "ticket", "SUP-1", 2)


def evaluate_version() -> None:
    """Evaluate a version on three questions, one of them without an answer."""
    from fine_tuning import ModelEvaluator

    ModelEvaluator().evaluate(
        ["a", "b", None],
        ["a", "c", "d"],
        "orders",
        "fine_tuned",
        metrics=["exact_match", "token_f1"],
        errors=[None, None, "timeout"],
        latencies_ms=[10.0, 12.0, None],
        costs=[0.001, None, None],
        questions=["1", "2", "3"],
        slices=[{"domain": "support"}] * 3,
        metadata={"version": 2},
    )


def run_tests() -> Any:
    """Record samples of two A/B tests, and conclude one. Returns its result."""
    from fine_tuning import ABTestFramework

    tests = ABTestFramework()
    for test_id in ("concluded", "running"):
        tests.create_test(test_id, "orders-v1", "orders-v2", {"owner": "support"})
        for number in range(40):
            right = number % 4 == 0
            tests.record_sample(test_id, "model_a", "yes" if right else "no", "yes", 20.0, 0.002)
            tests.record_sample(test_id, "model_b", "yes", "yes", 10.0, 0.001)
    return tests.conclude_test("concluded")


def record_costs() -> None:
    """Record calls of two models, and set a budget."""
    from fine_tuning import CostTracker

    costs = CostTracker()
    costs.record_inference("orders", 100, 0.002, True)
    costs.record_inference("gpt-4o", 900, None, False)
    costs.set_budget("orders", 25.0)


def read_examples(captured: dict[str, Any]) -> dict[str, Any]:
    """The captured examples, and the data sets made of them."""
    from fine_tuning import DatasetBuilder
    from fine_tuning.distillation import DistillationDataCollector

    collector = DistillationDataCollector()
    return {
        "examples": {**captured, "stats": collector.get_dataset_stats()},
        "preferences": collector.get_preferences(),
        "datasets": [each["name"] for each in DatasetBuilder().list_datasets()],
    }


def read_models() -> dict[str, Any]:
    """The versions of the model, and their evaluations."""
    from fine_tuning import ModelEvaluator, ModelRegistry

    registry = ModelRegistry()
    return {
        "versions": registry.list_model_versions("orders"),
        "aliases": registry.get_aliases("orders"),
        "history": registry.history("orders"),
        "evaluations": ModelEvaluator().get_results_summary(),
    }


def read_experiment(concluded: Any) -> dict[str, Any]:
    """The result of the concluded A/B test, and what it recommends."""
    from fine_tuning import ABTestFramework

    return {"concluded": vars(concluded), "recommendation": ABTestFramework().recommend_winner(concluded)}


def read_costs() -> dict[str, Any]:
    """Costs and budgets, with the call that was answered."""
    from fine_tuning import CostTracker

    costs = CostTracker()
    return {"costs": costs.get_cost_summary(), "budgets": costs.get_budgets()}


if __name__ == "__main__":
    main()
