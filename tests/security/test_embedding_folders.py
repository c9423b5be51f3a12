"""Forged folders of embedding models: one line, and the server lives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fine_tuning.errors import DataError, FineTuningError
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.serving.embedding.embedding_models import open_embedder
from tests.security.forged_models import WEIGHTS, Forge, cut, header, raw, settings, without
from tests.security.requests import ask
from tests.server.conftest import listening
from tests.tiny_encoder import make_tiny_encoder

WORDS_OF_BERT = "embeddings.word_embeddings.weight"
LAYER = "encoder.layer.0.output.dense.weight"
SLOW = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}


def modules(*listed: Any) -> Forge:
    return raw("modules.json", json.dumps(listed).encode())


def module(kind: str, path: str, idx: object = 0) -> dict[str, object]:
    return {"idx": idx, "name": "0", "path": path, "type": f"st.models.{kind}"}


def dense(config: dict[str, object]) -> Forge:
    def forge(folder: Path) -> None:
        from safetensors.numpy import save_file

        (folder / "2_Dense").mkdir()
        (folder / "2_Dense" / "config.json").write_text(json.dumps(config))
        save_file({"linear.weight": np.ones((4, 16), np.float32)}, folder / "2_Dense" / WEIGHTS)
        modules(module("Transformer", ""), module("Pooling", "1_Pooling", 1), module("Dense", "2_Dense", 2))(folder)

    return forge


def filled(tensor: str, value: float) -> Forge:
    def forge(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        tensors = load_file(folder / WEIGHTS)
        tensors[tensor].fill_(value)
        save_file(tensors, folder / WEIGHTS, {"format": "pt"})

    return forge


def static(rows: object) -> Forge:
    """A static table in place of the encoder."""

    def forge(folder: Path) -> None:
        from safetensors.numpy import save_file

        save_file({"embeddings": np.asarray(rows, np.float32)}, folder / WEIGHTS)
        modules(module("StaticEmbedding", ""))(folder)

    return forge


FORGED: dict[str, Forge] = {
    "a list as config": raw("config.json", b"[]"),
    "a deep config": raw("config.json", b"[" * 100_000),
    "a vast width": settings(hidden_size=1 << 16),
    "a vast vocabulary": settings(vocab_size=1 << 22),
    "a layer too many": settings(num_hidden_layers=3),
    "more positions than weights": settings(max_position_embeddings=4096),
    "an unknown kind": settings(model_type="zzz"),
    "code of its own": settings(model_type="zzz", auto_map={"AutoModel": "evil.M", "AutoConfig": "evil.C"}),
    "weights that end early": cut(-1),
    "half a header": cut(40),
    "overlapping tensors": header(lambda h: h.update(x=h[WORDS_OF_BERT])),
    "a missing tensor": without(LAYER),
    "a tensor of another shape": header(lambda h: h[LAYER].update(shape=[512])),
    "values that are none": filled(WORDS_OF_BERT, float("nan")),
    "modules that are an object": raw("modules.json", b"{}"),
    "modules that are numbers": modules(1, 2),
    "a module without a place": modules({"idx": 0, "type": "Transformer"}),
    "a module whose number is none": modules(module("Transformer", "", "x")),
    "a module elsewhere": modules(module("Transformer", "../elsewhere")),
    "a module at the root": modules(module("Transformer", "/etc")),
    "a pooling that is a list": raw("1_Pooling/config.json", b"[1]"),
    "a limit that is text": raw("sentence_bert_config.json", b'{"max_seq_length": "x"}'),
    "sizes that are text": settings(matryoshka_dimensions=["x"]),
    "a vast layer": dense({"in_features": 16, "out_features": 10**9}),
    "a layer of text": dense({"in_features": "16", "out_features": None}),
    "a layer that does not fit": dense({"in_features": 16, "out_features": 5, "bias": False}),
    "a padding token beyond all": settings(pad_token_id=1 << 20),
    "a slow tokenizer": settings("tokenizer.json", pre_tokenizer=SLOW),
    "an empty tokenizer": raw("tokenizer.json", b"{}"),
    "tokens without embeddings": settings(
        "tokenizer.json",
        added_tokens=[
            {
                "id": 4000,
                "content": "zz",
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": False,
            }
        ],
    ),
    "a table without rows": static([[]]),
    "a table that is a row": static([1.0, 2.0]),
    "a table with too few rows": static([[1.0, 2.0]]),
    "a table of no numbers": static(np.full((64, 4), np.nan)),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_folder_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    folder = make_tiny_encoder(tmp_path / "encoder")
    FORGED[name](folder)
    with pytest.raises(FineTuningError) as refused:
        open_embedder(str(folder))
    assert isinstance(refused.value, DataError)
    assert "\n" not in str(refused.value)


def test_folder_that_is_sound_is_opened(tmp_path: Path) -> None:
    folder = make_tiny_encoder(tmp_path / "encoder")
    without("pooler.dense.weight")(folder)  # as many are saved
    dense({"in_features": 16, "out_features": 4, "bias": False})(folder)
    assert open_embedder(str(folder)).embed(["my parcel"]).vectors.shape == (1, 4)


@pytest.mark.parametrize("name", ["a list as config", "a missing tensor", "values that are none", "a module elsewhere"])
def test_server_of_a_forged_folder_lives(workspace: Path, tmp_path: Path, name: str) -> None:
    folder = make_tiny_encoder(tmp_path / "encoder")
    FORGED[name](folder)
    with listening(ServerConfig(aliases={"e": str(folder)})) as address:
        for _ in range(2):
            answer = ask("POST", f"{address}/embeddings", json={"model": "e", "input": "a"})
            assert 400 <= answer.status_code < 500
            assert str(tmp_path) not in answer.text
        assert ask("GET", f"{address}/models").status_code == 200
