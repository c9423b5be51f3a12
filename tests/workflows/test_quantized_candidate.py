"""A fine-tune is measured after export, and what was measured is what is registered, answers and is exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("xllamacpp", reason="the extra `serve` is not installed")
from fine_tuning import LLMService, ModelRegistry
from fine_tuning._util.files import sha256_file
from fine_tuning.errors import DataError
from fine_tuning.export.quantized_model import quantized_weights
from fine_tuning.serving.engine_choice import EngineKind, choose_engine
from fine_tuning.settings import get_settings
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.bakeoff.bakeoff_plan import BakeoffPlan
from fine_tuning.workflows.bakeoff.register_winner import register_winner
from fine_tuning.workflows.bakeoff.run_bakeoff import BakeoffRun
from tests.workflows.test_bakeoff import tickets

KIND = "q8_0"


def test_quantized_fine_tune_is_measured_registered_answers_and_is_exported(
    cli: Any, tmp_path: Path, tiny_model_dir: Path
) -> None:
    file = tickets(tmp_path / "calls.jsonl", 120)
    plan = {"incumbent": "gpt-4o", "heads": False, "fine_tunes": (str(tiny_model_dir),), "quantizations": (KIND,)}
    run = BakeoffRun(
        open_workspace(), BakeoffPlan.of({**plan, "max_tokens": 4}), print, lambda tuner, job: tuner.wait_for_job(job)
    )
    outcome = run.run(str(file))
    name = f"fine-tune: {tiny_model_dir}, {KIND}"
    assert [each["name"] for each in outcome.results] == ["gpt-4o", f"fine-tune: {tiny_model_dir}", name]
    assert outcome.results[2]["latency_p50"]["value"] > 0
    outcome.winner = name  # a tiny model that learnt little is no winner
    version = register_winner(open_workspace(), outcome, "tickets")
    assert version["metadata"]["quantization"] == KIND
    registry = ModelRegistry()
    whole = registry.register_job("tickets", version["job_id"])
    assert (whole["version"], whole["provider_model"]) == (2, None)

    folder = Path(str(version["provider_model"]))
    choice = choose_engine("local", str(folder), get_settings())
    assert (choice.kind, choice.gguf) == (EngineKind.LLAMA_CPP, folder / f"model.{KIND}.gguf")
    assert choice.gguf is not None
    registry.deploy_model("tickets", 1)
    assert LLMService(model="tickets").complete("where is order 12?", max_tokens=4) is not None

    code, _, err = cli("export", "tickets-v1", "--to", "safetensors", "--output", str(tmp_path / "all"))
    assert (code, "--quantize q8_0" in err) == (2, True), err
    code, _, err = cli(
        "export", "tickets-v1", "--to", "gguf", "--quantize", KIND, "--output", str(tmp_path / "out"), "--force"
    )
    assert code == 0, err
    (written,) = (tmp_path / "out").glob("*.gguf")
    assert sha256_file(written) == sha256_file(choice.gguf)

    choice.gguf.write_bytes(choice.gguf.read_bytes()[:5000])
    with pytest.raises(DataError, match="llama.cpp cannot load"):
        quantized_weights(folder)


def test_quantizations_that_are_none_are_refused(cli: Any, tmp_path: Path) -> None:
    file = str(tickets(tmp_path / "calls.jsonl", 60))
    assert cli("bakeoff", file, "--fine-tune", "x", "--quantization", "q9")[0] == 2
    code, _, err = cli("bakeoff", file, "--fine-tune", "x", "--quantization", "f16")
    assert (code, "f16 is what a fine-tune is measured in" in err) == (2, True)
    code, _, err = cli("bakeoff", file, "--quantization", "q4_k")
    assert (code, "name a base model" in err) == (2, True)
