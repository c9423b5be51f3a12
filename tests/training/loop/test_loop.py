"""The training loop: reproducible, resumable, and honest about how it went."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from fine_tuning import LocalFineTuner
from fine_tuning.errors import MissingDependencyError, TrainingError, UsageError
from fine_tuning.training.loop import memory_estimate, training_checkpoints
from fine_tuning.training.loop.divergence import Divergence
from fine_tuning.training.loop.training_events import TrainingEvent
from tests.training.conftest import Run, fingerprint, losses


def test_train_same_seed_gives_the_same_adapter(run: Run) -> None:
    first, events = run("a")
    again, _ = run("b")
    other, _ = run("c", seed=7)
    assert (first.status, first.steps, first.rows) == ("succeeded", 12, 16)
    assert fingerprint(first) == fingerprint(again) != fingerprint(other)
    assert losses(events)[-1] < losses(events)[0]
    assert first.trained_tokens == again.trained_tokens > 500


def test_train_paused_and_resumed_is_bit_equal(run: Run) -> None:
    whole, whole_events = run("whole")
    paused, before = run("parts", stop={5: "pause"})
    assert (paused.status, paused.steps, paused.merged_dir) == ("paused", 5, None)
    resumed, after = run("parts")
    assert resumed.status == "succeeded"
    assert fingerprint(resumed) == fingerprint(whole)
    assert losses(before) + losses(after) == losses(whole_events)
    assert resumed.trained_tokens == whole.trained_tokens


def test_train_incomplete_checkpoint_is_ignored(run: Run, tmp_path: Path) -> None:
    whole, _ = run("whole")
    run("parts", stop={7: "cancel"})
    newest = training_checkpoints.newest_complete(tmp_path / "parts" / "checkpoints")
    assert newest is not None
    assert training_checkpoints.step_of(newest) == 6
    # What a kill in the middle of writing step 6 leaves: some files, no mark.
    (newest / training_checkpoints.MARK).unlink()
    (newest / "optimizer.pt").write_bytes(b"half")
    resumed, events = run("parts")
    assert any(event.message == "resuming from step 3" for event in events)
    assert fingerprint(resumed) == fingerprint(whole)


def test_train_cancelled_leaves_no_model(run: Run, tmp_path: Path) -> None:
    result, _ = run("x", stop={2: "cancel"})
    assert (result.status, result.steps) == ("cancelled", 2)
    assert not (tmp_path / "x" / "merged").exists()


def test_train_nan_loss_stops_with_its_step(run: Run) -> None:
    words = r"the loss became nan at step \d+ with the rows of lines \d+, \d+, \d+, \d+; lower learning_rate_mult"
    with pytest.raises(TrainingError, match=words):
        run("x", learning_rate=1e30, precision="fp32", n_epochs=20)


def test_train_diverged_loss_stops() -> None:
    divergence = Divergence(1000)  # guessing costs 6.9
    assert divergence.reason(2.0) is None
    assert [divergence.reason(9.0) for _ in range(19)] == [None] * 19
    assert divergence.reason(5.0) is None
    found = [divergence.reason(9.0) for _ in range(20)]
    assert found[:19] == [None] * 19
    assert found[19] == "the loss has been above 6.84, no better than guessing, for 20 steps"
    bad_start = Divergence(1000)
    assert [bad_start.reason(20.0) for _ in range(50)] == [None] * 50
    assert bad_start.reason(float("inf")) == "the loss became inf"


def test_train_reports_events_and_metrics(run: Run, tmp_path: Path) -> None:
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
def test_train_merged_model_answers_as_base_with_adapter(run: Run, tiny_model_dir: Path) -> None:
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
    # The merged weights are rounded to float16 once, which is small against what training changed.
    rounding, learnt = (got - wanted).norm() / wanted.norm(), (untrained - wanted).norm() / wanted.norm()
    assert rounding < 0.002 < 0.1 < learnt


def test_train_reports_memory_estimate_before_the_first_step(run: Run) -> None:
    _, events = run("a", n_epochs=1)
    (place,) = [at for at, event in enumerate(events) if "GB of memory are needed" in event.message]
    assert place < next(at for at, event in enumerate(events) if event.kind == "metrics")
    assert set(events[place].data["needed"]) == {"weights", "trained", "activations", "logits"}
    assert all(size > 0 for size in events[place].data["needed"].values())
    need = memory_estimate.Needed(weights=10**9, trained=2 * 10**9, activations=3 * 10**9, logits=4 * 10**9)
    assert "it may not fit; lower micro_batch_size" in memory_estimate.summary(need, 10**9)
    assert memory_estimate.summary(need, 10**11).endswith("100.00 GB are free")


def validations(events: list[TrainingEvent]) -> dict[int, float]:
    return {event.data["step"]: event.data["valid_loss"] for event in events if "valid_loss" in event.data}


def weights(folder: Path) -> dict[str, Any]:
    return {name: each.tolist() for name, each in load_file(folder / "adapter_model.safetensors").items()}


def test_train_early_stopping_ends_after_best_validation(run: Run, held_out: str, tmp_path: Path) -> None:
    result, events = run("a", validation_file=held_out, n_epochs=40, eval_steps=2, early_stopping=3, learning_rate=0.02)
    losses = validations(events)
    best = min(losses, key=lambda step: losses[step])
    assert result.status == "succeeded"
    assert result.steps == best + 6 < 160
    assert result.adapter_dir is not None
    assert weights(result.adapter_dir) == weights(tmp_path / "a" / "best" / "weights")
    said = [event.message for event in events if event.kind == "message"]
    assert f"stopped early: the validation loss was lowest at step {best}, 3 validations ago" in said
    assert f"the weights of step {best} are kept: their validation loss was lowest" in said


def test_train_keep_best_after_a_pause_keeps_the_best(run: Run, held_out: str) -> None:
    settings = {"validation_file": held_out, "n_epochs": 6, "eval_steps": 2, "keep_best": True, "learning_rate": 0.02}
    whole, events = run("whole", **settings)
    losses = validations(events)
    assert min(losses, key=lambda step: losses[step]) < max(losses)  # or else there would be nothing to see
    run("parts", stop={13: "pause"}, **settings)
    resumed, _ = run("parts", **settings)
    assert fingerprint(resumed) == fingerprint(whole)


def test_train_keep_best_without_validation_file_raises(run: Run) -> None:
    with pytest.raises(UsageError, match="needs the loss of a validation file"):
        run("a", keep_best=True)


@pytest.mark.filterwarnings("ignore")
def test_train_report_to_tensorboard_writes_losses(run: Run, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, events = run("a", n_epochs=1, report_to=("tensorboard",))
    (written,) = (tmp_path / "a").rglob("events.out.tfevents.*")
    told = EventAccumulator(str(written)).Reload().Scalars("train/loss")
    assert [point.value for point in told] == pytest.approx(losses(events))


@pytest.mark.filterwarnings("ignore")
def test_train_report_to_mlflow_writes_losses(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "lamp")
    _, events = run("a", n_epochs=1, report_to=("mlflow",))
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    experiment = client.get_experiment_by_name("lamp")
    (tracked,) = client.search_runs([experiment.experiment_id])
    assert [point.value for point in client.get_metric_history(tracked.info.run_id, "loss")] == losses(events)


def test_create_job_invalid_tracker_or_validation_raises(tiny_model_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "d.jsonl"
    row = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
    file.write_text(f"{json.dumps(row)}\n" * 10)
    tuner = LocalFineTuner()
    uploaded = tuner.upload_training_file(file)
    with pytest.raises(UsageError, match="early_stopping: needs the loss of a validation file"):
        tuner.create_fine_tuning_job(str(tiny_model_dir), uploaded, early_stopping=2)
    with pytest.raises(UsageError, match="report_to"):
        tuner.create_fine_tuning_job(str(tiny_model_dir), uploaded, report_to=["paper"])
    with pytest.raises(MissingDependencyError, match="wandb"):
        tuner.create_fine_tuning_job(str(tiny_model_dir), uploaded, report_to=["wandb"])
    assert tuner.list_jobs() == []


def test_train_trained_layers_trains_only_upper_layers(run: Run) -> None:
    from safetensors import safe_open

    result, _ = run("x", trained_layers=1, max_steps=1)
    assert result.adapter_dir is not None
    with safe_open(result.adapter_dir / "adapter_model.safetensors", "pt") as tensors:
        layers = {name.split("layers.")[1].split(".")[0] for name in tensors.keys()}  # noqa: SIM118
    assert layers == {"1"}


def test_train_rows_beyond_context_length_are_listed(run: Run, tmp_path: Path) -> None:
    long = {"messages": [{"role": "user", "content": "why"}, {"role": "assistant", "content": "so " * 700}]}
    file = tmp_path / "long.jsonl"
    file.write_text(json.dumps(long) + "\n")
    _, events = run("a", max_steps=1, max_length=100_000, validation_file=str(file))
    assert "1 rows of the validation file longer than 512 tokens were truncated: lines 1" in [e.message for e in events]


def test_divergence_loss_above_guessing_is_reported() -> None:
    tokens, pairs = Divergence(49_152), Divergence(2, parts=2)
    assert tokens.reason(2.0) is None
    told = [tokens.reason(10.8) for _ in range(20)]
    assert told[:-1] == [None] * 19
    assert told[-1] == "the loss has been above 10.69, no better than guessing, for 20 steps"
    assert pairs.reason(0.69) is None
    assert [pairs.reason(8.0) for _ in range(40)].index(
        "the loss has been above 1.38, no better than guessing, for 20 steps"
    ) == 39
