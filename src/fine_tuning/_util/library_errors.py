"""What safetensors, tokenizers, transformers, torch, peft, jinja2 or llama.cpp raise for a file, as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fine_tuning.errors import DataError, FineTuningError

MAX_REASON = 200  # characters of a library's message


@contextmanager
def library_errors(what: str, advice: str) -> Iterator[None]:
    """Turn what a library raises within the block, which does nothing but read files by it, into one line.

    Libraries raise KeyError, AssertionError or a bare Exception for a file that they did not expect, and tokenizers a
    PanicException, which is no Exception; no list of types holds for their next version.

    Args:
        what: such as "transformers cannot load /models/a".
        advice: what to do.

    Raises:
        DataError: the library raised anything but one of this package's errors.
    """
    try:
        yield
    except FineTuningError:
        raise
    except MemoryError as error:
        raise DataError(f"{what}: there is not enough memory; choose a smaller model") from error
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise  # an interrupt or an exit
        raise DataError(f"{what} ({reason_of(error)}); {advice}") from error


def reason_of(error: BaseException) -> str:
    """The first line of a library's message; the name of its type where that says more."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    first = lines[0] if lines else ""
    is_bare = not first or isinstance(error, KeyError | IndexError | AttributeError | AssertionError)
    text = f"{type(error).__name__}{': ' if first else ''}{first}" if is_bare else first
    return text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]}..."
