"""Rows of all formats, changed at random: nothing breaks, the counts add up, and no text is changed."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import DatasetBuilder
from fine_tuning.distillation import DistillationDataCollector
from tests.data_io.test_formats import ONE_CALL
from tests.data_io.test_kept_meaning import PAIRS
from tests.data_io.vendor_rows import CALLING

pytestmark = pytest.mark.slow
ROWS = 10_000
ODD: list[Any] = [
    None, "", " ", 0, -1, 3.5, True, False, [], {}, [None], {"a": None}, "x", "[", "{}", "[]", '"', "\u0000", "\u202e",
    "🎣", "ក", [[]], [{}], {"role": "user"}, {"type": "text"}, {"role": [], "content": {}}, "null", 10**18, "a" * 300,
    {"text": "x"}, [1, 2], 1e300, {"function": {}},
]  # fmt: skip

KINDS = {"type", "role", "name", "status", "state", "function", "arguments", "value", "kind", "call_type", "format"}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a row."""
    if path:
        yield path
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(each, (*path, key))


def mutated(row: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The row with one to three values removed, replaced, renamed, wrapped, doubled or turned into JSON text."""
    row = copy.deepcopy(row)
    for _ in range(rng.randint(1, 3)):
        paths = list(places(row))
        if not paths:
            break
        *above, last = rng.choice(paths)
        holder: Any = row
        for key in above:
            holder = holder[key]
        change = rng.randrange(7)
        if change == 6:  # what a set of names cannot be asked for
            *above, last = rng.choice([path for path in paths if path[-1] in KINDS] or paths)
            holder = row
            for key in above:
                holder = holder[key]
            holder[last] = copy.deepcopy(rng.choice(ODD))
        elif change == 0:
            del holder[last]
        elif change == 1:
            holder[last] = copy.deepcopy(rng.choice(ODD))
        elif change == 2 and isinstance(holder, dict):
            holder[rng.choice(["role", "content", "text", "id", "type", "tools", "system", "x"])] = holder.pop(last)
        elif change == 3:
            holder[last] = json.dumps(holder[last])
        elif change == 4:
            holder[last] = [holder[last]]
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[last]))
    return row


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    rng = random.Random(7)
    sources = [*ONE_CALL.values(), *PAIRS.values(), *CALLING.values()]
    return [mutated(rng.choice(sources), rng) for _ in range(ROWS)]


def texts(value: Any, *, raw: bool) -> Iterator[str]:
    """Every text in a value, also those in JSON text; that itself if `raw`."""
    if isinstance(value, str):
        try:
            parsed = json.loads(value) if value.lstrip()[:1] in {"[", "{", '"'} else None
        except ValueError:
            parsed = None
        if isinstance(parsed, list | dict | str):
            yield from texts(parsed, raw=raw)  # an answer may be an object, of which the text is a way to write it
        if raw or not isinstance(parsed, list | dict | str):
            yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each, raw=raw)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each, raw=raw)


def test_import_of_mutated_rows_counts_every_row_once(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    collector = DistillationDataCollector()
    report = collector.import_files([file])
    assert report.read >= ROWS
    assert report.captured + report.duplicates + report.skipped + len(report.rejected) == report.read
    assert report.captured > 100
    assert all("\n" not in each["reason"] and "Traceback" not in each["reason"] for each in report.rejected)
    unclear = [each["reason"] for each in report.rejected if each["reason"].startswith("not a valid")]
    assert len(unclear) < ROWS / 50, unclear[:10]  # the rest says what is wrong in words of its own
    assert not [each for each in unclear if each.startswith("not a valid row")]  # of which no reader is


def test_build_of_mutated_rows_keeps_their_texts(rows: list[dict[str, Any]], tmp_path: Path, workspace: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = DatasetBuilder().build("mutated", [file], validation=0, test=0, near_duplicates=None, format="openai")
    counts = made["counts"]
    assert counts["read"] == ROWS
    assert counts["kept"] + counts["rejected"] + counts["duplicates"] + counts["left_out"] == ROWS
    said = {" ".join(text.split()) for row in rows for text in texts(row, raw=True)}
    whole = "\n".join(said)
    kept = (workspace / "datasets" / "mutated" / "train.jsonl").read_text().splitlines()
    assert len(kept) == counts["kept"]
    for line in kept:
        for message in json.loads(line)["messages"]:
            for text in texts(message.get("content") or "", raw=False):
                plain = " ".join(text.split())
                assert plain in said or all(" ".join(part.split()) in whole for part in text.split("\n\n")), text
