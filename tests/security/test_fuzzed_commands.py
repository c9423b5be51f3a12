"""Odd command lines end with an exit code and a line; `python -m scripts.fuzz_commands 10000` runs more of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts import fuzz_commands

LINES, SEED = 100, 1


@pytest.mark.slow
def test_odd_command_lines_end_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.chdir(fuzz_commands.inner_folder(tmp_path))
    files = fuzz_commands.prepare(tmp_path)
    endings = [fuzz_commands.run(each) for each in fuzz_commands.command_lines(LINES, SEED, files)]
    assert [(each.arguments, each.problem) for each in endings if each.problem is not None] == []
