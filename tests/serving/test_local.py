from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from fine_tuning.errors import NotFoundError
from fine_tuning.export.gguf import export_gguf
from fine_tuning.serving.engine_choice import can_use_llama_cpp, open_local
from fine_tuning.serving.llama_cpp_engine import LlamaCppEngine
from fine_tuning.serving.transformers_engine import TransformersEngine

CHAT = [{"role": "user", "content": "hi"}]


def test_open_local_with_gguf_uses_llama_cpp(tiny_model_dir: Path, tmp_path: Path) -> None:
    assert can_use_llama_cpp()
    gguf = export_gguf(tiny_model_dir, tmp_path / "model.f16.gguf")
    with closing(open_local(tiny_model_dir, "tiny", gguf)) as engine:
        assert isinstance(engine, LlamaCppEngine)
        assert engine.complete(CHAT, temperature=0, max_tokens=4).model == "tiny"


def test_open_local_without_gguf_uses_transformers(tiny_model_dir: Path) -> None:
    with closing(open_local(tiny_model_dir, "tiny")) as engine:
        assert isinstance(engine, TransformersEngine)
        assert engine.complete(CHAT, temperature=0, max_tokens=4).model == "tiny"


def test_open_local_missing_gguf_raises(tiny_model_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no GGUF file .*x\.gguf"):
        open_local(tiny_model_dir, "tiny", tmp_path / "x.gguf")
