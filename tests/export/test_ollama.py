"""Modelfiles, scripts, and what is sent to Ollama."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fine_tuning import OllamaFineTuner
from fine_tuning.errors import NotFoundError, ProviderError, UsageError


def test_a_modelfile_has_the_training_template_and_no_invented_parameter(tiny_model_dir: Path) -> None:
    text = Path(OllamaFineTuner().create_ollama_modelfile(tiny_model_dir, "mine", 'Say "hi".')).read_text()
    assert text.startswith(f"FROM {tiny_model_dir}\n")
    assert "<|im_start|>{{ .Role }}" in text
    assert 'PARAMETER stop "<|im_end|>"' in text
    assert 'SYSTEM """Say "hi"."""' in text
    parameters = {line.split()[1] for line in text.splitlines() if line.startswith("PARAMETER")}
    assert parameters == {"stop", "num_ctx"}
    assert "ADAPTER" not in text


def test_a_gguf_file_keeps_its_own_template(tmp_path: Path) -> None:
    text = Path(OllamaFineTuner().create_ollama_modelfile(tmp_path / "m.gguf", "mine")).read_text()
    assert "TEMPLATE" not in text
    with pytest.raises(UsageError, match="no Ollama model name"):
        OllamaFineTuner().create_ollama_modelfile(tmp_path / "m.gguf", "my model; rm")


def test_the_script_is_python_whatever_the_names_hold(tmp_path: Path) -> None:
    tuner = OllamaFineTuner()
    odd = 'base"""\nimport os  # $x'
    path = Path(tuner.generate_unsloth_script(odd, tmp_path / 'da"ta.json', "mine"))
    compile(path.read_text(), str(path), "exec")
    missing = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=False)
    assert missing.returncode == 1
    assert "no data set at" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_estimates_follow_the_arithmetic() -> None:
    estimate = OllamaFineTuner().estimate_training_time(500, num_epochs=3, gpu_type="A100", parameters=7e9)
    assert estimate["total_tokens"] == 300_000
    assert estimate["tokens_per_second"] == pytest.approx(312e12 * 0.4 / (4 * 7e9))
    assert estimate["estimated_hours"] == pytest.approx(estimate["estimated_seconds"] / 3600)
    with pytest.raises(UsageError, match="unknown gpu_type 'abacus'; use one of h200"):
        OllamaFineTuner().estimate_training_time(5, gpu_type="abacus")


def test_ollama_that_is_not_there_and_weights_that_are_not_there(tiny_model_dir: Path, tmp_path: Path) -> None:
    tuner = OllamaFineTuner("http://127.0.0.1:9")
    with pytest.raises(ProviderError, match="cannot reach Ollama at http://127.0.0.1:9"):
        tuner.create(tiny_model_dir, "mine")
    with pytest.raises(NotFoundError, match="no weights at"):
        tuner.create(tmp_path, "mine")


def test_config_is_checked_and_kept(workspace: Path) -> None:
    config = OllamaFineTuner().create_fine_tuning_config("llama2", "d.json", "mine", num_epochs=2)
    assert Path(config["config_path"]).is_file()
    assert config["num_epochs"] == 2
    with pytest.raises(UsageError, match="batch_size must be greater than 0, not 0"):
        OllamaFineTuner().create_fine_tuning_config("llama2", "d.json", "mine", batch_size=0)
