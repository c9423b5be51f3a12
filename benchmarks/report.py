"""The page of measured figures: each script writes its own section, with the machine and the date."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil

PROJECT = Path(__file__).parent.parent
PAGE = PROJECT / "docs" / "benchmarks.md"
FT_CLI = [sys.executable, "-m", "fine_tuning.cli"]
HEAD = """# Benchmarks

Each section is written by the script it names (`make bench` runs them all); no figure here was typed by hand.
"""


def write(title: str, script: str, body: str) -> None:
    """Put a section in place of the one of that title, or at the end, and print it."""
    measured = f"`benchmarks/{script}`, {datetime.now(UTC):%Y-%m-%d}, {cpu_name()}, Python {platform.python_version()}."
    section = f"## {title}\n\n{measured}\n\n{body.strip()}\n"
    sections = _sections()
    sections[title] = section
    PAGE.write_text("\n".join([HEAD, *sections.values()]), encoding="utf-8")
    print(section)


def parts(title: str) -> dict[str, str]:
    """The parts of a section by their titles, for a script that measures only some of them anew."""
    found = re.split(r"^(?=### )", _sections().get(title, ""), flags=re.MULTILINE)[1:]
    return {part.splitlines()[0].removeprefix("### "): part.strip() for part in found}


def _sections() -> dict[str, str]:
    if not PAGE.is_file():
        return {}
    parts = re.split(r"^(?=## )", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {part.splitlines()[0].removeprefix("## "): part.rstrip() + "\n" for part in parts}


def cpu_name() -> str:
    """What the processor calls itself."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", info.read_text()) if info.is_file() else []
    return f"{names[0]}, {os.cpu_count()} cores" if names else f"{platform.processor()}, {os.cpu_count()} cores"


def memory_of_tree(root: int) -> int:
    """Bytes resident in a process and all its descendants now, each process's shared pages counted."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        family = [psutil.Process(root), *psutil.Process(root).children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
    return total


def run_python(code: str, *arguments: str, **environment: str) -> str:
    """The last line that a piece of Python prints in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | environment)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout.strip().splitlines()[-1]
