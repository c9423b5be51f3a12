"""Open a GGUF file in a process of its own first: llama.cpp ends its whole process on files that it did not expect."""

from __future__ import annotations

import os
from pathlib import Path

from fine_tuning._util.files import FileSignature, file_signature
from fine_tuning._util.limited_process import Limits, described, exit_code
from fine_tuning.errors import DataError

SECONDS = 60.0  # for any file, and a second more for each `BYTES_PER_SECOND`, as from a slow disk
BYTES_PER_SECOND = 20 << 20
MEMORY_BYTES = 16 << 30  # of address space, besides three times the file
_REFUSED = 3
# Loads the file on the CPU, renders its chat template and computes one token.
_PROGRAM = f"""
import sys
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.verbosity = sys.argv[1], -1
params.n_parallel, params.n_ctx, params.n_gpu_layers, params.cache_ram_mib = 1, 512, 0, 0
params.warmup, params.use_jinja, params.ui = False, True, False
try:
    server = xllamacpp.Server(params)
except (RuntimeError, ValueError):
    sys.exit({_REFUSED})
server.handle_chat_completions({{"messages": [{{"role": "user", "content": "Hello"}}], "max_tokens": 1}})
"""
_known: dict[tuple[Path, FileSignature], str | None] = {}  # what was found of each file, by its state
_ADVICE = "export the model again or choose another GGUF"


def check_gguf(path: Path) -> None:
    """Check that llama.cpp loads a file and answers with it; tried once for a file that does not change.

    Raises:
        DataError: it does not, or takes too long or too much memory; the message says which.
    """
    key = (path.absolute(), file_signature(path))
    if key not in _known:
        _known[key] = _problem(*key)
    if problem := _known[key]:
        raise DataError(f"llama.cpp cannot load {path} ({problem}); {_ADVICE}")


def trust(path: Path) -> None:
    """Take a file for one that an earlier process tried and could open."""
    _known[path.absolute(), file_signature(path)] = None


def _problem(path: Path, signature: FileSignature) -> str | None:
    """Why the file cannot be used; None if it can."""
    limits = Limits(SECONDS + signature.size / BYTES_PER_SECOND, MEMORY_BYTES + 3 * signature.size)
    # Without a graphics card, whose driver needs more address space, and without a debugger for the backtrace.
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "GGML_NO_BACKTRACE": "1", "OMP_WAIT_POLICY": "passive"}
    code = exit_code(_PROGRAM, limits, [str(path)], environment=environment)
    if code is None:
        return f"it did not answer within {limits.seconds:.0f} seconds"
    if code == _REFUSED:
        return "it refuses the file"
    return None if code == 0 else f"it ended with {described(code)}"
