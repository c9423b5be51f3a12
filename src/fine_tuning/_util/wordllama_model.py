"""The embedding model inside the wheel `wordllama`: 256 dimensions, trained to be truncated.

Source: https://github.com/dleemiller/WordLlama
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WordLlama = Any  # the library has no types


def open_wordllama_model() -> WordLlama:
    """The model, with a tokenizer of its own; nothing is downloaded.

    Raises:
        ImportError: the library is not installed.
    """
    with _own_logging():
        import wordllama

    # The wheel holds weights and tokenizer where it looks for downloaded ones.
    return wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)


@contextmanager
def _own_logging() -> Iterator[None]:
    """Keep the root logger as it is: the library configures it on import, and each request would print a line."""
    root = logging.getLogger()
    level, handlers = root.level, [*root.handlers]
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers
