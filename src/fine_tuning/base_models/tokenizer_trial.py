"""Try a tokenizer.json in a process of its own first: its replacements and patterns are a program of its author.

They may turn a letter into millions, pad each text to a billion tokens, or have a pattern that backtracks for years.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from fine_tuning.errors import DataError

SECONDS = 20.0  # for all texts, with reading the largest vocabularies; usual ones take under a second
MEMORY_BYTES = 8 << 30  # of address space
MOST_TOKENS = 12  # for each character, and as many for an empty text: bytes are at most four
MOST_CHARACTERS = 24  # of the text that all tokens give back, for each of the text's
_LENGTH = 2_000  # long enough for a pattern whose time grows with the square of the text
_STRETCHES = [*"aA1 \n\t.-_é中🙂", "ab", "aA", "1a", " a", " \n", "a.", "'s"]
TEXTS = ["", *(stretch * (_LENGTH // len(stretch)) + "!" for stretch in _STRETCHES)]
_REFUSED, _GREW = 3, 4
_PROGRAM = f"""
import json, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_BYTES}, {MEMORY_BYTES}))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except (ImportError, ValueError, OSError):
    pass  # no limits on this system
from tokenizers import Tokenizer
try:
    tokenizer = Tokenizer.from_file(sys.argv[1])
except Exception:
    sys.exit({_REFUSED})
tokenizer.encode("")  # as the file says; many pad to 128 tokens, and what we cut is neither padded nor cut off
tokenizer.no_padding()
tokenizer.no_truncation()
for text in json.load(sys.stdin):
    tokens = tokenizer.encode(text).ids
    if len(tokens) > {MOST_TOKENS} * (len(text) + 1):
        sys.exit({_GREW})
    if len(tokenizer.decode(tokens, skip_special_tokens=False)) > {MOST_CHARACTERS} * (len(text) + len(tokens) + 1):
        sys.exit({_GREW})
"""
_PROBLEMS = {
    _REFUSED: "it refuses the file",
    _GREW: "short texts become very long ones",
}


def try_tokenizer(folder: Path) -> None:
    """Check that the tokenizer of a model folder cuts ordinary texts soon, and makes them no longer than tokens are.

    Raises:
        DataError: it does not; the message says why.
    """
    file = folder / "tokenizer.json"
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            [sys.executable, "-P", "-c", _PROGRAM, str(file)],
            input=json.dumps(TEXTS),
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        problem = f"cutting short texts takes more than {SECONDS:.0f} seconds"
    else:
        if done.returncode == 0:
            return
        ended = f"{'signal' if done.returncode < 0 else 'exit code'} {abs(done.returncode)}"
        problem = _PROBLEMS.get(done.returncode, f"its process ended with {ended}")
    raise DataError(f"{file} cannot be used ({problem}); fetch or save the tokenizer again")
