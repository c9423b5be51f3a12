"""The training loop: reproducible, resumable, and honest about how it went."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.errors import TrainingError
from fine_tuning.training import checkpoints
from fine_tuning.training.config import TrainingConfig
from fine_tuning.training.events import TrainingEvent, TrainingResult
from fine_tuning.training.loop import train

Run = Callable[..., tuple[TrainingResult, list[TrainingEvent]]]


@pytest.fixture
def run(tmp_path: Path, tiny_model_dir: Path) -> Run:
    """Train the tiny model on 16 chats of different lengths; `stop` maps a step to a wish."""
    rows = [
        [{"role": "user", "content": f"say {'la ' * (n % 5 + 1)}{n}"}, {"role": "assistant", "content": f"{n} is said"}]
        for n in range(16)
    ]
    file = tmp_path / "chats.jsonl"
    file.write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows))

    def go(output: str, stop: dict[int, str] | None = None, **settings: Any) -> tuple[TrainingResult, list[Any]]:
        events: list[TrainingEvent] = []
        config = TrainingConfig(
            base_model_path=str(tiny_model_dir),
            train_file=str(file),
            output_dir=str(tmp_path / output),
            **{"n_epochs": 3, "batch_size": 4, "checkpoint_steps": 3, **settings},
        )
        steps = iter(range(1, 10_000))
        return train(config, events.append, lambda: (stop or {}).get(next(steps), "run")), events  # type: ignore[arg-type,return-value]

    return go


def fingerprint(result: TrainingResult) -> str:
    assert result.adapter_dir is not None
    return hashlib.sha256((result.adapter_dir / "adapter_model.safetensors").read_bytes()).hexdigest()


def losses(events: list[TrainingEvent]) -> list[float]:
    return [event.data["train_loss"] for event in events if "train_loss" in event.data]


def test_the_same_seed_gives_the_same_adapter_and_another_does_not(run: Run) -> None:
    first, events = run("a")
    again, _ = run("b")
    other, _ = run("c", seed=7)
    assert (first.status, first.steps, first.rows) == ("succeeded", 12, 16)
    assert fingerprint(first) == fingerprint(again) != fingerprint(other)
    assert losses(events)[-1] < losses(events)[0]
    assert first.trained_tokens == again.trained_tokens > 500


def test_paused_and_resumed_is_bit_equal_to_uninterrupted(run: Run) -> None:
    whole, whole_events = run("whole")
    paused, before = run("parts", stop={5: "pause"})
    assert (paused.status, paused.steps, paused.merged_dir) == ("paused", 5, None)
    resumed, after = run("parts")
    assert resumed.status == "succeeded"
    assert fingerprint(resumed) == fingerprint(whole)
    assert losses(before) + losses(after) == losses(whole_events)
    assert resumed.trained_tokens == whole.trained_tokens


def test_a_checkpoint_that_was_cut_off_is_not_trusted(run: Run, tmp_path: Path) -> None:
    whole, _ = run("whole")
    run("parts", stop={7: "cancel"})
    newest = checkpoints.newest_complete(tmp_path / "parts" / "checkpoints")
    assert newest is not None
    assert checkpoints.step_of(newest) == 6
    # What a kill in the middle of writing step 6 leaves: some files, no mark.
    (newest / checkpoints.MARK).unlink()
    (newest / "optimizer.pt").write_bytes(b"half")
    resumed, events = run("parts")
    assert any(event.message == "going on from step 3" for event in events)
    assert fingerprint(resumed) == fingerprint(whole)


def test_cancel_stops_without_a_model(run: Run, tmp_path: Path) -> None:
    result, _ = run("x", stop={2: "cancel"})
    assert (result.status, result.steps) == ("cancelled", 2)
    assert not (tmp_path / "x" / "merged").exists()


def test_a_loss_that_is_no_number_stops_with_its_step(run: Run) -> None:
    with pytest.raises(TrainingError, match=r"the loss became nan at step \d+; lower learning_rate_multiplier"):
        run("x", learning_rate=1e30, precision="fp32", n_epochs=20)


def test_events_and_metrics_tell_the_run(run: Run, tmp_path: Path) -> None:
    result, events = run("x", validation_file=str(tmp_path / "chats.jsonl"), max_steps=6)
    assert result.validation_loss is not None
    last = [event for event in events if "train_loss" in event.data][-1].data
    assert (last["step"], last["total_steps"], last["seconds_left"]) == (6, 6, 0)
    assert 0 <= last["token_accuracy"] <= 1
    assert [event.data["step"] for event in events if event.kind == "checkpoint"] == [3, 6]
    stored = json.loads((tmp_path / "x" / "metrics.json").read_text())
    assert stored["steps"] == 6
    assert stored["config"]["batch_size"] == 4


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # peft asks for it
def test_the_merged_model_answers_as_base_and_adapter_do(run: Run, tiny_model_dir: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    result, _ = run("x", precision="fp32")
    tokenizer = AutoTokenizer.from_pretrained(result.merged_dir)
    ids = torch.tensor([tokenizer.encode("say la 3")])
    base = AutoModelForCausalLM.from_pretrained(tiny_model_dir, dtype=torch.float32)
    adapted = PeftModel.from_pretrained(base, result.adapter_dir)
    merged = AutoModelForCausalLM.from_pretrained(result.merged_dir, dtype=torch.float32)
    with torch.no_grad():
        wanted, got = adapted(ids).logits, merged(ids).logits
        with adapted.disable_adapter():
            untrained = adapted(ids).logits
    # The merged weights are rounded to bfloat16 once, which is small against what training changed.
    rounding, learnt = (got - wanted).norm() / wanted.norm(), (untrained - wanted).norm() / wanted.norm()
    assert rounding < 0.02 < 0.1 < learnt


def test_only_upper_layers_can_be_trained(run: Run) -> None:
    from safetensors import safe_open

    result, _ = run("x", trained_layers=1, max_steps=1)
    assert result.adapter_dir is not None
    with safe_open(result.adapter_dir / "adapter_model.safetensors", "pt") as tensors:
        layers = {name.split("layers.")[1].split(".")[0] for name in tensors.keys()}  # noqa: SIM118
    assert layers == {"1"}
