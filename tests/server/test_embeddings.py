"""Embeddings, asked by the real SDK, by the built-in model and by tiny encoders."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpe_openai
import numpy as np
import openai
import pytest
from openai import OpenAI

from fine_tuning.evaluation import embedding_similarity
from fine_tuning.server.server_config import ServerConfig
from tests.server.conftest import ALIAS, client_of, listening
from tests.tiny_encoder import MAX_TOKENS, make_tiny_encoder

OPENAI_NAME = "text-embedding-3-small"
TEXTS = ["where is my parcel", "the invoice is paid twice", "reset my password"]
FOLDERS: dict[str, dict[str, Any]] = {
    "mean": {},
    "cls": {"pooling": "cls_token"},
    "max": {"pooling": "max_tokens", "normalized": False},
    "last": {"pooling": "lasttoken"},
    "weighted": {"pooling": "weightedmean_tokens"},
    "bare": {"pooling": None},
    "sizes": {"config": {"matryoshka_dimensions": [4, 8]}},
}


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("encoders")
    return {name: make_tiny_encoder(folder / name, **options) for name, options in FOLDERS.items()}


@pytest.fixture
def config(tiny_model_dir: Path, encoders: dict[str, Path]) -> ServerConfig:
    folders = {name: str(folder) for name, folder in encoders.items()}
    return ServerConfig(aliases={ALIAS: str(tiny_model_dir), OPENAI_NAME: "wordllama", **folders})


@pytest.fixture
def client(address: str) -> Iterator[OpenAI]:
    return client_of(address)


def vectors(client: OpenAI, texts: Any, model: str = "wordllama", **more: Any) -> np.ndarray:
    reply = client.embeddings.create(model=model, input=texts, **more)
    assert [each.index for each in reply.data] == list(range(len(reply.data)))
    return np.array([each.embedding for each in reply.data])


def hidden(folder: Path, text: str) -> np.ndarray:
    import torch
    from transformers import AutoModel, AutoTokenizer

    with torch.inference_mode():
        inputs = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
        return AutoModel.from_pretrained(folder)(**inputs).last_hidden_state[0].numpy()


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def test_create_built_in_model_gives_unit_vectors_and_counts_tokens(client: OpenAI) -> None:
    reply = client.embeddings.create(model="wordllama", input=["hello world", "bye"])
    assert (reply.object, reply.model) == ("list", "wordllama")
    assert reply.usage.prompt_tokens == reply.usage.total_tokens == 4
    found = np.array([each.embedding for each in reply.data])
    assert found.shape == (2, 256)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert found[0] @ found[1] == pytest.approx(embedding_similarity.score("hello world", "bye"), abs=1e-5)


def test_create_formats_have_identical_numbers(client: OpenAI) -> None:
    sent_as_base64 = vectors(client, TEXTS)  # the SDK's default
    assert np.array_equal(sent_as_base64, vectors(client, TEXTS, encoding_format="float"))
    raw = client.embeddings.with_raw_response.create(model="wordllama", input="hello", encoding_format="base64")
    text = json.loads(raw.text)["data"][0]["embedding"]
    assert np.array_equal(np.frombuffer(base64.b64decode(text), "<f4"), vectors(client, "hello")[0].astype("<f4"))


def test_create_dimensions_truncates_and_normalizes(client: OpenAI) -> None:
    whole, short = vectors(client, TEXTS), vectors(client, TEXTS, dimensions=64)
    assert np.allclose(short, [unit(row) for row in whole[:, :64]], atol=1e-6)
    assert np.allclose(
        vectors(client, TEXTS, "sizes", dimensions=4),
        [unit(row) for row in vectors(client, TEXTS, "sizes")[:, :4]],
        atol=1e-6,
    )
    assert vectors(client, TEXTS, "mean", dimensions=16).shape == (3, 16)


def test_create_token_ids_are_read_as_openai_does(client: OpenAI) -> None:
    encoding = bpe_openai.get_encoding("cl100k_base")
    rows = [encoding.encode(text) for text in TEXTS]
    assert np.array_equal(vectors(client, rows), vectors(client, TEXTS))
    assert np.array_equal(vectors(client, rows[0]), vectors(client, TEXTS[0]))


def test_create_alias_names_the_built_in_model(client: OpenAI) -> None:
    assert np.array_equal(vectors(client, TEXTS, OPENAI_NAME), vectors(client, TEXTS))
    assert {"wordllama", OPENAI_NAME, "mean"} <= {model.id for model in client.models.list()}
    assert client.models.retrieve("wordllama").owned_by == "system"


def test_create_encoder_folder_pools_as_it_says(client: OpenAI, encoders: dict[str, Path]) -> None:
    rows = [hidden(encoders["mean"], text) for text in TEXTS]
    places = [np.arange(1, len(row) + 1)[:, None] for row in rows]
    wanted = {
        "mean": [unit(row.mean(axis=0)) for row in rows],
        "cls": [unit(row[0]) for row in rows],
        "max": [row.max(axis=0) for row in rows],
        "last": [unit(row[-1]) for row in rows],
        "weighted": [unit((row * place).sum(axis=0) / place.sum()) for row, place in zip(rows, places, strict=True)],
        "bare": [row.mean(axis=0) for row in rows],
    }
    for name, expected in wanted.items():
        assert np.allclose(vectors(client, TEXTS, name), expected, atol=1e-4), name
    usage = client.embeddings.create(model="mean", input=TEXTS).usage
    assert usage.prompt_tokens == sum(len(row) for row in rows)


def test_create_static_folder_averages_its_vectors(workspace: Path, tmp_path: Path) -> None:
    from safetensors.numpy import save_file
    from transformers import AutoTokenizer

    folder = make_tiny_encoder(tmp_path / "static")
    (folder / "modules.json").write_text(json.dumps([{"idx": 0, "path": "", "type": "st.models.StaticEmbedding"}]))
    ids = AutoTokenizer.from_pretrained(folder)(TEXTS[0], add_special_tokens=False)["input_ids"]
    table = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    save_file({"embedding.weight": table}, folder / "model.safetensors")
    with listening(ServerConfig(aliases={"static": str(folder)})) as address:
        assert np.allclose(vectors(client_of(address), TEXTS[0], "static"), table[ids].mean(axis=0), atol=1e-6)


def test_create_dense_module_follows_the_pooling(workspace: Path, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    folder = make_tiny_encoder(tmp_path / "dense", normalized=False)
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(
        json.dumps([*modules, {"idx": 2, "path": "2_Dense", "type": "st.models.Dense"}])
    )
    (folder / "2_Dense").mkdir()
    settings = {"in_features": 16, "out_features": 4, "bias": True, "activation_function": "torch.nn.Tanh"}
    (folder / "2_Dense" / "config.json").write_text(json.dumps(settings))
    random = np.random.default_rng(0)
    weight, bias = random.normal(size=(4, 16)).astype(np.float32), random.normal(size=4).astype(np.float32)
    save_file({"linear.weight": weight, "linear.bias": bias}, folder / "2_Dense" / "model.safetensors")
    with listening(ServerConfig(aliases={"dense": str(folder)})) as address:
        found = vectors(client_of(address), TEXTS[0], "dense")
    assert np.allclose(found, np.tanh(weight @ hidden(folder, TEXTS[0]).mean(axis=0) + bias), atol=1e-4)


def test_create_missing_extra_is_one_line(client: OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wordllama", None)
    with pytest.raises(openai.InternalServerError, match=r"needs wordllama: pip install -e '\.\[serve\]'"):
        client.embeddings.create(model="wordllama", input="hello")


def test_create_many_inputs_keep_their_order(client: OpenAI) -> None:
    many = [" ".join(["parcel"] * (1 + number % 20)) for number in range(2048)]
    assert np.allclose(
        vectors(client, many, "mean")[:20], [vectors(client, text, "mean")[0] for text in many[:20]], atol=1e-4
    )


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"input": ""}, "input", "this may not be empty"),
    ({"input": ["a", ""]}, "input", "item 1 may not be empty"),
    ({"input": []}, "input", "give a text, token ids, or a list of either"),
    ({"input": ["a"] * 2049}, "input", "at most 2048 inputs"),
    ({"input": [[1], []]}, "input", "item 1 may not be empty"),
    ({"input": [10**6]}, "input", "out of range for cl100k_base"),
    ({"input": [-1]}, "input", "-1, which is no token id"),
    ({"input": [True]}, "input", "no token id"),
    ({"input": ["a", [1]]}, "input", "mixed"),
    ({"encoding_format": "int8"}, "encoding_format", "float"),
    ({"dimensions": 0}, "dimensions", "expected a value of at least 1"),
    ({"dimensions": 257}, "dimensions", "at most 256"),
    ({"model": "mean", "dimensions": 8}, "dimensions", "may only be 16"),
    ({"model": "sizes", "dimensions": 5}, "dimensions", "may only be 4, 8, 16"),
    ({"model": "mean", "input": "parcel " * MAX_TOKENS}, "input", f"{MAX_TOKENS + 2} tokens.*up to {MAX_TOKENS}"),
    ({"model": ALIAS}, "model", f"{ALIAS} is a chat model.*wordllama, {OPENAI_NAME}"),
    ({"extra_body": {"party": 1}}, "party", "party"),
]


@pytest.mark.parametrize(("arguments", "param", "message"), REFUSED, ids=[str(each[0])[:40] for each in REFUSED])
def test_create_invalid_request_returns_400(
    client: OpenAI, arguments: dict[str, Any], param: str, message: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=message) as caught:
        client.embeddings.create(**{"model": "wordllama", "input": "hello", **arguments})
    body: Any = caught.value.body
    assert body["param"] == param


def test_create_ignores_user(client: OpenAI) -> None:
    assert np.array_equal(vectors(client, TEXTS, user="u"), vectors(client, TEXTS))


def test_create_unknown_model_returns_404(client: OpenAI, encoders: dict[str, Path]) -> None:
    for name in ("text-embedding-ada-002", str(encoders["mean"])):
        with pytest.raises(openai.NotFoundError):
            client.embeddings.create(model=name, input="hello")


def test_embedding_model_given_to_chat_or_a_job_returns_400(client: OpenAI, upload: Any) -> None:
    for name in ("wordllama", OPENAI_NAME, "mean", "bare"):
        with pytest.raises(openai.BadRequestError, match=f"{name} is an embedding model"):
            client.chat.completions.create(model=name, messages=[{"role": "user", "content": "hello"}])
    with pytest.raises(openai.BadRequestError, match="mean is an embedding model"):
        client.fine_tuning.jobs.create(model="mean", training_file=upload())


def test_create_unsupported_folder_returns_400(workspace: Path, tmp_path: Path) -> None:
    odd, pickled = (make_tiny_encoder(tmp_path / name) for name in ("odd", "pickled"))
    (odd / "modules.json").write_text(json.dumps([{"idx": 0, "path": "", "type": "st.models.LSTM"}]))
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with listening(ServerConfig(aliases={"odd": str(odd), "pickled": str(pickled)})) as address:
        with pytest.raises(openai.BadRequestError, match="LSTM, which is not supported"):
            client_of(address).embeddings.create(model="odd", input="hello")
        with pytest.raises(openai.APIStatusError, match="pickled ones are not read"):
            client_of(address).embeddings.create(model="pickled", input="hello")
