"""What is trained: adapters, adapters on a base in 4 bits, or all weights."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, Gemma2Config, Gemma2ForCausalLM

from fine_tuning import LocalFineTuner
from fine_tuning.errors import MissingDependencyError
from fine_tuning.export import merge
from fine_tuning.training.loop import compiled_layers, trainable_model, training_checkpoints
from fine_tuning.training.loop.batches import RowOrder
from fine_tuning.training.loop.chat_tokens import IGNORED
from fine_tuning.training.loop.trainer_arguments import rows_at_once
from fine_tuning.training.loop.training_config import TrainingConfig
from tests.training.conftest import Run, fingerprint, losses

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_file(folder / "model.safetensors"))


def whole(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def test_full_tuning_trains_all_weights_without_adapter(run: Run, tiny_model_dir: Path, tmp_path: Path) -> None:
    result, events = run("a", tuning="full", learning_rate=1e-3)
    assert losses(events)[-1] < losses(events)[0]
    assert result.adapter_dir is None
    assert result.merged_dir is not None
    before, after = weights(tiny_model_dir), weights(result.merged_dir)
    assert before.keys() == after.keys()
    assert all(each.dtype == torch.float16 for each in after.values())
    assert AutoModelForCausalLM.from_pretrained(result.merged_dir).dtype == torch.bfloat16  # to be computed in
    assert not any(torch.equal(before[name], after[name]) for name in before)
    kept = sorted((tmp_path / "a" / "epochs").iterdir())
    assert [path.name for path in kept] == ["step-12", "step-4", "step-8"]
    for name, each in weights(kept[0]).items():  # the last epoch's end is the end
        assert torch.equal(each, after[name])
    assert (kept[0] / "tokenizer.json").is_file()


def test_save_merged_weights_beyond_float16_are_kept(run: Run, tmp_path: Path) -> None:
    model = whole(run("a", max_steps=1)[0].merged_dir)
    with torch.no_grad():
        model.model.norm.weight[0] = 1e6
    merge.save_merged(model, AutoTokenizer.from_pretrained(tmp_path / "a" / "merged"), tmp_path / "wide")
    kept = whole(tmp_path / "wide").model.norm.weight.detach()[0]
    assert kept.item() == pytest.approx(1e6, rel=0.004)


def test_full_tuning_trained_layers_changes_only_upper_layers(run: Run, tiny_model_dir: Path) -> None:
    result, _ = run("a", tuning="full", trained_layers=1, n_epochs=1, learning_rate=1e-3)
    assert result.merged_dir is not None
    before, after = weights(tiny_model_dir), weights(result.merged_dir)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert len(changed) == 9
    assert all(name.startswith("model.layers.1.") for name in changed)


@pytest.mark.parametrize("tuning", ["full", "qlora"])
def test_tuning_paused_and_resumed_gives_equal_weights(run: Run, tuning: str) -> None:
    found, _ = run("whole", tuning=tuning)
    run("parts", stop={5: "pause"}, tuning=tuning)
    resumed, _ = run("parts", tuning=tuning)
    assert found.merged_dir is not None
    assert resumed.merged_dir is not None
    before, after = weights(found.merged_dir), weights(resumed.merged_dir)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_full_tuning_keep_best_restores_the_best_weights(run: Run, held_out: str, tmp_path: Path) -> None:
    settings = {"learning_rate": 0.01, "eval_steps": 2, "keep_best": True, "validation_file": held_out}
    result, events = run("a", tuning="full", n_epochs=6, **settings)
    found = {event.data["step"]: event.data["valid_loss"] for event in events if "valid_loss" in event.data}
    best = min(found, key=lambda step: found[step])
    assert best != result.steps  # or else there would be nothing to see
    assert result.merged_dir is not None
    kept, taken = weights(tmp_path / "a" / "best" / "weights"), weights(result.merged_dir)
    assert all(torch.equal(kept[name], taken[name]) for name in kept)


def test_qlora_learns_and_its_adapter_fits_the_16_bit_base(run: Run, tiny_model_dir: Path) -> None:
    from peft import PeftModel

    _, plain_events = run("plain")
    result, events = run("a", tuning="qlora")
    assert losses(events)[-1] < losses(events)[0]
    assert losses(events) != losses(plain_events)
    assert losses(events)[0] == pytest.approx(losses(plain_events)[0], rel=0.05)
    assert result.adapter_dir is not None
    assert result.merged_dir is not None
    ids = torch.arange(20)[None]
    with torch.no_grad():
        merged = whole(result.merged_dir)(ids).logits
        adapted = PeftModel.from_pretrained(whole(tiny_model_dir), result.adapter_dir)(ids).logits
    assert (merged - adapted).norm() / adapted.norm() < 0.02
    (said,) = [event.data["needed"] for event in events if "needed" in event.data]
    (plain_said,) = [event.data["needed"] for event in plain_events if "needed" in event.data]
    assert said["weights"] < plain_said["weights"]


def test_qlora_without_bitsandbytes_names_the_extra(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    from importlib.machinery import PathFinder

    find = PathFinder.find_spec
    monkeypatch.setattr(
        PathFinder, "find_spec", lambda name, *rest: None if name == "bitsandbytes" else find(name, *rest)
    )
    monkeypatch.delitem(sys.modules, "bitsandbytes", raising=False)
    tuner = LocalFineTuner()
    with pytest.raises(MissingDependencyError, match=r"pip install -e '\.\[qlora\]'"):
        tuner.check_request(str(tiny_model_dir), tuning="qlora")


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_tuning_micro_batches_give_equal_losses(run: Run, tuning: str) -> None:
    one, events = run("one", tuning=tuning, precision="fp32", batch_size=6)
    parts, in_parts = run("parts", tuning=tuning, precision="fp32", batch_size=6, micro_batch_size=4)
    assert one.steps == parts.steps == 9
    assert losses(in_parts) == pytest.approx(losses(events), abs=1e-4)
    config = TrainingConfig(base_model_path="-", train_file="-", output_dir="-", micro_batch_size=4)
    sizes = [rows_at_once(config.model_copy(update={"batch_size": rows})) for rows in range(1, 7)]
    assert sizes == [1, 2, 3, 4, 1, 3]


def test_output_layer_equals_whole_model() -> None:
    config = Gemma2Config(
        vocab_size=128,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        final_logit_softcapping=3.0,
        initializer_range=0.5,
    )
    torch.manual_seed(0)
    model = Gemma2ForCausalLM(config).eval()
    ids = torch.randint(0, 128, (3, 9))
    labels = torch.where(torch.rand(3, 9) < 0.5, ids, IGNORED)
    wanted = model(ids).logits[:, :-1][labels[:, 1:] != IGNORED]
    trainable_model.compute_labelled_only(model)
    logits, chosen = model(input_ids=ids, labels=labels)
    torch.testing.assert_close(logits, wanted)
    assert chosen.tolist() == labels[:, 1:][labels[:, 1:] != IGNORED].tolist()
    assert wanted.abs().max() > 2  # where the cap bends
    torch.testing.assert_close(model(ids).logits[:, :-1][labels[:, 1:] != IGNORED], wanted)


@pytest.mark.parametrize("grouped", [True, False])
def test_row_order_steps_are_independent_of_workers(grouped: bool) -> None:
    lengths = [5, 3, 9, 1, 7, 2, 8, 4, 6, 10]
    alone = list(RowOrder(lengths, 4, 0, seed=1, grouped=grouped))
    assert sorted(alone) == list(range(10))
    for places in (4, 6):
        shared = list(RowOrder(lengths, 4, places, seed=1, grouped=grouped))
        assert len(shared) == 3 * places == len(RowOrder(lengths, 4, places, seed=1, grouped=grouped))
        steps = [shared[at : at + places] for at in range(0, len(shared), places)]
        assert [[row for row in step if row != 10] for step in steps] == [alone[:4], alone[4:8], alone[8:]]


def test_row_order_grouped_rows_are_of_similar_length() -> None:
    lengths = [place * 37 % 64 for place in range(64)]
    spreads = {}
    for grouped in (True, False):
        order = [lengths[row] for row in RowOrder(lengths, 4, 0, seed=1, grouped=grouped)]
        assert sorted(order) == list(range(64))
        steps = [order[at : at + 4] for at in range(0, 64, 4)]
        spreads[grouped] = sum(max(step) - min(step) for step in steps)
    assert spreads[True] < spreads[False] / 2


@pytest.mark.skipif(not compiled_layers.has_compiler(), reason="there is no C++ compiler")
def test_compiled_layers_resumed_from_a_checkpoint_give_equal_weights(
    run: Run, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(compiled_layers.CACHE, str(tmp_path / "compiled"))
    _, plain = run("plain")
    whole, events = run("whole", compile_layers=True)
    assert losses(events) == pytest.approx(losses(plain), abs=0.05)  # bf16, rounded at other places
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")  # as if it had been killed before its last checkpoint
    shutil.rmtree(max((tmp_path / "parts").rglob("checkpoint-*"), key=training_checkpoints.step_of))
    resumed, events = run("parts")  # as it began, whatever would be chosen now
    (start,) = [event.data["step"] for event in events if event.kind == "start"]
    assert 0 < start < whole.steps
    assert fingerprint(resumed) == fingerprint(whole)
    config = TrainingConfig(base_model_path=str(tiny_model_dir), train_file="-", output_dir="-")
    found = {
        name: compiled_layers.is_kept(trainable_model.causal(trainable_model.load(config.model_copy(update=more))))
        for name, more in {"same": {}, "rank": {"lora_rank": 4}}.items()
    }
    assert found == {"same": True, "rank": False}


def test_training_that_began_without_compiled_layers_goes_on_without(run: Run) -> None:
    whole, _ = run("whole")
    run("parts", stop={5: "pause"})
    resumed, events = run("parts", compile_layers=True)
    assert fingerprint(resumed) == fingerprint(whole)
    assert not any("compiling" in event.message for event in events)


def test_compiled_layers_default_only_for_long_trainings() -> None:
    folders: dict[str, Any] = {"base_model_path": "-", "train_file": "-", "output_dir": "-"}
    config = TrainingConfig(**folders)
    assert not compiled_layers.is_wanted(config, 135_000_000, 20_000)
    assert compiled_layers.is_wanted(config, 135_000_000, 2_000_000) == compiled_layers.has_compiler()
    assert not compiled_layers.is_wanted(config, 135_000_000, 40_000)
    assert compiled_layers.is_wanted(config, 135_000_000, 40_000, kept=True) == compiled_layers.has_compiler()
    assert not compiled_layers.is_wanted(config.model_copy(update={"tuning": "qlora"}), 135_000_000, 2_000_000)
    assert not compiled_layers.is_wanted(config.model_copy(update={"compile_layers": False}), 135_000_000, 2_000_000)
    assert compiled_layers.is_wanted(config.model_copy(update={"compile_layers": True}), 1, 1)
