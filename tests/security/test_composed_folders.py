"""Forged heads, cascades and prompts with examples: looked at before they are registered, and no stranger is asked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `candidates` is not installed")
from fine_tuning.candidates.candidate import LabelledCall, Request
from fine_tuning.candidates.head_fitting import fit_head
from fine_tuning.errors import ConfigurationError, ContextLengthError, DataError, FineTuningError
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.serving.cascade_engine import HEAD, CascadeSettings
from fine_tuning.serving.engine_choice import open_target
from fine_tuning.serving.heads.classifier_head import SETTINGS, TENSORS, load_head
from fine_tuning.serving.instructions import Instructions
from fine_tuning.serving.model_resolution import Target
from fine_tuning.serving.part_model import PartModel
from fine_tuning.serving.retrieved_examples import Example, FewShotSettings
from fine_tuning.settings import get_settings

FORMS = ("Reach {} today", "please call {} back", "a parcel for {}", "who is {}?")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head whose answers are objects, with a label and a copied name."""
    calls = []
    for at in range(120):
        name, form = f"anna{at % 60}", at % len(FORMS)
        answer = json.dumps({"form": form, "name": name})
        calls.append(LabelledCall(Request([{"role": "user", "content": FORMS[form].format(name)}]), answer))
    folder = tmp_path_factory.mktemp("models") / "head"
    fit_head(calls[:90], calls[90:], None).final.save(folder)
    return folder


def changed(**values: Any) -> Any:
    def forge(folder: Path) -> None:
        file = folder / SETTINGS
        file.write_text(json.dumps({**json.loads(file.read_text()), **values}))

    return forge


def of_fields(**values: Any) -> Any:
    def forge(folder: Path) -> None:
        fields = json.loads((folder / SETTINGS).read_text())["fields"]
        changed(fields=[{**each, **values} for each in fields])(folder)

    return forge


def paths(*found: list[str]) -> Any:
    def forge(folder: Path) -> None:
        fields = json.loads((folder / SETTINGS).read_text())["fields"]
        changed(fields=[{**each, "path": path} for each, path in zip(fields, found, strict=True)])(folder)

    return forge


def tensors(change: Any) -> Any:
    def forge(folder: Path) -> None:
        from safetensors.numpy import load_file, save_file

        found = load_file(folder / TENSORS)
        change(found)
        save_file(found, folder / TENSORS)

    return forge


def header(text: bytes) -> Any:
    return lambda folder: (folder / TENSORS).write_bytes(len(text).to_bytes(8, "little") + text)


DEEP = "[" * 50_000
FORGED = {
    "settings that are a list": lambda folder: (folder / SETTINGS).write_text("[1]"),
    "deep settings": lambda folder: (folder / SETTINGS).write_text(DEEP),
    "another format": changed(format=2),
    "an encoder elsewhere": changed(embedding="/etc"),
    "an encoder that is not there": changed(embedding="encoder"),
    "terms that are no texts": changed(features={"terms": {"words": [1], "characters": [[]]}, "scale": 1.0}),
    "a term twice": changed(features={"terms": {"words": ["a", "a"], "characters": ["b"]}, "scale": 1.0}),
    "a vast indent": changed(style={"separators": [", ", ": "], "indent": 10**9, "ensure_ascii": False}),
    "separators that are numbers": changed(style={"separators": [1, 2], "indent": None, "ensure_ascii": False}),
    "labels that are no JSON": of_fields(labels=["nope", "]"]),
    "labels of another number": of_fields(labels=["1"]),
    "a path within a value": paths(["a"], ["a", "b"]),
    "a path around a value": paths(["a", "b"], ["a"]),
    "a label that JSON does not have": of_fields(labels=["NaN"] * 4),
    "words that are numbers": of_fields(writer={"words": {"anna1": 5}, "pattern": ["a"], "joiner": " "}),
    "a bias that is no number": tensors(lambda found: found["0.labels.bias"].fill(np.nan)),
    "fields that are text": changed(fields="ab"),
    "a sharpness that is text": of_fields(sharpness="x"),
    "a copied field without weights": of_fields(is_copied=True, labels=["copied"] * 9),
    "tensors of another shape": tensors(lambda found: found.update({"0.labels.weights": np.ones((2, 2), np.float32)})),
    "tensors that are missing": tensors(lambda found: found.pop("0.labels.bias")),
    "no tensors": header(b"{}"),
    "overlapping tensors": header(
        json.dumps({name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for name in "ab"}).encode() + b"0000"
    ),
    "a vast tensor": header(b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}'),
    "a deep header": header(DEEP.encode()),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_head_is_neither_loaded_nor_registered(sound: Path, tmp_path: Path, workspace: Path, name: str) -> None:
    folder = tmp_path / "head"
    shutil.copytree(sound, folder)
    FORGED[name](folder)
    with pytest.raises(FineTuningError) as refused:
        load_head(folder)
    assert "\n" not in str(refused.value)
    registry = ModelRegistry()
    with pytest.raises(FineTuningError):
        registry.import_model("m", folder)
    assert registry.list_models() == []


def test_sound_head_is_registered(sound: Path, workspace: Path) -> None:
    assert ModelRegistry().import_model("m", sound)["version"] == 1


def cascade(folder: Path, head: Path, second: dict[str, str]) -> Path:
    shutil.copytree(head, folder / HEAD)
    (folder / "cascade.json").write_text(json.dumps({"threshold": 2.0, "second": second}))
    return folder


def test_cascade_that_asks_a_stranger_is_neither_registered_nor_opened(
    sound: Path, tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-owner")
    folder = cascade(tmp_path / "w" / "cascade", sound, {"provider": "https://evil.example/v1", "model": "m"})
    with pytest.raises(ConfigurationError, match="set OPENAI_BASE_URL"):
        ModelRegistry().import_model("m", folder)
    with pytest.raises(ConfigurationError, match="set OPENAI_BASE_URL"):
        open_target(Target("local", str(folder)), "m", get_settings())
    monkeypatch.setenv("OPENAI_BASE_URL", "https://evil.example/v1")
    assert ModelRegistry().import_model("m", folder)["version"] == 1


@pytest.mark.parametrize("name", [".", "../cascade", "../cascade/../cascade"])
def test_model_that_is_a_part_of_itself_is_one_line(sound: Path, tmp_path: Path, name: str) -> None:
    folder = cascade(tmp_path / "w" / "cascade", sound, {"provider": "local", "folder": name})
    with pytest.raises(DataError, match="part of itself"):
        open_target(Target("local", str(folder)), "m", get_settings())


def test_models_that_are_parts_of_each_other_are_one_line(sound: Path, tmp_path: Path) -> None:
    first = cascade(tmp_path / "w" / "first", sound, {"provider": "local", "folder": "../second"})
    cascade(tmp_path / "w" / "second", sound, {"provider": "local", "folder": "../first"})
    with pytest.raises(DataError, match="part of itself"):
        open_target(Target("local", str(first)), "m", get_settings())


@pytest.mark.parametrize(
    "line", [b'{"question": 5, "answer": "a"}', b'{"question": "q"}', b"[]", b"\xff", DEEP.encode(), b'{"x": 1}']
)
def test_forged_examples_are_one_line(tmp_path: Path, workspace: Path, line: bytes) -> None:
    folder = tmp_path / "w" / "shots"
    asked = PartModel("local", "smollm2-135m-instruct")
    FewShotSettings(1, asked, "wordllama").save([Example("q", "a")], folder)
    (folder / "examples.jsonl").write_bytes(line + b"\n")
    with pytest.raises(DataError) as refused:
        ModelRegistry().import_model("m", folder)
    assert "\n" not in str(refused.value)
    assert CascadeSettings(0.5, asked)  # the same parts are those of a cascade


LOCAL_PART: Any = {"provider": "local", "model": "smollm2-135m-instruct"}
PROMPTS: dict[str, tuple[Any, bytes]] = {
    "stranger": ({"provider": "https://evil.example/v1", "model": "m"}, b"Be kind."),
    "looks known": ({"provider": "https://evil.example?@api.openai.com/v1", "model": "m"}, b"Be kind."),
    "no address": ({"provider": "ftp://x", "model": "m"}, b"Be kind."),
    "outside": ({"provider": "local", "folder": "../../../../../../etc"}, b"Be kind."),
    "NUL": ({"provider": "local", "folder": "a\0b"}, b"Be kind."),
    "path": ({"provider": "local", "model": "../x"}, b"Be kind."),
    "nothing asked": ({}, b"Be kind."),
    "asked is a number": (5, b"Be kind."),
    "asked is text": ("x", b"Be kind."),
    "empty": (LOCAL_PART, b" \n"),
    "no UTF-8": (LOCAL_PART, b"\xff"),
}


@pytest.mark.parametrize("name", PROMPTS)
def test_forged_prompt_is_neither_registered_nor_opened(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-owner")
    asked, text = PROMPTS[name]
    folder = tmp_path / "w" / "prompt"
    folder.mkdir(parents=True)
    (folder / "prompt.json").write_text(json.dumps({"asked": asked}))
    (folder / "prompt.txt").write_bytes(text)
    for use in (
        lambda: ModelRegistry().import_model("m", folder),
        lambda: open_target(Target("local", str(folder)), "m", get_settings()),
    ):
        with pytest.raises(FineTuningError) as refused:
            use()
        assert "\n" not in str(refused.value)


def test_vast_or_deep_prompt_is_one_line(tmp_path: Path, workspace: Path) -> None:
    folder = tmp_path / "w" / "prompt"
    Instructions("Be kind.", PartModel("local", "smollm2-135m-instruct")).save(folder)
    with (folder / "prompt.txt").open("ab") as out:
        out.truncate(1 << 34)
    with pytest.raises(DataError, match="more than 4 MiB"):
        ModelRegistry().import_model("m", folder)
    (folder / "prompt.txt").write_text("Be kind.")
    (folder / "prompt.json").write_text(DEEP)
    with pytest.raises(DataError):
        ModelRegistry().import_model("m", folder)


def test_text_of_megabytes_is_refused_before_it_is_read(sound: Path) -> None:
    engine = open_target(Target("local", str(sound)), "m", get_settings())
    for text, words in (("a b" * (4 << 20), "reads 131,072 characters"), ("!?" * 60_000, "reads 32,768 words")):
        with pytest.raises(ContextLengthError, match=words):
            engine.complete([{"role": "user", "content": text}], temperature=0.0, max_tokens=1)
