"""Forged model folders: one line names the file, before a library reads it; nothing is run, asked or made up."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from fine_tuning.base_models import tokenizer_trial
from fine_tuning.base_models.model_folder import check_files, check_model_folder
from fine_tuning.base_models.pretrained import check_loadable
from fine_tuning.errors import DataError, FineTuningError
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.server.server_config import ServerConfig
from tests.security.forged_models import (
    EMBEDDING,
    WEIGHTS,
    Forge,
    cut,
    forged,
    header,
    linked,
    raw,
    settings,
    without,
    write_weights,
)
from tests.security.requests import ask
from tests.server.conftest import listening

DEEP = b"[" * 100_000
ENTRY = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'


def pipe(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    os.mkfifo(folder / "chat_template.jinja")


FILES: dict[str, tuple[Forge, str]] = {
    "empty weights": (raw(WEIGHTS, b""), "cut short"),
    "half a header": (cut(40), "cut short"),
    "weights that end early": (cut(-1), "cut short"),
    "weights that go on": (lambda f: (f / WEIGHTS).open("ab").write(b"x"), "bytes follow"),
    "a header of 8 EiB": (lambda f: write_weights(f, b"{}", length=2**63), "cut short"),
    "a deep header": (lambda f: write_weights(f, DEEP), "nested too deeply"),
    "a list as header": (lambda f: write_weights(f, b"[]"), "not an object"),
    "a header of bytes": (lambda f: write_weights(f, b'{"\xff":1}'), "not UTF-8"),
    "no tensors": (lambda f: write_weights(f, b"{}"), "have no tensors"),
    "another model's tensors": (lambda f: write_weights(f, ENTRY.encode(), b"0000"), "the files have 1;"),
    "a tensor that is text": (header(lambda h: h.update({EMBEDDING: "x"})), "no type, shape or place"),
    "a shape that is text": (header(lambda h: h[EMBEDDING].update(shape="ab")), "no shape"),
    "a negative shape": (header(lambda h: h[EMBEDDING].update(shape=[-600, -64])), "no shape"),
    "a vast shape": (header(lambda h: h[EMBEDDING].update(shape=[2**40, 2**40])), "another size"),
    "thousands of dimensions": (header(lambda h: h[EMBEDDING].update(shape=[1] * 5000 + [600, 64])), "5002 dimensions"),
    "tensors in one place": (header(lambda h: h.update(x=h[EMBEDDING])), "overlap"),
    "an unknown type": (header(lambda h: h[EMBEDDING].update(dtype="F99")), "unknown type"),
    "integers": (header(lambda h: h[EMBEDDING].update(dtype="I16")), "holds integers"),
    "a turned embedding": (header(lambda h: h[EMBEDDING].update(shape=[64, 600])), "no such embedding"),
    "an index that leaves the folder": (
        raw("model.safetensors.index.json", b'{"weight_map": {"a": "../../secret"}}'),
        "no file beside it",
    ),
    "empty config": (raw("config.json", b""), "not JSON"),
    "a list as config": (raw("config.json", b"[]"), "not an object"),
    "a deep config": (raw("config.json", DEEP), "nested too deeply"),
    "a config without kind": (raw("config.json", b"{}"), "no model_type"),
    "a huge config": (raw("config.json", b" " * (5 << 20)), "larger than 4 MiB"),
    "quantization of nothing": (settings(quantization_config={"quant_method": "gptq"}), "the files have none"),
    "a vast inner size": (settings(intermediate_size=2**20), "describes a model of"),
    "thousands of experts": (settings(num_experts=4096), "describes a model of"),
    "an empty tokenizer": (raw("tokenizer.json", b"{}"), "no vocabulary"),
    "a deep tokenizer": (raw("tokenizer.json", DEEP), "nested too deeply"),
    "a vast token id": (settings("tokenizer.json", added_tokens=[{"id": 2**31, "content": "x"}]), "token whose id"),
    "an end token that is a number": (settings("tokenizer_config.json", eos_token=5), "eos_token is no text"),
    "a template that is a number": (settings("tokenizer_config.json", chat_template=5), "no text"),
    "a template that Jinja refuses": (raw("chat_template.jinja", b"{% for %}"), "Jinja cannot read it"),
    "a template of bytes": (raw("chat_template.jinja", b"\xff\xfe"), "not UTF-8"),
    "a huge template": (raw("chat_template.jinja", b"x" * (2 << 20)), "larger than 1 MiB"),
    "end tokens that are text": (raw("generation_config.json", b'{"eos_token_id": "x"}'), "no token"),
    "a linked config": (linked("config.json"), "is a link"),
    "linked weights": (linked(WEIGHTS), "is a link"),
    "a pipe as template": (
        lambda f: [(f / "chat_template.jinja").unlink(), os.mkfifo(f / "chat_template.jinja")],
        "no",
    ),
}

VALUES: list[tuple[str, object]] = [
    *(("num_hidden_layers", value) for value in (0, -1, 1, 3, 10**6, "2", True, 2.0)),
    *(("hidden_size", value) for value in (0, -64, 10**9, "x")),
    *(("num_attention_heads", value) for value in (0, 10**9)),
    *(("num_key_value_heads", value) for value in (0, 3)),
    *(("vocab_size", value) for value in (0, 10, 2**40)),
    *(("max_position_embeddings", value) for value in (0, 2**62)),
    *(("eos_token_id", value) for value in (10**12, "x", [1, "x"])),
    ("rms_norm_eps", "a"),
    ("rms_norm_eps", float("nan")),
    ("rope_scaling", {"factor": float("nan")}),
    ("rope_parameters", {"long_factor": [1.0, float("nan")]}),
    ("initial_value", float("nan")),
    ("rope_parameters", "x"),
    ("rope_parameters", {"rope_theta": "x"}),
    ("model_type", 5),
    ("architectures", 5),
    ("text_config", {"num_hidden_layers": 10**6}),
]


@pytest.mark.parametrize("name", FILES)
def test_forged_file_is_refused_in_one_line(tiny_model_dir: Path, tmp_path: Path, name: str) -> None:
    forge, words = FILES[name]
    folder = forged(tiny_model_dir, tmp_path / "m", forge)
    with pytest.raises(FineTuningError, match=words) as refused:
        check_model_folder(folder)
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("key", "value"), VALUES)
def test_forged_setting_is_refused_by_name(tiny_model_dir: Path, tmp_path: Path, key: str, value: object) -> None:
    folder = forged(tiny_model_dir, tmp_path / "m", settings(**{key: value}))
    with pytest.raises(DataError, match=r"config\.json"):
        check_files(folder)


DOUBLED = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
PADDING = {"direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "x"}
CUT = {"direction": "Right", "max_length": 512, "strategy": "LongestFirst", "stride": 0}
SLOW_SPLIT = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}

LOADED: dict[str, tuple[Forge, str]] = {
    "a missing tensor": (without("model.norm.weight"), "lack model.norm.weight"),
    "a tensor of another name": (
        header(lambda h: h.update({"model.norm.other": h.pop("model.norm.weight")})),
        "lack model.norm.weight",
    ),
    "a flat tensor": (
        header(lambda h: h["model.layers.0.self_attn.q_proj.weight"].update(shape=[4096])),
        "have another shape for model.layers.0.self_attn.q_proj.weight",
    ),
    "an unknown kind": (settings(model_type="zzz"), "does not know zzz models"),
    "an unknown activation": (settings(hidden_act="os.system"), "cannot load"),
    "an unknown type": (settings(dtype="evil"), "cannot load"),
    "a tokenizer that panics": (
        settings("tokenizer.json", normalizer={"type": "Precompiled", "precompiled_charsmap": "////"}),
        "its process ended with",
    ),
    "a tokenizer whose texts grow": (
        settings("tokenizer.json", normalizer={"type": "Sequence", "normalizers": [DOUBLED] * 7}),
        "short texts become very long ones",
    ),
    "a tokenizer that pads": (
        settings("tokenizer.json", padding={**PADDING, "strategy": {"Fixed": 10**10}}),
        "cannot be used",
    ),
    "a tokenizer whose answers grow": (
        settings("tokenizer.json", decoder={"type": "Replace", "pattern": {"Regex": "(?=.)"}, "content": "b" * 1000}),
        "short texts become very long ones",
    ),
    "a tokenizer with a pattern that takes years": (
        settings("tokenizer.json", pre_tokenizer=SLOW_SPLIT),
        "cannot be used",
    ),
}


def test_tokenizer_that_pads_as_many_do_is_accepted(tiny_model_dir: Path, tmp_path: Path) -> None:
    padded = settings("tokenizer.json", padding={**PADDING, "strategy": {"Fixed": 512}}, truncation=CUT)
    check_loadable(forged(tiny_model_dir, tmp_path / "m", padded))


@pytest.mark.parametrize("name", LOADED)
def test_what_a_library_refuses_is_one_line(tiny_model_dir: Path, tmp_path: Path, name: str) -> None:
    forge, words = LOADED[name]
    folder = forged(tiny_model_dir, tmp_path / "m", forge)
    with pytest.raises(DataError, match=words) as refused:
        check_loadable(folder)
    assert "\n" not in str(refused.value)


def test_a_tokenizer_that_takes_too_long_is_refused(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenizer_trial, "SECONDS", 1.0)
    endless = {"type": "Sequence", "normalizers": [DOUBLED] * 24}
    folder = forged(tiny_model_dir, tmp_path / "m", settings("tokenizer.json", normalizer=endless))
    with pytest.raises(DataError, match=r"takes more than 1 seconds|its process ended"):  # the memory ends first
        tokenizer_trial.try_tokenizer(folder)


def test_code_of_a_folder_is_neither_run_nor_asked_for(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M", "AutoTokenizer": ["evil.T", "evil.T"]}
    for kind in ("llama", "evil"):
        folder = forged(tiny_model_dir, tmp_path / kind, settings(auto_map=evil, model_type=kind))
        (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
        if kind == "llama":  # which transformers has code of its own for
            check_loadable(folder)
        else:
            with pytest.raises(DataError, match="the code that it names is never run"):
                check_loadable(folder)
    assert not (tmp_path / "ran").exists()
    assert "y/N" not in capsys.readouterr().out


def test_import_model_looks_before_it_registers(tiny_model_dir: Path, tmp_path: Path) -> None:
    registry = ModelRegistry()
    folder = forged(tiny_model_dir, tmp_path / "m", without("model.norm.weight"))
    with pytest.raises(DataError, match="lack"):
        registry.import_model("m", folder)
    assert registry.list_models() == []


def test_links_of_the_hub_cache_are_followed(tiny_model_dir: Path, tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "models--a--b" / "blobs", tmp_path / "models--a--b" / "snapshots" / "1"
    shutil.copytree(tiny_model_dir, blobs)
    snapshot.mkdir(parents=True)
    for file in blobs.iterdir():
        (snapshot / file.name).symlink_to(Path("..") / ".." / "blobs" / file.name)
    check_model_folder(snapshot)
    (snapshot / WEIGHTS).unlink()
    (snapshot / WEIGHTS).symlink_to(tiny_model_dir / WEIGHTS)
    with pytest.raises(DataError, match="is a link"):
        check_model_folder(snapshot)


def test_a_folder_is_checked_again_once_a_file_changed(tiny_model_dir: Path, tmp_path: Path) -> None:
    folder = forged(tiny_model_dir, tmp_path / "m", lambda folder: check_files(folder))
    facts = (folder / WEIGHTS).stat()
    header(lambda h: h[EMBEDDING].update(shape=[64, 600]))(folder)
    os.utime(folder / WEIGHTS, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with pytest.raises(DataError, match="no such embedding"):
        check_files(folder)


@pytest.mark.parametrize("name", ["empty config", "weights that end early", "a template that Jinja refuses"])
def test_server_of_a_forged_folder_lives_and_tells_no_path(
    workspace: Path, tiny_model_dir: Path, tmp_path: Path, name: str
) -> None:
    folder = forged(tiny_model_dir, tmp_path / "m", FILES[name][0])
    asked = [{"role": "user", "content": "Hi"}]
    with listening(ServerConfig(aliases={"m": str(folder), "good": str(tiny_model_dir)})) as address:
        found = ask("POST", f"{address}/chat/completions", json={"model": "m", "messages": asked})
        assert 400 <= found.status_code < 500
        assert str(tmp_path) not in found.text
        asked_again = {"model": "good", "messages": asked, "max_tokens": 1}
        assert ask("POST", f"{address}/chat/completions", json=asked_again).status_code == 200


def weights_of(value: float) -> Forge:
    def forge(folder: Path) -> None:
        tensors = load_file(folder / WEIGHTS)
        tensors["model.norm.weight"].fill_(value)
        save_file(tensors, folder / WEIGHTS, {"format": "pt"})

    return forge


@pytest.mark.parametrize(
    ("forge", "words"),
    [
        (weights_of(float("nan")), "cannot answer"),
        (weights_of(float("inf")), "cannot answer"),
        (raw("chat_template.jinja", b"{% macro a(n) %}{{ a(n + 1) }}{% endmacro %}{{ a(0) }}"), "refuses the messages"),
        (raw("chat_template.jinja", b"{{ messages[0].content.__class__.__mro__ }}"), "refuses the messages"),
    ],
)
def test_model_that_fails_when_it_answers_is_400(
    workspace: Path, tiny_model_dir: Path, tmp_path: Path, forge: Forge, words: str
) -> None:
    folder = forged(tiny_model_dir, tmp_path / "m", forge)
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4, "temperature": 1}
    with listening(ServerConfig(aliases={"m": str(folder)})) as address:
        answers = [ask("POST", f"{address}/chat/completions", json={**body, "stream": each}) for each in (False, True)]
    assert answers[0].status_code == 400
    assert all(words in answer.text for answer in answers)


def test_what_transformers_refuses_is_400_without_a_path(workspace: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model_dir, tmp_path / "m"))
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.0.mlp.up_proj.weight"] *= 1e30  # no float16: transformers answers
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    long = [{"role": "user", "content": "Hi " * 2000}]
    with listening(ServerConfig(aliases={"m": str(folder)})) as address:
        answers = [
            ask("POST", f"{address}/completions", json={"model": "m", "prompt": "Hi"}),
            ask("POST", f"{address}/chat/completions", json={"model": "m", "messages": long}),
        ]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[1].json()["error"]["code"] == "context_length_exceeded"
    assert "answers chat completions only" in answers[0].text
    assert "context of 512 tokens" in answers[1].text
    assert str(tmp_path) not in answers[0].text + answers[1].text
