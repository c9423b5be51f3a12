"""Building datasets: a million rows and ten, against the same work in other tools, and how near-duplicates are found.

    python benchmarks/bench_datasets.py                         # about an hour on two cores, and 60 GB of disk
    python benchmarks/bench_datasets.py small peers --rows 100000    # a shorter look

All sides read the same JSONL file, leave out what cannot be trained on or is rated under 3, remove exact and
near-duplicates (MinHash, 64 hashes, 16 bands), count tokens with the same encoder and write train, validation, test.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import chat_rows
import labelled_scripts
import psutil
import report

ROUNDS = 3
SLOW = "Hugging Face datasets + datasketch"  # once: it takes a quarter of an hour for a million rows
MODEL = "gpt-4.1-mini"
BUILD = """
import sys
from fine_tuning import DatasetBuilder
made = DatasetBuilder().build("bench", [sys.argv[1]], tokens_of="gpt-4.1-mini", min_rating=3)
print(made["counts"]["read"], made["counts"]["kept"], made["hash"])
"""
POLARS = """
import sys
from peer_polars import build
print(*build(sys.argv[1], sys.argv[2]))
"""
HUGGING_FACE = """
import sys
from peer_hugging_face import build
print(*build(sys.argv[1], sys.argv[2]))
"""
HERE = os.pathsep.join(map(str, (Path(__file__).parent, report.PROJECT / "src")))  # whatever is installed
PREPARE = [*report.FT_CLI, "prepare-dataset", "--output", "bench"]


def measured(code: str, *arguments: str, home: str) -> tuple[float, float, list[str]]:
    """Seconds and most bytes in memory (all processes of it) of a piece of Python, and the words of its last line."""
    most, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(1.0):  # looking at all processes more often slows them down
            children = psutil.Process().children()
            most[0] = max([most[0], *(report.memory_of_tree(child.pid) for child in children)])

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    try:
        line = report.run_python(code, *arguments, FINE_TUNING_HOME=home, PYTHONPATH=HERE)
    finally:
        done.set()
        watcher.join()
    return time.perf_counter() - started, most[0], line.split()


def generated(folder: Path, rows: int) -> Path:
    """A file of so many rows."""
    file = folder / f"rows{rows}.jsonl"
    if not file.exists():
        chat_rows.write(file.with_suffix(".part"), rows)
        file.with_suffix(".part").rename(file)
    return file


def against_peers(folder: Path, rows: int) -> str:
    """The same work in turn."""
    file = generated(folder, rows)
    sides = {"this project": BUILD, "Polars + rensa": POLARS, SLOW: HUGGING_FACE}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    most: dict[str, float] = dict.fromkeys(sides, 0.0)
    kept: dict[str, str] = {}
    for number in range(ROUNDS):
        for name, code in sides.items():
            if name == SLOW and number:
                continue
            with tempfile.TemporaryDirectory(dir=folder) as home:
                took, memory, (_, kept[name], *_) = measured(code, str(file), home, home=home)
            seconds[name].append(took)
            most[name] = max(most[name], memory)
            print(f"{name}: {took:.1f} s", flush=True)
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    ours = medians["this project"]
    lines = [
        f"| {name} | {int(kept[name]):,} | {took:.1f} | {rows / took:,.0f} | {took / ours:.2f} "
        f"| {most[name] / 1e9:.1f} |"
        for name, took in medians.items()
    ]
    size = file.stat().st_size / 1e9
    return f"""
{rows:,} rows ({size:.2f} GB), medians of {ROUNDS} rounds in turn (Hugging Face: one), with the start of each program.

| | rows kept | seconds | rows a second | times our seconds | GB of memory at most |
|---|---|---|---|---|---|
{chr(10).join(lines)}

Target for 1,000,000 rows: at most 120 s and 4 GB, Hugging Face 10 times our seconds, Polars as many.
"""


def at_size(folder: Path, rows: int) -> str:
    """Time and memory of many rows."""
    file = generated(folder, rows)
    with tempfile.TemporaryDirectory(dir=folder) as home:
        took, most, (_, kept, _) = measured(BUILD, str(file), home=home)
    size = file.stat().st_size / 1e9
    return f"""
{rows:,} rows ({size:.1f} GB), {int(kept):,} kept: {took:.0f} s, {most / 1e9:.1f} GB of memory at most
(target for 10,000,000: at most 11 times the seconds of 1,000,000, and 8 GB).
"""


def near_duplicates() -> str:
    """Pairs with known edits: found or not, by how alike they are."""
    from fine_tuning.datasets.near_duplicates import groups, normalised, similarity
    from fine_tuning.datasets.telling_words import telling

    writer, threshold = chat_rows.Writer(seed=5), 0.8
    pairs = []
    for number in range(6000):
        text = writer.text(80)
        pairs.append((text, writer.edited(text, (0.0, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06)[number % 8])))
    alike = [similarity(normalised(a), normalised(b)) for a, b in pairs]
    group = groups([text for pair in pairs for text in pair], threshold)
    found = [group[2 * place] == group[2 * place + 1] for place in range(len(pairs))]
    same = [telling(normalised(a)) == telling(normalised(b)) for a, b in pairs]
    true = [value >= threshold and told for value, told in zip(alike, same, strict=True)]
    both = sum(a and b for a, b in zip(true, found, strict=True))
    together = len(group) - len(set(group))
    return f"""
### Near-duplicates

{len(pairs):,} pairs of 80 words, of which up to 5 were replaced (Jaccard similarity of their word 3-grams
{min(alike):.2f} to {max(alike):.2f}), threshold {threshold}. Pairs that differ in a
negation, {len(same) - sum(same):,} of them, are different questions.

| | | target |
|---|---|---|
| recall of pairs above the threshold | {both / sum(true):.1%} of {sum(true):,} | at least 95 % |
| precision | {both / together:.1%} of {together:,} | at least 95 % |
"""


def scripts() -> str:
    """The labelled pairs of ten scripts: found or not."""
    from fine_tuning.datasets.near_duplicates import groups

    found: dict[str, list[tuple[bool, bool]]] = {}
    for pair in labelled_scripts.pairs():
        first, second = groups([pair.first, pair.second], 0.8)
        found.setdefault(pair.script, []).append((pair.is_near_duplicate, first == second))
    found["all"] = [each for results in found.values() for each in results]
    lines = []
    for script, results in found.items():
        true, reported, both = (sum(map(rule, results)) for rule in (lambda x: x[0], lambda x: x[1], all))
        lines.append(f"| {script} | {len(results)} | {both / true:.1%} of {true} | {both / max(1, reported):.1%} |")
    return f"""
### Near-duplicates in other scripts

Labelled pairs of sentences: near-duplicates are typed in another normal form, with other punctuation, white space and
case; the others differ in one vowel sign, tone, accent, sign or number. Threshold 0.8; target: 100 %.

| script | pairs | recall | precision |
|---|---|---|---|
{chr(10).join(lines)}
"""


def small(folder: Path) -> str:
    """`ft-cli prepare-dataset` over 500 captured calls."""
    import subprocess

    code = """
import sys
sys.path.insert(0, sys.argv[1])
import chat_rows
from fine_tuning.distillation import DistillationDataCollector
collector, writer = DistillationDataCollector(), chat_rows.Writer()
for number in range(500):
    collector.capture_success(writer.text(40), writer.text(40), "shop", "chat", rating=5)
print(500)
"""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        report.run_python(code, str(Path(__file__).parent), FINE_TUNING_HOME=home)
        times = []
        for _ in range(5):
            started = time.perf_counter()
            subprocess.run(PREPARE, check=True, capture_output=True, env={**os.environ, "FINE_TUNING_HOME": home})
            times.append(time.perf_counter() - started)
    return (
        f"\n`ft-cli prepare-dataset` with 500 captured calls: {statistics.median(times):.2f} s (target: at most 2).\n"
    )


def main() -> None:
    """Measure what is named, or all; each has its section."""
    steps: dict[str, tuple[str, Callable[[Path, int], str]]] = {
        "small": ("Datasets", lambda folder, _: small(folder) + near_duplicates() + scripts()),
        "peers": ("Datasets beside other tools", against_peers),
        "many": ("Datasets of many rows", lambda folder, rows: at_size(folder, 10 * rows)),
    }
    parser = argparse.ArgumentParser()
    parser.add_argument("steps", nargs="*", metavar="STEP", help=", ".join(steps))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where generated rows stay, to be used again; else nowhere")
    asked = parser.parse_args()
    if unknown := set(asked.steps) - steps.keys():
        parser.error(f"no step {min(unknown)}")
    with tempfile.TemporaryDirectory() as name:
        for step in asked.steps or steps:
            title, run = steps[step]
            report.write(title, "bench_datasets.py", run(asked.folder or Path(name), asked.rows))


if __name__ == "__main__":
    main()
