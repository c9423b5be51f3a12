"""Where answers end: the token of the chat template is in what is trained, exported and served, and the gate tells."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from fine_tuning.export import quantization, token_parity
from fine_tuning.export.gguf import export_gguf
from fine_tuning.export.merge import save_merged
from fine_tuning.export.turn_end import stop_at_turn_end, turn_end
from fine_tuning.serving.network_folder import load_network

TEXT_END, TURN_BEGIN, TURN_END = 0, 1, 2  # of the tiny model


@pytest.fixture
def base(tiny_model_dir: Path, tmp_path: Path) -> Path:
    """A model whose settings name the end of a text only, as many base models' do."""
    folder = tmp_path / "base"
    shutil.copytree(tiny_model_dir, folder)
    for name in ("config.json", "generation_config.json"):
        change(folder / name, eos_token_id=TEXT_END)
    change(folder / "tokenizer_config.json", eos_token="<|endoftext|>")
    return folder


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def settings(folder: Path, name: str = "generation_config.json") -> Any:
    return json.loads((folder / name).read_text())["eos_token_id"]


def test_turn_end_is_the_token_after_an_answer(base: Path) -> None:
    assert turn_end(base) == TURN_END
    (base / "chat_template.jinja").write_text("{% for m in messages %}{{ m['content'] }}\n{% endfor %}")
    assert turn_end(base) is None  # turns end with text
    (base / "chat_template.jinja").write_text("{{ raise_exception('no') }}")
    assert turn_end(base) is None


def test_trained_and_served_model_stops_at_the_end_of_a_turn(base: Path, tmp_path: Path) -> None:
    network, tokenizer = AutoModelForCausalLM.from_pretrained(base), AutoTokenizer.from_pretrained(base)
    save_merged(network, tokenizer, tmp_path / "merged")
    assert settings(tmp_path / "merged") == settings(tmp_path / "merged", "config.json") == [TURN_END, TEXT_END]
    served, _ = load_network(base)
    assert served.generation_config.eos_token_id == [TURN_END, TEXT_END]


def test_settings_that_name_the_end_stay_as_they_are(tiny_model_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_model_dir, tmp_path / "model")
    before = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    stop_at_turn_end(tmp_path / "model")
    assert {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()} == before


def test_gate_tells_a_model_whose_answers_do_not_end(base: Path, tmp_path: Path) -> None:
    model, tokenizer = AutoModelForCausalLM.from_pretrained(base, dtype="float32"), AutoTokenizer.from_pretrained(base)
    reference = list(token_parity.answers(model, tokenizer, token_parity.PROMPTS, turn_end=TURN_END))
    rest = tokenizer, quantization.find("f16"), tokenizer.decode, TURN_END
    found = token_parity.with_model(reference, model, *rest)
    assert (found.passed, found.agreement) == (False, 1.0)
    assert found.first_difference is not None
    assert found.first_difference.startswith("its answers do not end at '<|im_end|>'")
    model.generation_config = GenerationConfig(eos_token_id=[TURN_END, TEXT_END], pad_token_id=TEXT_END)
    assert token_parity.with_model(reference, model, *rest).passed


def test_gguf_ends_answers_at_a_turn_end_of_any_name(base: Path, tmp_path: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        path = base / name
        path.write_text(path.read_text().replace("<|im_end|>", "<~stop~>"))  # which llama.cpp does not know
    gguf = export_gguf(base, tmp_path / "x.gguf", "f16")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(base, dtype="float32"), AutoTokenizer.from_pretrained(base)
    reference = list(token_parity.answers(model, tokenizer, token_parity.PROMPTS[:1], turn_end=TURN_END))
    rest = quantization.find("f16"), tokenizer.decode
    assert token_parity.with_gguf(reference, gguf, *rest, turn_end=TURN_END).first_difference is None
    found = token_parity.with_gguf(reference, gguf, *rest, turn_end=TURN_BEGIN)
    assert "do not end at '<|im_start|>'" in str(found.first_difference)
