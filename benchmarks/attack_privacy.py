"""Search for texts whose scan for private data takes long: labelled ones, cut off and filled up with repeats.

A pattern that can match a repeat in several ways backtracks in exponential time, which a hundred characters show. What
takes longer than the limit is printed with the line that was reading it, and the exit code is 1.

    python benchmarks/attack_privacy.py --texts 100000 --length 130 --limit 0.5
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import traceback

from bench_privacy import ours
from private_texts import Sample, samples

UNITS = (
    "a", "A", "1", "a1", "'", '"', "\\", '\\"', "(", "[", "{", "<", ": ", "=", "a=", "-", "_", ".", "a.", "/", " ",
    "\n", "\t", ",", "a,", "@", "a@", "a@a.", "* ", "|", "`", "``", "é", "한", "password ", "password=", "key: ",
    "token is ", "a b ", " 'a'", "&a", "a;", "$", "%41", "+", "#", "\r\n", "0 0", "is ", "は",
)  # fmt: skip


class SlowError(Exception):
    """The time is over."""


def attack(chosen: random.Random, known: list[Sample], length: int) -> str:
    """A text up to a place in or before its private value, and then `length` characters of repeats."""
    text, value, _ = chosen.choice(known)
    begin, is_in_value = text.index(str(value)), chosen.random() < 0.7
    at = begin + chosen.randint(0, len(str(value))) if is_in_value else chosen.randrange(len(text))
    unit = "".join(chosen.choices(UNITS, k=chosen.choice((1, 1, 1, 2, 3))))
    return text[:at] + unit * (length // len(unit)) + chosen.choice(("", "\n", "!", ")", "'", text[at:]))


def place_of_delay(text: str, limit: float) -> str | None:
    """The file and line that read the text when `limit` seconds were over; None where it took less."""
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        ours(text)
    except SlowError as error:
        place = [each for each in traceback.extract_tb(error.__traceback__) if "privacy" in each.filename][-1]
        return f"{place.filename.rsplit('/', 1)[1]}:{place.lineno}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


def _stop(*_: object) -> None:
    raise SlowError


def main() -> int:
    """Print what is slow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--length", type=int, default=130, help="characters of repeats")
    parser.add_argument("--limit", type=float, default=0.5, help="seconds for a text")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, _stop)
    chosen, known = random.Random(options.seed), [each for each in samples() if each.value]
    ours(known[0].text)  # the first loads what the detectors need
    slow = 0
    for _ in range(options.texts):
        text = attack(chosen, known, options.length)
        if (place := place_of_delay(text, options.limit)) is not None:
            slow += 1
            print(f"{place} takes more than {options.limit} s to read {text!r}")
    print(f"{options.texts} texts with {options.length} characters of repeats: {slow} took more than {options.limit} s")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
