"""Try a tokenizer.json in a process of its own first: its replacements and patterns are a program of its author.

They may turn a letter into millions, pad each text to a billion tokens, or have a pattern that backtracks for years.
"""

from __future__ import annotations

import json
from pathlib import Path

from fine_tuning._util.limited_process import Limits, described, exit_code
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
    code = exit_code(_PROGRAM, Limits(SECONDS, MEMORY_BYTES), [str(file)], given=json.dumps(TEXTS))
    if code == 0:
        return
    if code is None:
        problem = f"cutting short texts takes more than {SECONDS:.0f} seconds"
    else:
        problem = _PROBLEMS.get(code, f"its process ended with {described(code)}")
    raise DataError(f"{file} cannot be used ({problem}); fetch or save the tokenizer again")
