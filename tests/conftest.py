"""Fixtures that several folders of tests share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer llama in Hugging Face's layout; read it, do not write to it."""
    return make_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def real_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The embedded SmolLM2-135M, fetched and converted once a session; for tests marked `real_weights`."""
    from fine_tuning.base_models.catalogue import DEFAULT_BASE_MODEL, resolve

    folder = tmp_path_factory.mktemp("models")
    yield resolve(DEFAULT_BASE_MODEL, folder).path
    shutil.rmtree(folder)
