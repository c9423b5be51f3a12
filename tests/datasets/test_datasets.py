"""Validation, near-duplicates, splits, formats and frozen files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fine_tuning import DatasetBuilder
from fine_tuning.data_io.content_hash import content_hash
from fine_tuning.data_io.rows import prompt_and_reference, read_rows
from fine_tuning.datasets import near_duplicates
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError, StorageError, UsageError
from fine_tuning.store import datasets
from fine_tuning.store.database import Database

LONG = "please tell me where the parcel with my new blue lamp is and when it will arrive at home"


def test_groups_near_duplicates_share_a_group() -> None:
    texts = [LONG, "something else entirely, about an invoice", LONG.upper() + "!!", LONG + " today", "short", "Short."]
    assert near_duplicates.groups(texts) == [0, 1, 0, 0, 2, 2]
    assert near_duplicates.groups([*texts, "SHORT", "\tshort "], threshold=1.0) == [0, 1, 2, 3, 4, 5, 4, 4]


def test_groups_of_no_texts_are_empty() -> None:
    assert near_duplicates.groups([]) == []
    assert near_duplicates.groups(["one"]) == [0]


def test_split_train_test_keeps_near_duplicates_together(examples: list[dict[str, Any]]) -> None:
    twins = [
        {**example, "prompt": example["prompt"] + " " + LONG + ending} for example in examples for ending in ("", "!")
    ]
    for seed in range(5):
        train, test = DatasetBuilder().split_train_test(twins, 0.75, seed=seed)
        assert (len(train), len(test)) == (30, 10)
        assert not {e["prompt"].rstrip("!") for e in train} & {e["prompt"].rstrip("!") for e in test}


def test_split_train_test_only_near_duplicates_warns(caplog: pytest.LogCaptureFixture) -> None:
    alike = [{"prompt": f"{LONG} letter {letter}", "response": "x"} for letter in "bcdefghj"]
    train, test = DatasetBuilder().split_train_test(alike, 0.75)
    assert (len(train), len(test)) == (6, 2)
    assert "near-duplicates are on both sides" in caplog.text


def test_split_train_test_different_seeds_differ(examples: list[dict[str, Any]]) -> None:
    builder = DatasetBuilder()
    assert builder.split_train_test(examples, 0.5, seed=1) != builder.split_train_test(examples, 0.5, seed=2)
    with pytest.raises(UsageError, match="train_ratio must be between 0 and 1, not 1.5"):
        builder.split_train_test(examples, 1.5)


def test_save_dataset_records_hash_recipe_and_members(database: Database) -> None:
    collector = DistillationDataCollector()
    for number in range(3):
        collector.capture_success(f"question number {number}", "an answer long enough to be valid", "d", "t")
    builder = DatasetBuilder()
    examples = builder.build_from_distillation(domain="d")
    path = builder.save_dataset(examples, "mine")
    rows = [row for _, row in read_rows(path)]
    with database.read() as tx:
        frozen = datasets.find_by_hash(tx, content_hash(rows))
        assert frozen is not None
        assert sorted(datasets.members(tx, frozen["id"])) == sorted(example["id"] for example in examples)
    assert (frozen["name"], frozen["rows"], frozen["format"]) == ("mine", 3, "openai")
    assert frozen["recipe"]["domain"] == "d"


def test_content_hash_ignores_key_order() -> None:
    assert content_hash([{"a": 1, "b": "é"}]) == content_hash([{"b": "é", "a": 1}])
    assert content_hash([{"a": 1}, {"a": 2}]) != content_hash([{"a": 2}, {"a": 1}])


@pytest.mark.parametrize("name", ["../outside", "/etc/x", ".", "..", "folder/"])
def test_save_dataset_name_outside_folder_raises(examples: list[dict[str, Any]], name: str) -> None:
    with pytest.raises(UsageError, match="must be a file name inside"):
        DatasetBuilder().save_dataset(examples, name)


def test_save_dataset_without_valid_examples_raises_and_leaves_no_file(workspace: Path) -> None:
    with pytest.raises(UsageError, match="no examples to save as x"):
        DatasetBuilder().save_dataset([], "x")
    with pytest.raises(DataError, match="example 1: response is missing"):
        DatasetBuilder().save_dataset([{"prompt": "p"}], "x")
    assert not list(workspace.rglob("x*"))


def test_save_dataset_folder_not_creatable_raises(examples: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot create folder .*file"):
        DatasetBuilder(tmp_path / "file" / "sub").save_dataset(examples, "x")


def test_validate_examples_invalid_rows_have_issues() -> None:
    odd: list[Any] = ["text", {"prompt": 3, "response": None}, {"prompt": "ok?", "response": "yes"}]
    report = DatasetBuilder().validate_examples(odd, min_prompt_length=3, min_response_length=3)
    assert [row["issues"] for row in report["invalid_examples"]] == [
        ["not a mapping but str"],
        ["Prompt is not text but int", "Missing response"],
    ]
    assert report["valid_examples"] == odd[2:]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.jsonl", b"", "x.jsonl is empty"),
        ("x.jsonl", b'{"a": 1}\n[2]\n', "x.jsonl, line 2: a row must be a JSON object, not an array"),
        ("x.jsonl", b'{"a": "\xff"}\n', "x.jsonl, line 1: not UTF-8"),
        ("x.json", b'{"a": 1}', "must contain a JSON array"),
        ("x.json", b"[1,\n2", r"x\.json: not JSON .*line 2"),
    ],
)
def test_read_rows_unreadable_file_raises_with_file_and_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_rows(tmp_path / name)


def test_prompt_and_reference_reads_every_format() -> None:
    asked = [{"role": "user", "content": "q"}]
    assert prompt_and_reference({"messages": [*asked, {"role": "assistant", "content": "a"}]}, "x") == (asked, [], "a")
    assert prompt_and_reference({"instruction": "q", "input": "", "output": "a"}, "x") == (asked, [], "a")
    assert prompt_and_reference({"prompt": "q", "response": "a"}, "x") == (asked, [], "a")
    with pytest.raises(DataError, match="f.jsonl, row 3: needs messages"):
        prompt_and_reference({"text": "q"}, "f.jsonl, row 3")


@given(st.lists(st.fixed_dictionaries({"prompt": st.text(), "response": st.text()}), min_size=1))
def test_to_jsonl_format_round_trips(examples: list[dict[str, Any]]) -> None:
    text = DatasetBuilder().to_jsonl_format(examples)
    assert [json.loads(line) for line in text.split("\n")] == examples


def test_save_dataset_same_name_keeps_the_earlier_dataset(
    database: Database, examples: list[dict[str, Any]], workspace: Path
) -> None:
    builder = DatasetBuilder()
    first = Path(builder.save_dataset(examples, "same"))
    content = first.read_text()
    assert builder.save_dataset(examples, "same") == str(first)  # nothing new, nothing moves
    builder.save_dataset(examples[:5], "same")
    (kept,) = (workspace / "datasets" / "earlier").iterdir()
    assert kept.read_text() == content
    assert len(first.read_text().splitlines()) == 5
    with database.read() as tx:
        for path in (kept, first):
            rows = [row for _, row in read_rows(path)]
            record = datasets.find_by_hash(tx, content_hash(rows))
            assert record is not None
            assert record["path"] == str(path)
