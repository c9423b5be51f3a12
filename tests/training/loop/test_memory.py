"""A training that does not fit: told beforehand, and made to fit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from transformers.models.llama.modeling_llama import LlamaMLP

from fine_tuning.errors import TrainingError
from fine_tuning.training.loop.checkpointed_layers import is_wanted
from fine_tuning.training.loop.memory_estimate import Needed
from fine_tuning.training.loop.micro_batch import with_fewer_rows
from fine_tuning.training.loop.training_config import TrainingConfig
from tests.training.conftest import Run, losses

# Lets the address space grow by so many bytes from the moment at which the training proper begins.
LIMITED = """
import json, resource, sys
from pathlib import Path
from fine_tuning.errors import TrainingError
from fine_tuning.training.loop.training_config import TrainingConfig
from fine_tuning.training.loop.train import train

room, settings = json.loads(sys.argv[1])
told, start, grown = [], 0, 0

def size(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

def on_event(event):
    global start, grown
    told.append((event.kind, event.message, event.data))
    if event.kind == "metrics":
        grown = size("VmPeak") - start
    if event.kind == "start" and not start:
        start = size("VmSize")
        if room is not None:
            resource.setrlimit(resource.RLIMIT_AS, (start + room, start + room))

try:
    result = train(TrainingConfig(**settings), on_event, lambda: "run").as_dict()
except TrainingError as error:
    result = str(error)
print(json.dumps([result, told, grown]))
"""


def trained(
    settings: dict[str, object], room: int | None
) -> tuple[object, list[tuple[str, str, dict[str, float]]], int]:
    """The result, what was told, and the bytes that the address space grew by."""
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, json.dumps([room, settings])],
        env={**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return tuple(json.loads(ran.stdout.splitlines()[-1]))  # type: ignore[return-value]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space as Linux counts it")
def test_train_out_of_memory_continues_with_smaller_micro_batch(tiny_model_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "long.jsonl"
    answers = [" ".join(f"{n} la" for n in range(start, start + 60)) for start in range(32)]
    rows = [[{"role": "user", "content": "sing"}, {"role": "assistant", "content": each}] for each in answers]
    file.write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows))
    settings = {
        "base_model_path": str(tiny_model_dir),
        "train_file": str(file),
        "n_epochs": 2,
        "batch_size": 16,
        "checkpoint_steps": 1,
        "precision": "fp32",
    }
    whole, at_ease, grown = trained({**settings, "output_dir": str(tmp_path / "whole")}, None)
    done, told, _ = trained({**settings, "output_dir": str(tmp_path / "tight")}, grown * 3 // 4)
    assert isinstance(whole, dict)
    assert isinstance(done, dict)
    assert done["status"] == "succeeded"
    said = [message for _, message, _ in told if message.startswith("out of memory")]
    assert said
    assert said[0] == "out of memory with 16 rows at once; continuing with 8 at once"
    losses = [[data["train_loss"] for kind, _, data in each if kind == "metrics"] for each in (at_ease, told)]
    assert len(losses[0]) == 4
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)
    assert done["trained_tokens"] == whole["trained_tokens"]


def test_with_fewer_rows_halves_micro_batch_down_to_one() -> None:
    config = TrainingConfig(base_model_path="-", train_file="-", output_dir="-", batch_size=6)
    assert with_fewer_rows(config, 6).micro_batch_size == 3
    assert with_fewer_rows(config, 3).micro_batch_size == 1
    with pytest.raises(TrainingError, match="one row at a time"):
        with_fewer_rows(config, 1)


def test_gradient_checkpointing_gives_equal_losses_and_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []
    forward = LlamaMLP.forward
    monkeypatch.setattr(LlamaMLP, "forward", lambda *args: (computed.append(1), forward(*args))[1])
    found = {}
    for checkpointing in (False, True):
        computed.clear()
        settings = {"precision": "fp32", "max_steps": 2, "gradient_checkpointing": checkpointing}
        _, events = run(f"checkpointing-{checkpointing}", **settings)
        said = [event.message for event in events if "gradient checkpointing" in event.message]
        needed = next(event.data["needed"] for event in events if "needed" in event.data)
        found[checkpointing] = losses(events), len(computed), len(said), needed["activations"]
    (plain, once, unsaid, whole), (again, twice, said, less) = found[False], found[True]
    assert again == pytest.approx(plain, abs=1e-4)
    assert twice == once + 2 * 2  # two layers in two steps
    assert (unsaid, said) == (0, 1)
    assert less < whole


@pytest.mark.parametrize(("available", "expected"), [(99, False), (100, True), (199, True), (200, False)])
def test_gradient_checkpointing_only_where_memory_fits_thereby(available: int, expected: bool) -> None:
    config = TrainingConfig(base_model_path="-", train_file="-", output_dir="-")
    plain, less = Needed(50, 20, 120, 10), Needed(50, 20, 20, 10)
    assert is_wanted(config, plain, less, available) is expected
    for chosen in (True, False):
        fixed = config.model_copy(update={"gradient_checkpointing": chosen})
        assert is_wanted(fixed, plain, less, available) is chosen
