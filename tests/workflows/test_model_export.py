"""Exports of a trained model: files, parity, and refused requests."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from fine_tuning import ModelRegistry
from fine_tuning._util.files import atomic_folder, sha256_file
from fine_tuning.base_models import catalogue
from fine_tuning.base_models.quiet_libraries import quiet
from fine_tuning.errors import ConflictError, DataError, NotFoundError, ProviderError, UsageError
from fine_tuning.store import exports
from fine_tuning.store.database import open_database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.model_export import ExportPlan, export_model
from tests import wire


def test_export_gguf_records_parity(trained: dict[str, Any], tmp_path: Path, cli: Any) -> None:
    code, out, err = cli(
        "export",
        "orders",
        "--to",
        "gguf",
        "--quantize",
        "F16",
        "--output",
        str(tmp_path / "o"),
        "--prompts",
        "3",
        "--json",
    )
    assert code == 0, err
    told = json.loads(out)
    weights = tmp_path / "o" / "orders-v1.f16.gguf"
    assert (told["folder"], told["weights"]) == (str(tmp_path / "o"), str(weights))
    assert shlex.split(told["command"])[:3] == ["llama-server", "-m", str(weights)]
    assert weights.read_bytes()[:4] == b"GGUF"
    assert {what: each["prompts_alike"] for what, each in told["parity"].items()} == {"merged": 3, "exported": 3}
    assert all(each["passed"] for each in told["parity"].values())
    assert "exported (f16) | 3 of 3" in (tmp_path / "o" / "README.md").read_text()
    with open_database().read() as tx:
        (kept,) = exports.of_version(tx, "orders", 1)
    assert (kept["job_id"], kept["target"], kept["quantization"]) == (trained["job_id"], "gguf", "f16")
    assert kept["sha256"] == sha256_file(weights)
    assert kept["parity"] == told["parity"]
    assert "gguf f16" in cli("lineage", "orders")[1]
    assert cli("export", "orders", "--to", "gguf", "--output", str(tmp_path / "o"))[0] == 1  # it is not empty


def test_export_adapter_checks_parity_on_its_base(trained: dict[str, Any], tmp_path: Path, cli: Any) -> None:
    code, out, err = cli("export", "orders", "--to", "adapter", "--output", str(tmp_path / "o"), "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["weights"] == str(tmp_path / "o" / "orders-v1.adapter.gguf")
    command = shlex.split(told["command"])
    assert command[:2] == ["llama-server", "-m"]
    assert Path(command[2]).read_bytes()[:4] == b"GGUF"
    assert command[3:5] == ["--lora", told["weights"]]
    assert Path(told["weights"]).stat().st_size < Path(command[2]).stat().st_size
    assert told["parity"]["exported"]["passed"]
    with pytest.raises(UsageError, match="adapter keeps the weights as they are"):
        export_model(ExportPlan("orders", "adapter", tmp_path / "x", quantize="q8_0"), workspace=open_workspace())


def test_export_peft_loads_on_its_base(trained: dict[str, Any], tiny_model_dir: Path, tmp_path: Path, cli: Any) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    code, out, err = cli("export", "orders", "--to", "peft", "--output", str(tmp_path / "o"), "--json")
    assert code == 0, err
    told = json.loads(out)
    config = json.loads((tmp_path / "o" / "adapter_config.json").read_text())
    base = config["base_model_name_or_path"]
    assert (Path(base) / "config.json").is_file()  # a folder, which has no id at the hub
    assert shlex.split(told["command"]) == [
        *("vllm", "serve", base, "--enable-lora", "--lora-modules", f"orders-v1={tmp_path / 'o'}")
    ]
    assert told["parity"]["merged"]["passed"]
    with quiet():
        network = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), str(tmp_path / "o"))
    assert network.peft_config["default"].r > 0
    assert AutoTokenizer.from_pretrained(tmp_path / "o").chat_template


def test_base_models_are_named_as_others_find_them(tiny_model_dir: Path) -> None:
    assert catalogue.hub_id("smollm2-135m-instruct") == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert catalogue.hub_id("Qwen/Qwen3-0.6B") == "Qwen/Qwen3-0.6B"
    assert catalogue.hub_id(str(tiny_model_dir)) is None


def test_export_vllm_writes_folder_and_command(trained: dict[str, Any], tmp_path: Path, cli: Any) -> None:
    code, out, _ = cli("export", "orders-v1", "--to", "vllm", "--output", str(tmp_path / "with space"))
    assert code == 0
    command = shlex.split(out.strip().splitlines()[-1])
    assert command == [
        "vllm",
        "serve",
        str(tmp_path / "with space"),
        "--served-model-name",
        "orders-v1",
        "--generation-config",
        "vllm",
    ]
    assert (tmp_path / "with space" / "model.safetensors").is_file()
    assert (tmp_path / "with space" / "tokenizer.json").is_file()


def test_export_ollama_writes_modelfile_and_creates_model(
    trained: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    with wire.host() as host:
        monkeypatch.setenv("OLLAMA_HOST", host.url.removesuffix("/v1"))
        host.answers["GET /api/tags"] = (200, {"models": []})
        host.answers["POST /api/create"] = (200, [{"status": "success"}])
        host.answers["POST /api/blobs/*"] = (201, {})
        done = export_model(
            ExportPlan("orders", "ollama", tmp_path / "o", prompts=2, create=True),
            workspace=open_workspace(),
            on_message=heard.append,
        )
    (created,) = host.asked("POST /api/create")
    assert created.body["files"] == {"orders-v1.f16.gguf": f"sha256:{sha256_file(done.weights)}"}
    assert "<|im_start|>{{ .Role }}" in created.body["template"]
    assert heard[-1] == "success"
    text = (tmp_path / "o" / "Modelfile").read_text()
    assert text.startswith("FROM ./orders-v1.f16.gguf\n")
    assert 'PARAMETER stop "<|im_end|>"' in text
    assert shlex.split(done.command) == ["ollama", "create", "orders-v1", "-f", str(tmp_path / "o" / "Modelfile")]


def test_export_changed_chat_template_fails_parity(trained: dict[str, Any], tmp_path: Path, workspace: Path) -> None:
    template = workspace / "artifacts" / trained["job_id"] / "merged" / "chat_template.jinja"
    template.write_text("{% for m in messages %}USER SAYS {{ m['content'] }}{% endfor %}BOT:")
    for target in ("safetensors", "gguf"):
        with pytest.raises(
            ConflictError, match="0 of 2 prompts have identical tokens.* chat template gives a different text"
        ):
            export_model(ExportPlan("orders", target, tmp_path / target, prompts=2), workspace=open_workspace())  # type: ignore[arg-type]


def test_export_unreachable_ollama_writes_nothing(
    trained: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    with pytest.raises(ProviderError, match="cannot reach Ollama"):
        export_model(ExportPlan("orders", "ollama", tmp_path / "o", create=True), workspace=open_workspace())
    assert not (tmp_path / "o").exists()


def test_export_damaged_weights_or_existing_file_raise(
    trained: dict[str, Any], tmp_path: Path, workspace: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConflictError, match="is not a folder"):
        export_model(ExportPlan("orders", "gguf", tmp_path / "file"), workspace=open_workspace())
    weights = workspace / "artifacts" / trained["job_id"] / "merged" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(DataError, match="is not a readable"):
        export_model(ExportPlan("orders", "vllm", tmp_path / "v", prompts=1), workspace=open_workspace())
    weights.unlink()
    with pytest.raises(NotFoundError, match="there are no weights"):
        export_model(ExportPlan("orders", "safetensors", tmp_path / "s", prompts=1), workspace=open_workspace())
    assert not (tmp_path / "s").exists()


def test_export_failed_parity_needs_force(trained: dict[str, Any], tmp_path: Path, cli: Any, workspace: Path) -> None:
    file = workspace / "artifacts" / trained["job_id"] / "merged" / "model.safetensors"
    weights = load_file(file)
    weights["model.layers.1.mlp.down_proj.weight"] *= -3
    save_file(weights, file, metadata={"format": "pt"})
    arguments = ("export", "orders", "--to", "gguf", "--output", str(tmp_path / "o"), "--prompts", "2")
    code, _, err = cli(*arguments)
    assert code == 1
    assert "the merged model of orders-v1 differs from its trainer's: 2 of 2 prompts have identical tokens" in err
    assert "where the trainer's model predicts" in err
    assert "Traceback" not in err
    assert not (tmp_path / "o").exists()
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []
    assert cli(*arguments, "--force")[0] == 0
    assert (tmp_path / "o" / "orders-v1.f16.gguf").is_file()
    with open_database().read() as tx:
        (kept,) = exports.of_version(tx, "orders", 1)
    assert [each["passed"] for each in kept["parity"].values()] == [False, False]
    assert "not alike" in cli("lineage", "orders")[1]


def test_export_missing_adapter_uses_merged_model_as_reference(
    trained: dict[str, Any], tmp_path: Path, workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(workspace / "artifacts" / trained["job_id"] / "adapter")
    done = export_model(ExportPlan("orders", "gguf", tmp_path / "o", prompts=2), workspace=open_workspace())
    assert list(done.parity) == ["merged", "exported"]
    assert "the adapter of job" in caplog.text


def test_export_invalid_requests_raise(trained: dict[str, Any], tmp_path: Path, cli: Any) -> None:
    with pytest.raises(UsageError, match="unknown to 'tflite'; use one of gguf, adapter, ollama"):
        export_model(ExportPlan("orders", "tflite", tmp_path / "o"), workspace=open_workspace())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="quantize applies to gguf and ollama"):
        export_model(ExportPlan("orders", "vllm", tmp_path / "o", quantize="q4_0"), workspace=open_workspace())
    with pytest.raises(UsageError, match="create applies to ollama"):
        export_model(ExportPlan("orders", "vllm", tmp_path / "o", create=True), workspace=open_workspace())
    with pytest.raises(NotFoundError, match="no model nobody"):
        export_model(ExportPlan("nobody", "gguf", tmp_path / "o"), workspace=open_workspace())
    ModelRegistry().register_model("far", "b", "j", 1, provider="http://h/v1", provider_model="ft:x")
    with pytest.raises(NotFoundError, match="far is at http://h/v1; only local models"):
        export_model(ExportPlan("far", "gguf", tmp_path / "o"), workspace=open_workspace())
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "mine").write_text("")
    with pytest.raises(ConflictError, match="is not empty; name a new folder"):
        export_model(ExportPlan("orders", "gguf", tmp_path / "o"), workspace=open_workspace())
    assert cli("export", "orders", "--to", "gguf", "--quantize", "q3")[0] == 2


def test_export_concurrent_to_one_folder_raises(trained: dict[str, Any], tmp_path: Path, cli: Any) -> None:
    target = tmp_path / "o"
    with atomic_folder(target):
        code, _, err = cli("export", "orders", "--to", "safetensors", "--output", str(target))
    assert (code, f"{target} is being written at this moment" in err) == (1, True)
    with open_database().read() as tx:
        assert exports.of_version(tx, "orders", 1) == []


def test_register_job_twice_returns_same_version(trained: dict[str, Any]) -> None:
    registry = ModelRegistry()
    first = registry.register_job("parcels", trained["job_id"])
    assert registry.register_job("parcels", trained["job_id"]) == first
    assert [each["version"] for each in registry.list_model_versions("parcels")] == [1]
    assert registry.register_job("orders", trained["job_id"])["version"] == 1
