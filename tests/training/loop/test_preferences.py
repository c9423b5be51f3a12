"""Direct preference optimization: the loss is the paper's, and what is preferred becomes likelier."""

from __future__ import annotations

import json
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from fine_tuning.errors import DataError
from fine_tuning.training.loop.chat_tokens import IGNORED
from fine_tuning.training.loop.dpo_trainer import Pairs
from fine_tuning.training.loop.preference_rows import checked_pair, tokenise_preferences
from fine_tuning.training.loop.train import train
from fine_tuning.training.loop.training_config import LEARNING_RATES, TrainingConfig
from fine_tuning.training.loop.training_events import TrainingEvent, TrainingResult


def pair(number: int) -> dict[str, Any]:
    return {
        "input": {"messages": [{"role": "user", "content": f"Please add {number} and 1."}]},
        "preferred_output": [{"role": "assistant", "content": f"That makes {number + 1}."}],
        "non_preferred_output": [{"role": "assistant", "content": "I will not, since it is Monday."}],
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(pair(number)) + "\n" for number in range(12)))
    return path


def run(
    model: Path, file: Path, output: Path, stop: dict[int, str] | None = None, **settings: Any
) -> tuple[TrainingResult, list[TrainingEvent]]:
    events: list[TrainingEvent] = []
    config = TrainingConfig(
        base_model_path=str(model),
        train_file=str(file),
        validation_file=str(file),
        output_dir=str(output),
        **{"method": "dpo", "n_epochs": 4, "batch_size": 4, "learning_rate": 1e-2, "checkpoint_steps": 5, **settings},
    )
    steps = iter(range(1, 1000))
    return train(config, events.append, lambda: (stop or {}).get(next(steps), "run")), events  # type: ignore[arg-type,return-value]


def margins(folder: Path, rows: list[dict[str, Any]], pad: int) -> torch.Tensor:
    """log p(preferred) - log p(other) by transformers' own logits."""
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    batch = Pairs(pad)(rows)
    with torch.no_grad():
        logits = network(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
    labels = batch["labels"][:, 1:]
    chosen = logits.log_softmax(-1).gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    preferred, other = (chosen * (labels != IGNORED)).sum(1).chunk(2)
    return preferred - other


def test_dpo_starts_at_log_2_and_learns_the_preference(tiny_model_dir: Path, file: Path, tmp_path: Path) -> None:
    result, events = run(tiny_model_dir, file, tmp_path / "out", precision="fp32")
    told = [event.data for event in events if "train_loss" in event.data]
    assert told[0]["train_loss"] == pytest.approx(log(2), abs=1e-3)  # the adapters start at zero: no preference yet
    assert told[-1]["train_loss"] < 0.2
    assert told[-1]["token_accuracy"] == 1.0
    assert result.validation_loss is not None
    assert result.merged_dir is not None
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_dir)
    rows = tokenise_preferences(file, tokenizer, 512).rows
    gained = margins(result.merged_dir, rows, 0) - margins(tiny_model_dir, rows, 0)
    assert bool((gained > 0).all())
    # The loss that was told is the paper's, computed here from other logits.
    expected = -torch.nn.functional.logsigmoid(0.1 * gained).mean()
    assert result.validation_loss == pytest.approx(float(expected), rel=0.1)


def test_dpo_paused_and_resumed_gives_equal_weights(tiny_model_dir: Path, file: Path, tmp_path: Path) -> None:
    whole, _ = run(tiny_model_dir, file, tmp_path / "a")
    paused, _ = run(tiny_model_dir, file, tmp_path / "b", {7: "pause"})
    assert (paused.status, paused.steps) == ("paused", 7)
    resumed, _ = run(tiny_model_dir, file, tmp_path / "b")
    weights = [
        (result.adapter_dir / "adapter_model.safetensors").read_bytes()
        for result in (whole, resumed)
        if result.adapter_dir is not None
    ]
    assert len(weights) == 2
    assert weights[0] == weights[1]


def test_dpo_micro_batches_give_equal_losses(tiny_model_dir: Path, file: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"n_epochs": 1, "precision": "fp32"}
    _, whole = run(tiny_model_dir, file, tmp_path / "a", **settings)
    _, parts = run(tiny_model_dir, file, tmp_path / "b", micro_batch_size=2, **settings)
    losses = [[e.data["train_loss"] for e in events if "train_loss" in e.data] for events in (whole, parts)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_tokenise_preferences_labels_only_the_answers(tiny_model_dir: Path, tmp_path: Path) -> None:
    row = pair(1)
    row["input"]["messages"] = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Welcome"},
        *row["input"]["messages"],
    ]
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps(row))
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_dir)
    (made,) = tokenise_preferences(path, tokenizer, 512).rows
    learned = tokenizer.decode([label for label in made["labels"] if label != IGNORED])
    assert learned == "That makes 2.<|im_end|>"
    with pytest.raises(DataError, match="has no pair that fits into 16 tokens"):
        tokenise_preferences(path, tokenizer, 16)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input": None}, "input is missing"),
        ({"input": {"messages": []}}, "input is missing"),
        ({"preferred_output": "text"}, "preferred_output is missing or not a list"),
        ({"non_preferred_output": []}, "non_preferred_output is missing or not a list"),
        ({"non_preferred_output": [{"role": "user", "content": "x"}]}, "may contain assistant messages only"),
        ({"non_preferred_output": pair(1)["preferred_output"]}, "are the same"),
    ],
)
def test_checked_pair_invalid_raises_with_reason(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=f"^line 3: .*{message}"):
        checked_pair({**pair(1), **change}, "line 3")


def test_learning_rate_default_depends_on_method_and_tuning() -> None:
    folders: dict[str, Any] = {"base_model_path": "-", "train_file": "-", "output_dir": "-"}
    for method, rates in LEARNING_RATES.items():
        for tuning, rate in rates.items():
            assert TrainingConfig(**folders, method=method, tuning=tuning).learning_rate == rate  # type: ignore[arg-type]
        assert TrainingConfig(**folders, method=method).learning_rate == rates["lora"]  # type: ignore[arg-type]
    assert TrainingConfig(**folders, method="dpo", learning_rate=0.5).learning_rate == 0.5
