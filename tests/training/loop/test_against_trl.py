"""The trainer computes what TRL's own trainer computes, only with less work."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

from fine_tuning.training.loop.batches import RowOrder
from fine_tuning.training.loop.chat_tokens import tokenise_file
from tests.training.conftest import Run, losses


@pytest.mark.filterwarnings("ignore")
def test_train_losses_match_trl_on_the_same_batches(run: Run, tiny_model_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "chats.jsonl"
    _, events = run("ours", precision="fp32", n_epochs=1, validation_file=str(file))
    ours = losses(events)
    held_out = [event.data["valid_loss"] for event in events if "valid_loss" in event.data]

    tokenizer = AutoTokenizer.from_pretrained(tiny_model_dir)
    rows = tokenise_file(file, tokenizer, 1024).rows
    order = RowOrder([len(row["input_ids"]) for row in rows], 4, 0, seed=42, grouped=False)
    data = Dataset.from_list([rows[place] for place in order])
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(tiny_model_dir, dtype=torch.float32),
        args=SFTConfig(
            output_dir=str(tmp_path / "theirs"),
            num_train_epochs=1,
            per_device_train_batch_size=4,
            per_device_eval_batch_size=16,
            learning_rate=1e-3,
            warmup_steps=0,
            bf16=False,
            use_cpu=True,
            save_strategy="no",
            report_to="none",
            logging_steps=1,
            disable_tqdm=True,
            train_sampling_strategy="sequential",
            dataset_kwargs={"skip_prepare_dataset": True},
            max_length=None,
        ),
        processing_class=tokenizer,
        train_dataset=data,
        eval_dataset=data,
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    trainer.train()
    theirs = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert ours == pytest.approx(theirs, rel=1e-3)
    assert held_out[-1] == pytest.approx(trainer.evaluate()["eval_loss"], rel=1e-3)
    assert held_out[-1] < ours[0] - 0.1  # something was learned
