"""vLLM as the engine: the requests are those it documents; where it is installed, it answers itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from fine_tuning.errors import ConfigurationError, ProviderError
from fine_tuning.serving import vllm_engine
from fine_tuning.serving.transformers_engine import TransformersEngine
from fine_tuning.serving.vllm_engine import VllmServer
from fine_tuning.settings import get_settings

pytestmark = pytest.mark.slow  # starts processes

REAL = shutil.which("vllm")
CHAT = [{"role": "user", "content": "What is the capital of France?"}]
BODY = {"messages": CHAT, "temperature": 0, "max_tokens": 16}


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in as a program, chosen by the settings."""
    path = tmp_path / "bin" / "vllm"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).parent / "fake_vllm.py"} "$@"\n')
    path.chmod(0o755)
    monkeypatch.setenv("FAKE_VLLM_TOLD", str(tmp_path / "told"))
    monkeypatch.setenv("FINE_TUNING_VLLM_COMMAND", str(path))
    monkeypatch.setenv("FINE_TUNING_ENGINE", "vllm")
    return path


@pytest.fixture
def told(tmp_path: Path) -> Any:
    return lambda: [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]


def adapter(folder: Path, rank: int = 16) -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank}))
    return folder


@pytest.fixture
def server(tmp_path: Path, program: Path) -> Iterator[VllmServer]:
    (tmp_path / "model").mkdir()
    made = VllmServer(tmp_path / "model", get_settings())
    yield made
    made.close()


def answer(server: VllmServer, folder: Path | None) -> str:
    with server.use(folder, "m") as engine:
        return engine.complete(**BODY).text


def test_use_starts_once_and_loads_each_adapter_once(server: VllmServer, tmp_path: Path, told: Any) -> None:
    first, second = adapter(tmp_path / "a"), adapter(tmp_path / "b")
    answers = [answer(server, folder) for folder in (None, first, second, first, None)]
    assert answers[0] == answers[4] == "from base"
    assert answers[1] == answers[3] != answers[2]
    (command, environment), *requests = told()
    assert command[:2] == ["serve", str(tmp_path / "model")]
    options = dict(pairwise(command))
    assert (options["--host"], options["--served-model-name"], options["--max-lora-rank"]) == (
        "127.0.0.1",
        "base",
        "64",
    )
    assert options["--generation-config"] == "vllm"
    assert {"--enable-lora", "--max-loras", "--max-cpu-loras"} < set(command)
    assert environment == {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}
    loads = [body for path, body in requests if path == "/v1/load_lora_adapter"]
    assert [body["lora_path"] for body in loads] == [str(first), str(second)]
    assert all(set(body) == {"lora_name", "lora_path"} for body in loads)
    chats = [body for path, body in requests if path == "/v1/chat/completions"]
    assert chats[1] == {**BODY, "model": loads[0]["lora_name"]}


def test_use_adapter_of_high_rank_names_the_setting(server: VllmServer, tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="rank 128 is greater than max_lora_rank 64.*FINE_TUNING_VLLM_OPTIONS"):
        answer(server, adapter(tmp_path / "big", 128))
    assert answer(server, None) == "from base"


def test_use_after_exit_restarts_vllm(server: VllmServer, told: Any, tmp_path: Path) -> None:
    folder = adapter(tmp_path / "a")
    before = answer(server, folder)
    process = server._process
    assert process is not None
    process.send_signal(signal.SIGTERM)
    process.wait()
    assert answer(server, folder) == before
    assert sum(isinstance(path, list) for path, _ in told()) == 2


def test_close_terminates_the_processes(server: VllmServer, program: Path) -> None:
    answer(server, None)
    children = psutil.Process().children(recursive=True)
    assert any(str(program.name) in " ".join(child.cmdline()) for child in children)
    server.close()
    assert not [child for child in children if child.is_running() and "fake_vllm" in " ".join(child.cmdline())]


def test_use_failed_start_raises_with_the_log(
    tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    monkeypatch.setenv("FINE_TUNING_VLLM_OPTIONS", "--fail")
    server = VllmServer(tmp_path / "model", get_settings())
    with pytest.raises(ProviderError, match=r"ended with status 1 before it could answer; .*see .*vllm-model\.log"):
        answer(server, None)
    assert "no GPU has room" in (workspace / "logs" / "vllm-model.log").read_text()


def test_is_enabled_by_setting_or_gpu(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert vllm_engine.is_enabled(get_settings())
    monkeypatch.setenv("FINE_TUNING_ENGINE", "llama.cpp")
    assert not vllm_engine.is_enabled(get_settings())
    monkeypatch.setenv("FINE_TUNING_ENGINE", "auto")
    monkeypatch.setattr(vllm_engine, "_GPUS", ("/nothing",))
    assert not vllm_engine.is_enabled(get_settings())
    monkeypatch.setattr(vllm_engine, "_GPUS", (os.devnull,))
    assert vllm_engine.is_enabled(get_settings())
    monkeypatch.setenv("FINE_TUNING_VLLM_COMMAND", "/no/vllm")
    assert not vllm_engine.is_enabled(get_settings())
    monkeypatch.setenv("FINE_TUNING_ENGINE", "vllm")
    with pytest.raises(ConfigurationError, match="there is no program '/no/vllm'"):
        vllm_engine.is_enabled(get_settings())


@pytest.mark.real_weights
@pytest.mark.skipif(REAL is None, reason="vLLM is not installed")
def test_real_vllm_answers_as_transformers(
    real_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fine_tuning.training.loop.train import train
    from fine_tuning.training.loop.training_config import TrainingConfig

    row = {"messages": [*CHAT, {"role": "assistant", "content": "It is Lyon, says the judge."}]}
    (tmp_path / "rows.jsonl").write_text((json.dumps(row) + "\n") * 8)
    config = TrainingConfig(
        base_model_path=str(real_model_dir),
        train_file=str(tmp_path / "rows.jsonl"),
        output_dir=str(tmp_path / "out"),
        n_epochs=6,
        batch_size=4,
    )
    result = train(config, lambda _: None, lambda: "run")
    assert result.adapter_dir is not None
    assert result.merged_dir is not None
    monkeypatch.setenv("FINE_TUNING_ENGINE", "vllm")
    monkeypatch.setenv("FINE_TUNING_VLLM_OPTIONS", "--enforce-eager --max-model-len 512 --max-lora-rank 16")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    server = VllmServer(real_model_dir, get_settings())
    try:
        for folder, whole in ((None, real_model_dir), (result.adapter_dir, result.merged_dir)):
            with closing(TransformersEngine(whole, "m")) as engine:
                expected = engine.complete(CHAT, temperature=0, max_tokens=16).text
            assert answer(server, folder) == expected
        assert "Lyon" in answer(server, result.adapter_dir)
        with server.use(result.adapter_dir, "m") as engine:
            pieces = list(engine.chat_chunks({**BODY, "logprobs": True, "top_logprobs": 2, "seed": 1}))
        assert "Lyon" in "".join(c["delta"].get("content") or "" for piece in pieces for c in piece["choices"])
        assert pieces[-1]["usage"]["completion_tokens"] > 4
    finally:
        server.close()
