"""Modelfiles, scripts, and what is sent to Ollama."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from fine_tuning import OllamaFineTuner
from fine_tuning._util.files import sha256_file
from fine_tuning.data_io.formats import system_prompt
from fine_tuning.errors import NotFoundError, ProviderError, TrainingError, UsageError
from fine_tuning.export import modelfile
from tests import wire


def test_modelfile_has_training_template_and_only_valid_parameters(tiny_model_dir: Path) -> None:
    text = Path(OllamaFineTuner().create_ollama_modelfile(tiny_model_dir, "mine", 'Say "hi".')).read_text()
    assert text.startswith(f"FROM {tiny_model_dir}\n")
    assert "<|im_start|>{{ .Role }}" in text
    assert 'PARAMETER stop "<|im_end|>"' in text
    assert 'SYSTEM """Say "hi"."""' in text
    parameters = {line.split()[1] for line in text.splitlines() if line.startswith("PARAMETER")}
    assert parameters == {"stop", "num_ctx"}
    assert "ADAPTER" not in text


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}<|im_start|>{{ m['role']|upper }}: {{ m['content'] }}<|im_end|>\n{% endfor %}",
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
        "<|im_start|>assistant\n<think>\n\n</think>\n",
    ],
)
def test_modelfile_unknown_template_is_omitted(
    tiny_model_dir: Path, tmp_path: Path, template: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    (folder / "chat_template.jinja").write_text(template)
    text = Path(OllamaFineTuner().create_ollama_modelfile(folder, "mine")).read_text()
    assert "TEMPLATE" not in text
    assert "Ollama uses the template in the file" in caplog.text


QWEN_LIKE = (
    "{%- if messages[0]['role'] != 'system' %}"
    "{{- '<|im_start|>system\\nYou are \"Ada\", who is not rude.<|im_end|>\\n' }}{%- endif %}"
    "{%- for m in messages %}{{- '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


@pytest.mark.parametrize("newline", ["\\n", "\n"], ids=["escaped", "real"])
def test_modelfile_keeps_the_default_system_message(tiny_model_dir: Path, tmp_path: Path, newline: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model_dir, folder)
    (folder / "chat_template.jinja").write_text(QWEN_LIKE.replace("\\n", newline))
    text = modelfile.modelfile(folder, "m", None)
    assert 'SYSTEM """You are "Ada", who is not rude."""' in text
    assert 'PARAMETER stop "<|im_end|>"' in text
    assert modelfile.differing_prompt(folder, [[{"role": "user", "content": "How?"}]]) is None


def test_modelfile_takes_no_conversation_for_an_empty_system_message(tiny_model_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model_dir, folder)
    (folder / "chat_template.jinja").write_text(QWEN_LIKE.replace('You are "Ada", who is not rude.', ""))
    assert modelfile.default_system(folder) is None
    assert "SYSTEM" not in modelfile.modelfile(folder, "m", None)


def test_prompt_that_ollama_renders_otherwise_is_named(tiny_model_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model_dir, folder)
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").write_text(template.replace("message['content']", "message['content'] | trim"))
    prompts = [[{"role": "user", "content": each}] for each in ("plain", " spaced ")]
    assert modelfile.differing_prompt(folder, prompts) == " spaced "


RULE, QUESTION = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "How?"}
ANSWER = {"role": "assistant", "content": "So."}
WITHOUT_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
JOINS_SYSTEM = (
    "{% set rule = messages[0].content + '\n\n' if messages[0].role == 'system' else '' %}"
    "{% for m in (messages[1:] if rule else messages) %}<start_of_turn>"
    "{{ 'model' if m.role == 'assistant' else m.role }}\n{{ rule if loop.first else '' }}{{ m.content }}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
MARKS_ANSWERS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
    "{{ '<|im_end|>\n' }}{% endgeneration %}{% else %}{{ m.content }}{{ '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.mark.parametrize(
    ("template", "joint"), [(WITHOUT_SYSTEM, "\\n"), (JOINS_SYSTEM, "\\n\\n"), (MARKS_ANSWERS, None)]
)
def test_modelfile_renders_system_messages_as_in_training(
    tiny_model_dir: Path, tmp_path: Path, template: str, joint: str | None
) -> None:
    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    (folder / "chat_template.jinja").write_text(template)
    text = modelfile.modelfile(folder, "m", None)
    kept = f'{{{{ $system = printf "%s{joint}" .Content }}}}'
    assert (kept in text, "$system" in text) == ((True, True) if joint else (False, False))
    assert f'PARAMETER stop "{"<end_of_turn>" if joint else "<|im_end|>"}"' in text
    prompts = [[RULE, QUESTION], [{**RULE, "role": "developer"}, QUESTION, ANSWER, QUESTION]]
    assert modelfile.differing_prompt(folder, prompts) is None


def test_messages_that_ollama_joins_are_named(tiny_model_dir: Path) -> None:
    """Ollama gives its templates two messages of one role in a row as one."""
    assert modelfile.differing_prompt(tiny_model_dir, [[QUESTION, ANSWER, QUESTION]]) is None
    assert modelfile.differing_prompt(tiny_model_dir, [[QUESTION, QUESTION | {"content": "Or why?"}]]) == "Or why?"


def test_modelfile_of_gguf_omits_template(tmp_path: Path) -> None:
    text = Path(OllamaFineTuner().create_ollama_modelfile(tmp_path / "m.gguf", "mine")).read_text()
    assert "TEMPLATE" not in text
    with pytest.raises(UsageError, match="not a valid Ollama model name"):
        OllamaFineTuner().create_ollama_modelfile(tmp_path / "m.gguf", "my model; rm")


def test_unsloth_script_reads_any_valid_json_lines(tmp_path: Path) -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    rows = [
        {"messages": [{"role": "user", "content": "a\u2028b\u0085"}, {"role": "assistant", "content": "c"}]},
        {
            "messages": [
                {"role": "user", "content": "one"},
                {"role": "assistant", "content": "first", "weight": 0},
                {"role": "user", "content": "two"},
                {"role": "assistant", "tool_calls": [call]},
            ],
            "tools": [call],
        },
        {
            "messages": [
                {"role": "user", "content": "1"},
                {"role": "assistant", "content": "2"},
                {"role": "user", "content": "3"},
                {"role": "assistant", "content": "4"},
            ]
        },
    ]
    folder = tmp_path / "emo\U0001f600ji"
    folder.mkdir()
    data = folder / "d.jsonl"
    data.write_text("\ufeff" + "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    odd = tmp_path / 'we\\Nird"""x.py'
    path = OllamaFineTuner().generate_unsloth_script("llama3", data, "me/notes:v1", output_path=odd)
    script = runpy.run_path(path)
    found = script["read_conversations"]()
    assert [each["completion"][0]["content"] for each in found] == ["c", "", "2", "4"]
    assert found[1]["completion"][0]["tool_calls"] == [call]
    assert json.loads(found[1]["tools"]) == [call]
    assert len(found[3]["prompt"]) == 3
    assert (script["NAME"], str(script["OUTPUT"])) == ("me/notes:v1", "me_notes_v1")
    assert "ollama create me/notes:v1 -f me_notes_v1/Modelfile" in script["__doc__"]


def test_unsloth_script_merges_system_messages_as_answering_does(tiny_model_dir: Path, tmp_path: Path) -> None:
    data = tmp_path / "d.json"
    data.write_text(json.dumps([{"messages": [RULE, QUESTION, ANSWER]}]))
    script = runpy.run_path(OllamaFineTuner().generate_unsloth_script("gemma2", data, "mine"))
    read, merged = script["read_conversations"](), script["with_systems_merged"]
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_dir)
    assert merged(read, tokenizer) == read
    tokenizer.chat_template = WITHOUT_SYSTEM
    assert merged(read, tokenizer)[0]["prompt"] == [{"role": "user", "content": "Be brief.\nHow?"}]
    assert merged(read, tokenizer)[0]["prompt"] == system_prompt.for_template([RULE, QUESTION], tokenizer)


def test_unsloth_script_odd_names_compile(tmp_path: Path) -> None:
    tuner = OllamaFineTuner()
    odd = 'base"""; import os  # $x'
    path = Path(tuner.generate_unsloth_script(odd, tmp_path / 'da"ta.json', "mine"))
    compile(path.read_text(), str(path), "exec")
    missing = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=False)
    assert missing.returncode == 1
    assert "no dataset at" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_estimate_training_time_on_named_gpu_is_calculated() -> None:
    estimate = OllamaFineTuner().estimate_training_time(500, num_epochs=3, gpu_type="A100", parameters=7e9)
    assert estimate["total_tokens"] == 300_000
    assert estimate["tokens_per_second"] == pytest.approx(312e12 * 0.4 / (4 * 7e9))
    assert estimate["estimated_hours"] == pytest.approx(estimate["estimated_seconds"] / 3600)
    with pytest.raises(UsageError, match="unknown gpu_type 'abacus'; use one of h200"):
        OllamaFineTuner().estimate_training_time(5, gpu_type="abacus")


def test_estimate_training_time_here_measures_this_machine(tiny_model_dir: Path) -> None:
    tuner = OllamaFineTuner()
    here = tuner.estimate_training_time(400, 2, "here", base_model=str(tiny_model_dir), tokens_per_example=40)
    assert here["total_tokens"] == 32_000
    assert here["start_seconds"] > 0
    steps = here["estimated_seconds"] - here["start_seconds"]
    assert steps == pytest.approx(32_000 / here["tokens_per_second"])
    assert 50 < here["tokens_per_second"] < 1e6
    small = here["parameters"]
    with pytest.raises(TrainingError, match="cannot measure how fast broken trains here: .*chat template"):
        broken = tiny_model_dir.parent / "broken"
        shutil.copytree(tiny_model_dir, broken)
        (broken / "chat_template.jinja").write_text("{{ raise_exception('no') }}")
        tuner.estimate_training_time(4, 1, "here", base_model=str(broken))
    assert small == 112_448


def test_create_without_ollama_or_weights_raises(tiny_model_dir: Path, tmp_path: Path) -> None:
    tuner = OllamaFineTuner("http://127.0.0.1:9")
    with pytest.raises(ProviderError, match="cannot reach Ollama at http://127.0.0.1:9"):
        tuner.create(tiny_model_dir, "mine")
    with pytest.raises(NotFoundError, match="no weights at"):
        tuner.create(tmp_path, "mine")


def test_create_uploads_weights_and_creates_model(tiny_model_dir: Path) -> None:
    files = {
        file.name: sha256_file(file)
        for file in tiny_model_dir.iterdir()
        if file.suffix in {".safetensors", ".json", ".jinja"}
    }
    heard: list[str] = []
    with wire.host() as host:
        host.answers |= {f"POST /api/blobs/sha256:{checksum}": (201, {}) for checksum in files.values()}
        host.answers["POST /api/create"] = (200, [{"status": "parsing"}, {"status": "success"}])
        OllamaFineTuner(host.url.removesuffix("/v1")).create(tiny_model_dir, "mine", "Be brief.", heard.append)
    (created,) = host.asked("POST /api/create")
    assert heard == ["parsing", "success"]
    assert created.body["model"] == "mine"
    assert created.body["system"] == "Be brief."
    assert created.body["files"] == {name: f"sha256:{checksum}" for name, checksum in files.items()}
    assert created.body["parameters"]["stop"] == ["<|im_end|>", "<|im_start|>"]
    assert "<|im_start|>{{ .Role }}" in created.body["template"]
    sent = [len(request.body) for request in host.requests if "/blobs/" in request.path]
    assert sorted(sent) == sorted((tiny_model_dir / name).stat().st_size for name in files)


def test_create_refused_by_ollama_raises_one_line(tiny_model_dir: Path) -> None:
    with wire.host() as host, pytest.raises(ProviderError, match="refused mine: no space left"):
        file = tiny_model_dir / "model.safetensors"
        host.answers[f"POST /api/blobs/sha256:{sha256_file(file)}"] = (200, {})
        host.answers["POST /api/create"] = (500, {"error": "no space left"})
        OllamaFineTuner(host.url.removesuffix("/v1")).create(tiny_model_dir / "model.safetensors", "mine")


def test_unsloth_script_trains_and_writes_the_files_of_its_modelfile(
    tiny_model_dir: Path, tmp_path: Path, examples: list[dict[str, Any]]
) -> None:
    tuner = OllamaFineTuner()
    dataset = tuner.prepare_dataset_for_unsloth(examples[:4], tmp_path / "data.json")
    script = tuner.generate_unsloth_script(str(tiny_model_dir), dataset, "mine", num_epochs=1)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    merged = tmp_path / "mine" / "merged"
    assert (merged / "model.safetensors").is_file()
    text = (tmp_path / "mine" / "Modelfile").read_text()
    assert text.startswith(f"FROM {merged}\n")
    assert 'PARAMETER stop "<|im_end|>"' in text


def test_create_fine_tuning_config_is_validated_and_stored(workspace: Path) -> None:
    config = OllamaFineTuner().create_fine_tuning_config("llama2", "d.json", "mine", num_epochs=2)
    assert Path(config["config_path"]).is_file()
    assert config["num_epochs"] == 2
    with pytest.raises(UsageError, match="batch_size must be a whole number of 1 or more, not 0"):
        OllamaFineTuner().create_fine_tuning_config("llama2", "d.json", "mine", batch_size=0)


def test_show_and_delete_call_ollama() -> None:
    details = {
        "parent_model": "",
        "format": "gguf",
        "family": "llama",
        "families": ["llama"],
        "parameter_size": "134.52M",
        "quantization_level": "F16",
    }
    with wire.host() as host:
        tuner = OllamaFineTuner(host.url.removesuffix("/v1"))
        host.answers["POST /api/show"] = (200, {"template": "{{ .Prompt }}", "details": details, "model_info": {}})
        host.answers["DELETE /api/delete"] = (200, {})
        shown = tuner.show("mine")
        assert (shown["template"], shown["details"]["quantization_level"]) == ("{{ .Prompt }}", "F16")
        assert tuner.delete("mine") is True
        assert [each.body for each in host.asked("POST /api/show")] == [{"model": "mine"}]
        assert [each.body for each in host.asked("DELETE /api/delete")] == [{"model": "mine"}]
        host.answers["POST /api/show"] = host.answers["DELETE /api/delete"] = (404, {"error": "model 'mine' not found"})
        with pytest.raises(NotFoundError, match="has no model mine"):
            tuner.show("mine")
        assert tuner.delete("mine") is False


@pytest.mark.skipif("OLLAMA_HOST" not in os.environ, reason="OLLAMA_HOST names no Ollama to try")
def test_create_in_real_ollama_answers(tiny_model_dir: Path) -> None:
    import httpx

    address = os.environ["OLLAMA_HOST"]
    tuner = OllamaFineTuner(address)
    tuner.create(tiny_model_dir, "fine-tuning-test", "Be brief.")
    try:
        shown = tuner.show("fine-tuning-test")
        assert "<|im_start|>" in shown["template"]
        asked = {"model": "fine-tuning-test", "messages": [{"role": "user", "content": "hi"}], "stream": False}
        answer = httpx.post(f"{address}/api/chat", json=asked, timeout=60)
        assert answer.json()["message"]["role"] == "assistant"
    finally:
        assert tuner.delete("fine-tuning-test")
    assert not tuner.delete("fine-tuning-test")
