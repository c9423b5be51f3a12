"""CPU seconds of two light commands.

python benchmarks/bench_command_line.py          # seconds
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import tempfile

import report

RUNS = 11
WANTED = {"--help": 0.3, "list-models": 0.8}


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    """User and system seconds of one run of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure both in turn."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "FINE_TUNING_HOME": home}
        found: dict[str, list[float]] = {words: [] for words in WANTED}
        for round_ in range(RUNS + 1):
            for words, seconds in found.items():
                measured = cpu_seconds([*report.FT_CLI, words], environment)
                if round_:  # the first run makes the database and the byte code
                    seconds.append(measured)
    rows = [
        f"| `ft-cli {words}` | {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f}) "
        f"| at most {WANTED[words]} s |"
        for words, seconds in found.items()
    ]
    head = ["| command | measured | target |", "|---|---|---|"]
    body = f"CPU seconds (user and system), median and range of {RUNS} runs.\n\n" + "\n".join([*head, *rows])
    report.write("Command line", "bench_command_line.py", body)


if __name__ == "__main__":
    main()
