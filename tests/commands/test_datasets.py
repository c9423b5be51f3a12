"""`ft-cli dataset`: build, list, show, diff, leak, report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.distillation import DistillationDataCollector
from tests.datasets.test_building import chat, question, write


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Forty good rows, a near-duplicate and a bad row."""
    good = [chat(question(n), domain="ab"[n % 2], rating=3 + n % 3) for n in range(40)]
    return write(tmp_path / "rows.jsonl", [*good, chat(question(4) + "!!", rating=3), {"messages": []}])


def test_dataset_build_and_show_print_the_manifest(cli: Any, rows: Path, workspace: Path) -> None:
    code, out, _ = cli(
        "dataset", "build", "support", str(rows), "--tokens-of", "gpt-4.1-mini", "--test", "0.2", "--json"
    )
    made = json.loads(out)
    assert (code, made["counts"]["kept"], made["counts"]["read"]) == (0, 40, 42)
    assert (workspace / "datasets" / "support" / "manifest.json").is_file()
    assert json.loads(cli("dataset", "show", "support", "--json")[1]) == made
    for command in (
        ("build", "support", str(rows), "--tokens-of", "gpt-4.1-mini", "--test", "0.2"),
        ("show", "support"),
    ):
        code, out, _ = cli("dataset", *command)
        assert code == 0
        for said in ("near-duplicates", "no-messages", "rows.jsonl:42", "validation", made["hash"]):
            assert said in out
    code, out, _ = cli("dataset", "list")
    assert (code, out.count("support")) == (0, 4)  # twice, each with its path


def test_dataset_build_filters_reach_the_recipe(cli: Any, rows: Path) -> None:
    options = ["--min-rating", "4", "--domain", "a", "--metadata", "k=v", "--keep-near-duplicates", "--format", "jsonl"]
    code, _, said = cli("dataset", "build", "few", str(rows), *options)
    assert (code, "no row is left to train on" in said) == (1, True)
    spoken = ("--language", "en", "--language", "de")
    code, out, _ = cli("dataset", "build", "few", str(rows), *spoken, *options[:4], *options[6:], "--json")
    recipe = json.loads(out)["recipe"]
    assert recipe["languages"] == ["en", "de"]
    assert (code, recipe["min_rating"], recipe["domains"], recipe["near_duplicates"]) == (0, 4, ["a"], None)


def test_dataset_diff_leak_and_report_print_results(cli: Any, rows: Path, tmp_path: Path) -> None:
    for seed in ("1", "2"):
        assert cli("dataset", "build", f"s{seed}", str(rows), "--seed", seed, "--tokens-of", "gpt-4o")[0] == 0
    code, out, _ = cli("dataset", "diff", "s1", "s2")
    assert code == 0
    assert "rows moved" in out
    assert json.loads(cli("dataset", "diff", "s1", "s1", "--json")[1])["same"] is True
    code, out, _ = cli("dataset", "leak", "s1", str(rows))
    assert code == 1
    assert "same row" in out
    other = write(tmp_path / "other.jsonl", [chat(question(n)) for n in range(50, 60)])
    assert cli("dataset", "leak", "s1", str(other))[0] == 0
    page = tmp_path / "report.html"
    code, out, _ = cli("dataset", "report", "s1", "--epochs", "2", "--html", str(page))
    assert code == 0
    assert "gpt-4o-mini" in out
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert cli("dataset", "report", "s1", "--json")[0] == 0


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("show", "none"), 1, "no dataset none; `ft-cli dataset list` shows them"),
        (("diff", "none", "none"), 1, "no dataset none"),
        (("leak", "none.jsonl", "none.jsonl"), 1, "no such file"),
        (("build", "x", "none.jsonl"), 1, "no such file"),
        (("build", "x", "rows.jsonl", "--near-duplicates", "0.1"), 2, "near_duplicates must be between 0.7 and 1"),
        (("build", "x", "rows.jsonl", "--metadata", "k"), 2, "--metadata takes KEY=VALUE, not 'k'"),
        (("build", "../x", "rows.jsonl"), 2, "must be a file name inside"),
        (("build", "x", "rows.jsonl", "--tokens-of", "llama"), 2, "no public encoding for the model llama"),
        (("report", "none"), 1, "no dataset none"),
        (("list", "--limit", "0"), 2, "limit must be a whole number of 1 or more"),
    ],
)
def test_dataset_commands_with_mistake_print_one_line(
    cli: Any, rows: Path, argv: tuple[str, ...], code: int, said: str
) -> None:
    found, _, error = cli("dataset", *argv)
    assert rows.is_file()
    assert found == code
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_prepare_dataset_no_valid_call_prints_the_reason(workspace: Path, cli: Any) -> None:
    for number in range(12):
        DistillationDataCollector().capture_success(f"What is the mean of {number}?", f"It is {number}.", "d", "t")
    code, _, err = cli("prepare-dataset")
    assert code == 1
    assert "12 found, 12 with 'Response too short'; such as 'Response too short (8 of 20 characters)'" in err
    code, out, err = cli("prepare-dataset", "--min-response-length", "1", "--json")
    assert code == 0, err
    assert json.loads(out)["rows"] == 12
