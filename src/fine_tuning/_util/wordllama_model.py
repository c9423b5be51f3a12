"""The embedding model inside the wheel `wordllama`: 256 dimensions, trained to be truncated.

Source: https://github.com/dleemiller/WordLlama
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

WordLlama = Any  # the library has no types


def open_wordllama_model() -> WordLlama:
    """The model, with a tokenizer of its own; nothing is downloaded.

    Raises:
        ImportError: the library is not installed.
    """
    import wordllama

    # The wheel holds weights and tokenizer where it looks for downloaded ones.
    return wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
