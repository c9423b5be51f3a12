"""Frozen datasets: every row accounted for, nothing said twice, nothing in two parts."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import DatasetBuilder
from fine_tuning.data_io.content_hash import content_hash
from fine_tuning.data_io.rows import read_rows
from fine_tuning.datasets import manifest
from fine_tuning.datasets.recipe import Recipe, RecipeChoices
from fine_tuning.datasets.split_assignment import deal
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError, NotFoundError, StorageError, UsageError
from fine_tuning.store.database import open_database
from fine_tuning.store.records.manifests import RecipeOptions
from tests.small_disks import small_disk

WORDS = "amber birch cedar dune ember fjord grove heath inlet juniper knoll lagoon marsh nook orchard pond".split()


def test_type_checkers_know_every_choice_of_a_recipe() -> None:
    assert RecipeChoices.__annotations__.keys() == Recipe.model_fields.keys()
    assert RecipeOptions.__annotations__.keys() == Recipe.model_fields.keys()


def question(number: int) -> str:
    """Eight words, different for each number in more than one place."""
    return "where is " + " ".join(WORDS[(number // 16**place + place * number) % 16] for place in range(6))


def chat(asked: Any, answered: str = "It is over there, behind the hill.", **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}], **more}


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def build(name: str, files: Any = None, **choices: Any) -> dict[str, Any]:
    return DatasetBuilder().build(name, files if files is None or isinstance(files, list) else [files], **choices)


def rows_of(made: dict[str, Any], part: str = "train") -> list[dict[str, Any]]:
    folder = DatasetBuilder().output_dir / made["name"]
    return [row for _, row in read_rows(folder / made["parts"][part]["file"])]


def lines_of(made: dict[str, Any], file: str) -> list[dict[str, Any]]:
    text = (DatasetBuilder().output_dir / made["name"] / file).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


class TestSelection:
    def test_build_accounts_for_every_row(self, tmp_path: Path) -> None:
        good = [chat(question(n)) for n in range(30)]
        bad = [{"messages": []}, {"messages": [{"role": "user", "content": "hi"}]}, {"what": 1}, chat("x", rating=9)]
        file = write(tmp_path / "rows.jsonl", [*good, *bad, good[3], chat(question(5).upper() + "!")])
        with file.open("a", encoding="utf-8") as stream:
            stream.write('{"messages": [\n')
        made = build("support", file)
        counts = made["counts"]
        assert counts == {"read": 37, "kept": 30, "rejected": 5, "duplicates": 2, "left_out": 0}
        assert made["steps"] == {"exact duplicates": 1, "near-duplicates": 1}
        assert {(line["line"], line["reasons"][0]["code"]) for line in lines_of(made, "rejected.jsonl")} == {
            (31, "no-messages"),
            (32, "last-not-assistant"),
            (33, "unknown-format"),
            (34, "wrong-rating"),
            (37, "not-json"),
        }
        assert [(line["line"], line["why"], line["kept_line"]) for line in lines_of(made, "left-out.jsonl")] == [
            (35, "duplicate", 4),
            (36, "near-duplicate", 6),
        ]
        assert sum(part["rows"] for part in made["parts"].values()) == 30

    def test_build_duplicates_keep_the_best_rated(self, tmp_path: Path) -> None:
        asked = question(1)
        rows = [
            chat(asked, "A first answer, not so good.", rating=3),
            chat(asked + "?", "The best answer of them all.", rating=5),
            chat(asked, "A third answer, so so.", rating=3),
            *(chat(question(n)) for n in range(2, 12)),
        ]
        made = build("best", write(tmp_path / "rows.jsonl", rows), validation=0, test=0)
        answers = [row["messages"][-1]["content"] for row in rows_of(made)]
        assert "The best answer of them all." in answers
        assert len(answers) == 11
        assert made["conflicts"]["questions"] == 1
        assert [line for _, line in made["conflicts"]["first"][0]] == [1, 3]
        both = build("all", write(tmp_path / "rows.jsonl", rows), near_duplicates=None)
        assert both["counts"]["kept"] == 13

    def test_build_shared_system_message_is_no_duplicate(self, tmp_path: Path) -> None:
        system = {"role": "system", "content": "You are the assistant of a shop. " + " ".join(WORDS) * 5}
        rows = [{"messages": [system, *chat(f"{word} please")["messages"]]} for word in WORDS]
        assert build("shop", write(tmp_path / "rows.jsonl", rows))["counts"]["kept"] == 16

    @pytest.mark.parametrize(
        ("choices", "left"),
        [
            ({"min_rating": 4}, {0, 2, 3}),
            ({"domains": ["a"]}, {0, 1}),
            ({"task_types": ["chat"]}, {2}),
            ({"models": ["big"]}, {3}),
            ({"metadata": {"team": "7"}}, {1}),
            ({"since": "2026-03-01"}, {3}),
            ({"until": "2026-03-01T00:00:00+00:00"}, {2}),
            ({"min_prompt": 100}, {0}),
            ({"min_response": 100}, {1}),
            ({"max_characters": 90}, {2, 3}),
            ({"languages": ["de", "fr"]}, {2}),
        ],
    )
    def test_build_filters_select_rows(self, tmp_path: Path, choices: dict[str, Any], left: set[int]) -> None:
        rows = [
            chat(question(1) + " " + "long " * 30, rating=5, domain="a"),
            chat(question(2), "long " * 30, rating=3, domain="a", metadata={"team": 7}),
            chat("Warum wurde meine Karte nicht angenommen?", task_type="chat", captured_at="2026-02-03T04:05:06Z"),
            chat(question(4), model="big", captured_at=1_780_000_000),
        ]
        made = build("filtered", write(tmp_path / "rows.jsonl", rows), validation=0, test=0, **choices)
        kept = {row["messages"][0]["content"] for row in rows_of(made)}
        assert kept == {rows[place]["messages"][0]["content"] for place in left}
        (name,) = choices
        assert made["steps"] == {f"filter {name}": 4 - len(left)}
        assert made["counts"]["left_out"] == 4 - len(left)

    def test_build_unknown_language_raises_before_reading(self) -> None:
        with pytest.raises(UsageError, match="unknown language 'english'; use ISO 639 codes: ace, af, am"):
            build("none", "nowhere.jsonl", languages=["english"])

    def test_build_shared_template_is_no_duplicate(self, tmp_path: Path) -> None:
        template = "You work for a shop of lamps. Say in one word what this customer wants, and nothing else:"
        rows = [chat(f"{template} {question(n)}", ("parcel", "money")[n % 2]) for n in range(60)]
        rows += [chat(f"{template} {question(7)}!", "parcel", rating=5)]
        file = write(tmp_path / "rows.jsonl", rows)
        made = build("lamps", file)
        assert made["steps"] == {"near-duplicates": 1}
        assert {name: part["rows"] for name, part in made["parts"].items()} == {"train": 48, "validation": 6, "test": 6}
        parts = [str(DatasetBuilder().output_dir / "lamps" / f"{name}.jsonl") for name in ("train", "test")]
        assert DatasetBuilder().find_leaks(*parts)["leaking"] == 0
        assert DatasetBuilder().find_leaks(str(file), parts[1])["leaking"] == 6

    def test_build_balance_and_limit_sample_rows(self, tmp_path: Path) -> None:
        rows = [chat(question(n), domain="rare" if n < 12 else "common") for n in range(60)]
        file = write(tmp_path / "rows.jsonl", rows)
        made = build("balanced", file, format="jsonl", balance="domain", validation=0, test=0)
        assert Counter(row["domain"] for row in rows_of(made)) == {"rare": 12, "common": 12}
        few = build("few", file, limit=20, validation=0, test=0)
        assert few["parts"]["train"]["rows"] == 20
        assert rows_of(few) == rows_of(build("again", file, limit=20, validation=0, test=0))
        assert rows_of(few) != rows_of(build("other", file, limit=20, seed=1, validation=0, test=0))


class TestParts:
    def test_build_splits_are_stratified(self, tmp_path: Path) -> None:
        rows = [chat(question(n), domain=("a", "b", "c")[n % 3 if n < 90 else 0]) for n in range(200)]
        made = build("parts", write(tmp_path / "rows.jsonl", rows), format="jsonl", validation=0.1, test=0.2)
        assert {name: part["rows"] for name, part in made["parts"].items()} == {
            "train": 140,
            "validation": 20,
            "test": 40,
        }
        for part, share in (("train", 0.7), ("validation", 0.1), ("test", 0.2)):
            found = Counter(row["domain"] for row in rows_of(made, part))
            for domain, count in Counter(row["domain"] for row in rows).items():
                assert abs(found[domain] - share * count) <= 1

    def test_build_conversations_and_near_duplicates_stay_in_one_split(self, tmp_path: Path) -> None:
        rows = []
        for n in range(40):
            first = chat(question(n), f"Answer {n}.")["messages"]
            again = [
                {"role": "user", "content": f"and {question(n + 100)}"},
                {"role": "assistant", "content": "There."},
            ]
            rows += [{"messages": first}, {"messages": [*first, *again]}]
            rows += [
                chat(f"{question(n + 200)} {side}", side, metadata={"session_id": f"s{n}"}) for side in ("x y z", "w")
            ]
        file = write(tmp_path / "rows.jsonl", rows)
        made = build("together", file, format="jsonl", near_duplicates=None, validation=0.2, test=0.2)
        where: dict[str, set[str]] = {}
        for part in made["parts"]:
            for row in rows_of(made, part):
                key = row.get("metadata", {}).get("session_id") or row["messages"][1]["content"]
                where.setdefault(key, set()).add(part)
        assert len(where) == 80
        assert all(len(parts) == 1 for parts in where.values())
        assert {part for parts in where.values() for part in parts} == {"train", "validation", "test"}

    def test_deal_keeps_the_shares_in_every_block(self) -> None:
        dealt = deal([1] * 1000, (0.8, 0.1, 0.1))
        for start in range(0, 1000, 100):
            assert Counter(dealt[start : start + 100]) == {0: 80, 1: 10, 2: 10}
        assert deal([50, 1, 1], (0.5, 0.5, 0))[1:] == [1, 1]


class TestFreezing:
    def test_build_same_rows_and_recipe_writes_the_same_bytes(self, tmp_path: Path) -> None:
        rows = [chat(question(n), domain="ab"[n % 2]) for n in range(50)]
        one = build("one", write(tmp_path / "rows.jsonl", rows))
        other = build("two", [write(tmp_path / f"{half}.jsonl", rows[half * 25 : half * 25 + 25]) for half in (0, 1)])
        assert one["hash"] == other["hash"]
        assert one["hash"] != build("three", tmp_path / "rows.jsonl", seed=7)["hash"]
        for part in one["parts"].values():
            path = DatasetBuilder().output_dir / "one" / part["file"]
            assert part["content_hash"] == content_hash(row for _, row in read_rows(path))
        assert manifest.read(DatasetBuilder().output_dir / "one").as_dict() == one

    def test_build_same_name_keeps_the_earlier_dataset(self, tmp_path: Path) -> None:
        file = write(tmp_path / "rows.jsonl", [chat(question(n)) for n in range(20)])
        first, same, other = build("name", file), build("name", file), build("name", file, seed=3)
        assert first["hash"] == same["hash"] != other["hash"]
        earlier = list((DatasetBuilder().output_dir / "earlier").iterdir())
        assert [manifest.read(folder).hash for folder in earlier] == [first["hash"]]
        assert DatasetBuilder().get_dataset(first["hash"][7:17])["hash"] == first["hash"]
        assert DatasetBuilder().get_dataset("name")["hash"] == other["hash"]
        (DatasetBuilder().output_dir / "mine").mkdir()
        with pytest.raises(UsageError, match="already exists and is not a dataset"):
            build("mine", file)

    def test_build_from_captured_calls_records_members(self, examples: list[dict[str, Any]]) -> None:
        collector = DistillationDataCollector()
        for example in examples:
            collector.capture_success(**example)
        made = build("captured", min_rating=4, format="jsonl", validation=0, test=0)
        assert made["sources"] == ["captured calls"]
        assert made["counts"]["read"] == 20
        listed = DatasetBuilder().list_datasets()
        assert [(each["name"], each["rows"]) for each in listed] == [("captured", made["counts"]["kept"])]
        assert (DatasetBuilder().count_datasets(), DatasetBuilder().list_datasets(offset=1)) == (1, [])

    def test_build_preference_pairs_from_corrections(self) -> None:
        collector = DistillationDataCollector()
        for number in range(12):
            made = collector.capture_success(question(number), "A bad answer, sorry.", domain="d", task_type="t")
            collector.correct(made, f"A better answer, number {number}.")
        pairs = build("pairs", format="preference", validation=0, test=0)
        row = rows_of(pairs)[0]
        assert row.keys() == {"input", "preferred_output", "non_preferred_output"}
        assert row["preferred_output"][0]["content"].startswith("A better answer")

    def test_build_jsonl_keeps_rows_unchanged(self, tmp_path: Path) -> None:
        odd = [
            chat(question(1), metadata={"n": 1.0, "deep": [{"a": None}, [1, "1"]]}, extra=10**20, rating=5),
            chat(question(2), tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}]),
            chat([{"type": "text", "text": question(3)}], "ü\u2028x"),
        ]
        rows = [*odd, *(chat(question(n)) for n in range(4, 14))]
        made = build("odd", write(tmp_path / "rows.jsonl", rows), format="jsonl", validation=0, test=0)
        assert rows_of(made) == rows

    @pytest.mark.parametrize("format", ["openai", "alpaca", "sharegpt"])
    def test_build_format_round_trips(self, tmp_path: Path, format: str) -> None:
        rows = [chat(question(n)) for n in range(12)]
        made = build("formats", write(tmp_path / "rows.jsonl", rows), format=format, validation=0, test=0)
        path = DatasetBuilder().output_dir / "formats" / made["parts"]["train"]["file"]
        assert path.suffix == (".json" if format == "alpaca" else ".jsonl")
        again = build("again", path, validation=0, test=0)
        assert rows_of(again) == rows

    def test_build_parquet_loads_with_hugging_face_datasets(self, tmp_path: Path) -> None:
        from datasets import load_dataset

        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
        call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        asked = {"role": "user", "content": question(90)}
        rows = [
            {"messages": [asked, {"role": "assistant", "tool_calls": [call]}], "tools": [tool]},
            {"messages": [*chat(question(91))["messages"][:1], {"role": "assistant", "content": "No.", "weight": 1}]},
            *(chat(question(n)) for n in range(20)),
        ]
        made = build(
            "folder", write(tmp_path / "rows.jsonl", [*rows, chat([{"type": "text", "text": "x"}])]), format="parquet"
        )
        assert made["counts"]["rejected"] == 1
        folder = DatasetBuilder().output_dir / "folder"
        loaded = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
        assert {name: len(part) for name, part in loaded.items()} == {n: p["rows"] for n, p in made["parts"].items()}
        files = [folder / part["file"] for part in made["parts"].values()]
        again = build("again", files, validation=0, test=0)
        plain = build("plain", write(tmp_path / "rows.jsonl", rows), validation=0, test=0)
        assert sorted(map(str, rows_of(again))) == sorted(map(str, rows_of(plain)))

    def test_build_from_table_keeps_rows(self) -> None:
        import pyarrow as pa

        table = pa.table({"prompt": [question(n) for n in range(12)], "response": ["It is there, see."] * 12})
        made = DatasetBuilder().build("table", table=table)
        assert made["counts"]["kept"] == 12
        assert made["sources"] == ["table"]


class TestFailures:
    def test_build_damaged_file_leaves_nothing_and_rerun_succeeds(self, tmp_path: Path) -> None:
        rows = "".join(json.dumps(chat(question(n), "y" * 50)) + "\n" for n in range(2000)).encode()
        whole = gzip.compress(rows)
        file = tmp_path / "rows.jsonl.gz"
        file.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(DataError, match=r"rows.jsonl.gz, after line \d+: .* truncated"):
            build("broken", file)
        assert not list(DatasetBuilder().output_dir.iterdir())
        assert DatasetBuilder().list_datasets() == []
        file.write_bytes(whole)
        assert build("broken", file)["counts"]["read"] == 2000

    @pytest.mark.slow
    def test_build_gigabyte_line_is_rejected(self, tmp_path: Path) -> None:
        file = write(tmp_path / "rows.jsonl", [chat(question(n)) for n in range(12)])
        with file.open("r+b") as stream:
            stream.truncate(1 << 30)  # zeros that take no room on the disk
        with file.open("a", encoding="utf-8") as text:
            text.write("\n" + json.dumps(chat(question(12))) + "\n")
        made = build("long", file)
        assert (made["counts"]["kept"], made["counts"]["rejected"]) == (13, 1)
        (line,) = lines_of(made, "rejected.jsonl")
        assert (line["line"], line["reasons"][0]["code"]) == (13, "too-long-line")

    def test_build_mixed_schemas_and_odd_rows_are_read(self, tmp_path: Path) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        folder = tmp_path / "mixed"
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "loop").symlink_to(folder)
        prompts = [question(n) for n in range(6)]
        table = {
            "prompt": prompts,
            "response": ["Over there, see."] * 6,
            "rating": [5.0, float("nan"), 4.0, None, 3.0, 9.0],
        }
        parquet.write_table(pa.table(table), folder / "a.parquet")
        (folder / "b.csv").write_text(f"instruction,output,extra\n{question(7)},It is here.,x\n", encoding="utf-8")
        write(folder / "deep" / "c.jsonl", [chat(question(n), rating=n) for n in range(8, 11)])
        with (folder / "deep" / "d.jsonl").open("wb") as stream:
            stream.write(b'{"messages": [], "rating": NaN}\n\xff\xfe{"a": 1}\n[1]\n')
        made = build("mixed", folder, validation=0, test=0)
        assert made["counts"] == {"read": 13, "kept": 6, "rejected": 7, "duplicates": 0, "left_out": 0}
        codes = Counter(line["reasons"][0]["code"] for line in lines_of(made, "rejected.jsonl"))
        assert codes == {"wrong-rating": 4, "not-finite": 1, "not-utf8": 1, "not-an-object": 1}

    def test_build_full_disk_raises_and_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = write(tmp_path / "rows.jsonl", [chat(f"{question(n)} {n}", "word " * 300) for n in range(3000)])
        with small_disk(tmp_path / "disk", "3m") as disk:
            monkeypatch.setenv("FINE_TUNING_HOME", str(disk / "workspace"))
            with pytest.raises(StorageError, match="the disk is full; free some space and run again"):
                build("full", file)
            assert [each.name for each in (disk / "workspace" / "datasets").iterdir()] == []
            open_database().close()
        monkeypatch.setenv("FINE_TUNING_HOME", str(tmp_path / "roomy"))
        assert build("full", file)["counts"]["read"] == 3000

    def test_build_without_usable_rows_raises(self, tmp_path: Path) -> None:
        empty = write(tmp_path / "rows.jsonl", [])
        with pytest.raises(DataError, match="the sources have no rows"):
            build("empty", empty)
        with pytest.raises(DataError, match=r"no row is left to train on \(read 1, rejected 1\)"):
            build("empty", write(tmp_path / "bad.jsonl", [{"a": 1}]))
        with pytest.raises(NotFoundError):
            build("empty", tmp_path / "none.jsonl")
        with pytest.raises(DataError, match="the sources have no rows"):
            build("empty")

    @pytest.mark.parametrize(
        "choices",
        [
            {"format": "xml"},
            {"min_rating": 9},
            {"validation": 0.6, "test": 0.4},
            {"test": -0.1},
            {"near_duplicates": 0.2},
            {"since": "yesterday"},
            {"balance": "colour"},
            {"limit": 0},
            {"secrets": "sell"},
            {"colour": "red"},
        ],
    )
    def test_build_invalid_recipe_raises(self, tmp_path: Path, choices: dict[str, Any]) -> None:
        with pytest.raises(UsageError):
            build("wrong", write(tmp_path / "rows.jsonl", [chat(question(1))]), **choices)

    @pytest.mark.parametrize("name", ["", "../out", "a/../../b", "."])
    def test_build_name_outside_folder_raises(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(UsageError):
            build(name, write(tmp_path / "rows.jsonl", [chat(question(1))]))


class TestLeaks:
    def test_find_leaks_reports_kinds_of_leaks(self, tmp_path: Path) -> None:
        train = write(tmp_path / "train.jsonl", [chat(question(n)) for n in range(40)])
        test = [
            chat(question(3)),
            chat(question(4), "Another answer than in training."),
            chat(f"Please: {question(5)} {question(77)}"),
            chat(f"{question(6)}, {question(6)}!"),
            *(chat(question(n)) for n in range(60, 70)),
        ]
        found = DatasetBuilder().find_leaks(str(train), str(write(tmp_path / "test.jsonl", test)), 0.7)
        assert found["counts"] == {"same row": 1, "same question": 1, "near-duplicate": 1}
        assert [(leak["kind"], leak["line"], leak["other_line"]) for leak in found["first"]] == [
            ("same row", 1, 4),
            ("same question", 2, 5),
            ("near-duplicate", 4, 7),  # said twice: six word 3-grams of eight
        ]
        near = [chat(" ".join([question(7), *WORDS, "indeed"]))]
        other = [chat(" ".join([question(7), *WORDS, "so"])), chat(question(9))]
        found = DatasetBuilder().find_leaks(
            str(write(tmp_path / "a.jsonl", near)), str(write(tmp_path / "b.jsonl", other))
        )
        assert (found["rows"], found["leaking"], found["counts"]) == (2, 1, {"near-duplicate": 1})

    def test_find_leaks_between_splits_finds_none(self, tmp_path: Path) -> None:
        file = write(tmp_path / "rows.jsonl", [chat(question(n)) for n in range(60)])
        made = build("clean", file)
        parts = [str(DatasetBuilder().output_dir / "clean" / part["file"]) for part in made["parts"].values()]
        assert DatasetBuilder().find_leaks(parts[0], parts[2])["leaking"] == 0
        assert DatasetBuilder().find_leaks("clean", str(file))["leaking"] == 60

    def test_compare_datasets_reports_recipe_and_rows(self, tmp_path: Path) -> None:
        rows = [chat(question(n)) for n in range(40)]
        build("before", write(tmp_path / "a.jsonl", rows), validation=0, test=0)
        build("after", write(tmp_path / "b.jsonl", [*rows[5:], chat("something new to ask here")]), test=0.5)
        found = DatasetBuilder().compare_datasets("before", "after")
        assert (found["added"], found["removed"], found["kept"] + found["moved"]) == (1, 5, 35)
        assert found["recipe"] == {"validation": [0, 0.1], "test": [0, 0.5]}
        assert not found["same"]


class TestReports:
    def test_build_with_token_counts_has_lengths_and_estimates(self, tmp_path: Path) -> None:
        file = write(tmp_path / "rows.jsonl", [chat(question(n)) for n in range(40)])
        made = build("told", file, tokens_of="gpt-4.1-mini")
        lengths = made["lengths"]
        assert lengths["rows"] == 40
        assert sum(lengths["histogram"]["counts"]) == 40
        assert lengths["total"] == sum(part["tokens"] for part in made["parts"].values())
        estimates = {each["target"]: each for each in DatasetBuilder().estimate_training("told", epochs=2)}
        trained = made["parts"]["train"]["tokens"] * 2
        assert estimates["gpt-4.1-mini"]["tokens"] == trained
        assert estimates["gpt-4.1-mini"]["usd"] == pytest.approx(trained / 1e6 * 5)
        assert "gpt-3.5-turbo" not in estimates  # other tokens
        assert estimates["8B parameters, a100"]["hours"] > estimates["8B parameters, h100"]["hours"] > 0
        build("untold", file)
        assert DatasetBuilder().estimate_training("untold") == []

    def test_write_report_is_self_contained_and_escaped(self, tmp_path: Path) -> None:
        rows = [*(chat(question(n)) for n in range(40)), chat(question(2), "<script>alert(1)</script>"), {"a": 1}]
        build("<b>", write(tmp_path / "rows.jsonl", rows), tokens_of="gpt-4.1-mini")
        path = DatasetBuilder().write_report("<b>", tmp_path / "report.html")
        text = Path(path).read_text(encoding="utf-8")
        assert text.count("<svg") == 2
        assert "<script" not in text
        assert "src=" not in text
        assert "&lt;b&gt;" in text
        assert "too-few" not in text
        assert "unknown-format" in text
        assert text == Path(DatasetBuilder().write_report("<b>", path)).read_text(encoding="utf-8")
