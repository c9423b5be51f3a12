"""Rows that are easily lost, and rows that easily bring a run down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import DatasetBuilder
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError, NotFoundError, UsageError
from tests.datasets.test_building import WORDS, build, chat, lines_of, question, rows_of, write

KEY = "ghp_" + "a1B2c3D4e5" * 3 + "F6g7H8"
OTHER_KEY = "AKIA" + "IOSFODNN7EXAMPLX"
PNG = "https://example.com/{}.png"


def shown(number: int, *, text: bool = True) -> list[dict[str, Any]]:
    image = {"type": "image_url", "image_url": {"url": PNG.format(number)}}
    return [*([{"type": "text", "text": "What is in this picture, please?"}] if text else []), image]


class TestNearDuplicates:
    def test_build_same_question_about_different_documents_is_kept(self, tmp_path: Path) -> None:
        asked = ["What is the price of it?", "Who is to be asked about it?", "When does the offer end for us?"]
        documents = [" ".join(question(n) for n in range(start, start + 12)) for start in (0, 200, 400)]
        rows = [
            chat(f"Context: {document} Question {place}: {text} {WORDS[place]}", f"{at} {place}")
            for at, document in enumerate(documents)
            for place in range(12)
            for text in [asked[place % 3]]
        ]
        made = build("rag", write(tmp_path / "rows.jsonl", rows))
        left = lines_of(made, "left-out.jsonl")
        assert all(
            row["kept_line"] is not None and (row["line"] - 1) // 12 == (row["kept_line"] - 1) // 12 for row in left
        )
        assert len({row["messages"][0]["content"].split("Question")[0] for row in rows_of(made)}) == 3

    def test_build_different_tasks_on_the_same_texts_are_kept(self, tmp_path: Path) -> None:
        tasks = (
            "Translate the message of this customer into French and add nothing to it:",
            "Say in one word what this customer of our shop wants from us today:",
        )
        rows = [chat(f"{task} {question(n)}", f"{task[:3]} {n}") for n in range(30) for task in tasks]
        assert build("tasks", write(tmp_path / "rows.jsonl", rows))["counts"]["kept"] == 60

    def test_build_variants_of_one_question_are_not_a_template(self, tmp_path: Path) -> None:
        words = " ".join(question(n) for n in range(5)).split()
        variants = [chat(" ".join([*words[:20], f"word{'abcdefghijkl'[n]}", *words[21:]])) for n in range(12)]
        others = [chat(question(n)) for n in range(100, 200)]
        made = build("variants", write(tmp_path / "rows.jsonl", [*variants, *others]))
        assert made["steps"] == {"near-duplicates": 11}
        first, second = write(tmp_path / "a.jsonl", [variants[0], *others]), write(tmp_path / "b.jsonl", variants[1:])
        assert DatasetBuilder().find_leaks(str(first), str(second))["leaking"] == 11

    @pytest.mark.parametrize("text", [True, False])
    def test_build_rows_with_different_images_are_kept(self, tmp_path: Path, text: bool) -> None:
        rows = [chat(shown(n, text=text), f"A lamp of kind {n}.") for n in range(30)]
        made = build("pictures", write(tmp_path / "rows.jsonl", [*rows, rows[0]]))
        assert (made["counts"]["kept"], made["counts"]["duplicates"]) == (30, 1)

    def test_build_rows_without_user_message_are_kept(self, tmp_path: Path) -> None:
        rows = [
            {"messages": [{"role": "system", "content": question(n)}, {"role": "assistant", "content": f"Yes, {n}."}]}
            for n in range(30)
        ]
        assert build("quiet", write(tmp_path / "rows.jsonl", rows))["counts"]["kept"] == 30


class TestSecrets:
    def test_build_mask_covers_whole_secrets_everywhere(self, tmp_path: Path) -> None:
        secrets = [
            KEY, f"{OTHER_KEY} and {OTHER_KEY}", "https://user:order@db.example.com", "github_pat_" + "a1B2" * 8,
            "sk-ant-api03-" + "a1B2c3D4" * 4, "aws_secret_access_key=" + "wJalrXUtnFEMIK7MDENG",
            "password = 'hunter22x'",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nabcdef\n-----END RSA PRIVATE KEY-----",
        ]  # fmt: skip
        rows = [chat(f"{question(n)} set the order: {secret} thanks") for n, secret in enumerate(secrets)]
        made = build("masked", write(tmp_path / "rows.jsonl", rows), secrets="mask", validation=0, test=0)
        text = json.dumps(rows_of(made))
        for part in ("a1B2", "OSFODNN7", "user:order", "wJalr", "hunter22x", "MIIEow", "abcdef"):
            assert part not in text, part
        assert text.count("set the order:") == len(secrets)
        assert text.count("thanks") == len(secrets)

    @pytest.mark.parametrize("policy", ["mask", "reject"])
    def test_build_rejected_rows_have_masked_secrets(self, tmp_path: Path, policy: str) -> None:
        good = [chat(question(n)) for n in range(20)]
        bad = [
            chat(f"{question(30)} {KEY}", "  "),
            chat(f"{question(31)} {OTHER_KEY} {OTHER_KEY}"),
            chat(KEY, rating=9),
        ]
        made = build("hidden", write(tmp_path / "rows.jsonl", [*good, *bad]), secrets=policy)
        folder = DatasetBuilder().output_dir / "hidden"
        everything = "".join(path.read_text() for path in folder.iterdir())
        assert "a1B2c3" not in everything
        assert "OSFODNN7" not in everything
        assert made["counts"]["rejected"] == (2 if policy == "mask" else 3)


class TestTables:
    def test_build_csv_cells_stay_text(self, tmp_path: Path) -> None:
        file = tmp_path / "a.csv"
        cells = ['{"intent": "x"}', "7", "[1]", "plain"]
        lines = [f'"{question(n)}","{cell.replace(chr(34), chr(34) * 2)}",1,4' for n, cell in enumerate(cells)]
        file.write_text("\n".join(["prompt,response,domain,rating", *lines]), encoding="utf-8")
        made = build("csv", file, validation=0, test=0, format="jsonl")
        assert [row["response"] for row in rows_of(made)] == cells
        assert build("one", file, domains=["1"], validation=0, test=0)["counts"]["kept"] == 4
        assert DistillationDataCollector().import_files([file]).captured == 4

    def test_build_duplicate_csv_columns_raise(self, tmp_path: Path) -> None:
        file = tmp_path / "a.csv"
        file.write_text("prompt,response,prompt\na,b,c\n")
        with pytest.raises(DataError, match=r"a\.csv, line 1: two columns are named 'prompt'"):
            build("twice", file)
        file.write_text(',prompt,response\n0,"a long\nquestion of two lines",an answer\n1,b,\n')
        with pytest.raises(DataError, match="no row is left"):
            build("index", file, min_rating=5, min_prompt=1000)
        report = DatasetBuilder().check_files(file, rejected_to=tmp_path / "rejected.jsonl")
        (rejected,) = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
        assert (report.read, report.kept, rejected["line"]) == (2, 1, 4)

    def test_import_float_ratings_are_accepted(self, tmp_path: Path) -> None:
        write(tmp_path / "a.jsonl", [{"prompt": question(n), "response": "yes it is", "rating": 4.0} for n in range(3)])
        report = DistillationDataCollector().import_files([tmp_path / "a.jsonl"])
        assert (report.captured, report.rejected) == (3, [])


class TestOddRows:
    @pytest.mark.parametrize(
        "row",
        [
            {"instruction": "a", "output": "b", "history": 5},
            {"object": "chat.completion", "choices": [{"message": {"content": "x"}}], "messages": [], "metadata": "x"},
            {"call_type": [], "messages": [{"role": "user", "content": "x"}], "response": "y"},
            {"traceId": "t", "name": "n", "input": "x", "output": "y", "scores": [{"name": "rating", "value": [4]}]},
            {"attributes": {"gen_ai.system": "x"}, "events": "x"},
        ],
    )
    def test_build_malformed_row_rejects_only_that_row(self, tmp_path: Path, row: dict[str, Any]) -> None:
        file = write(tmp_path / "rows.jsonl", [*(chat(question(n)) for n in range(15)), row])
        assert build("odd", file)["counts"]["rejected"] == 1
        assert DatasetBuilder().check_files([file]).rejected == 1
        assert len(DistillationDataCollector().import_files([file]).rejected) == 1

    def test_build_rows_with_foreign_ids_are_kept(self, tmp_path: Path) -> None:
        rows = [{"prompt": question(n), "response": "yes", "id": n, "captured_at": "2026-01-01"} for n in range(12)]
        assert build("ids", write(tmp_path / "rows.jsonl", rows))["counts"]["kept"] == 12

    def test_import_row_with_duplicate_keys_is_rejected(self, tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_text('{"prompt": "one", "prompt": "two", "response": "three"}\n')
        report = DistillationDataCollector().import_files([tmp_path / "a.jsonl"])
        assert (report.captured, report.rejected[0]["reason"].partition(":")[0]) == (0, "duplicate-key")

    def test_build_vendor_fields_of_messages_are_dropped(self, tmp_path: Path) -> None:
        message = {
            "role": "assistant",
            "content": "yes",
            "annotations": [1],
            "provider_specific_fields": {"refusal": None},
        }
        rows = [
            {
                "call_type": "completion",
                "messages": [{"role": "user", "content": question(n)}],
                "response": {"choices": [{"message": message}]},
            }
            for n in range(12)
        ]
        assert build("litellm", write(tmp_path / "rows.jsonl", rows))["counts"]["kept"] == 12

    def test_sharegpt_tool_calls_without_content_round_trip(self, tmp_path: Path) -> None:
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        rows = [
            {"messages": [{"role": "user", "content": question(n)}, {"role": "assistant", "tool_calls": [call]}]}
            for n in range(12)
        ]
        build("calls", write(tmp_path / "rows.jsonl", rows), format="sharegpt", validation=0, test=0)
        folder = DatasetBuilder().output_dir / "calls"
        assert DatasetBuilder().check_files([folder / "train.jsonl"]).kept == 12


class TestChoices:
    def test_build_langfuse_sessions_stay_in_one_split(self, tmp_path: Path) -> None:
        rows = [
            {
                "traceId": f"{n}-{turn}",
                "sessionId": f"s{n}",
                "name": "n",
                "input": question(n * 3 + turn),
                "output": f"a{turn} {n}",
            }
            for n in range(30)
            for turn in range(3)
        ]
        file = write(tmp_path / "rows.jsonl", rows)
        made = build("sessions", file, near_duplicates=None, test=0.3)
        part_of: dict[str, set[str]] = {}
        asked = {row["input"]: row["sessionId"] for row in rows}
        for part in made["parts"]:
            for row in rows_of(made, part):
                part_of.setdefault(asked[row["messages"][0]["content"]], set()).add(part)
        assert all(len(parts) == 1 for parts in part_of.values())

    def test_build_metadata_filter_matches_booleans(self, tmp_path: Path) -> None:
        rows = [chat(question(n), metadata={"vip": n % 2 == 0}) for n in range(20)]
        made = build("vip", write(tmp_path / "rows.jsonl", rows), metadata={"vip": "true"})
        assert made["steps"] == {"filter metadata": 10}

    def test_build_since_and_until_are_counted_separately(self, tmp_path: Path) -> None:
        rows = [chat(question(n), captured_at=f"2026-0{1 + n % 3}-05") for n in range(30)]
        made = build("times", write(tmp_path / "rows.jsonl", rows), since="2026-02-01", until="2026-03-01")
        assert made["steps"] == {"filter since": 10, "filter until": 10}

    def test_build_language_codes_ignore_case(self, tmp_path: Path) -> None:
        rows = [chat("Hvorfor ble ikke kortet mitt godtatt i butikken i går?"), chat("Why was my card not accepted?")]
        made = build("codes", write(tmp_path / "rows.jsonl", rows), languages=["NB", "En"], validation=0, test=0)
        assert made["counts"]["kept"] == 2

    def test_sharegpt_parallel_tool_calls_round_trip(self, tmp_path: Path) -> None:
        tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
        rows = [chat(question(n), tools=tools, parallel_tool_calls=False) for n in range(12)]
        build("turns", write(tmp_path / "rows.jsonl", rows), format="sharegpt", validation=0, test=0)
        folder = DatasetBuilder().output_dir / "turns"
        back = build("back", folder / "train.jsonl", validation=0, test=0)
        assert {row["parallel_tool_calls"] for row in rows_of(back)} == {False}

    def test_build_language_filter_keeps_short_questions(self, tmp_path: Path) -> None:
        rows = [
            chat(text, f"{n}")
            for n, text in enumerate(["Hello", "thanks", "Warum wurde meine Karte nicht angenommen?"])
        ]
        made = build("spoken", write(tmp_path / "rows.jsonl", rows), languages=["en"], validation=0, test=0)
        assert made["steps"] == {"filter languages": 1}

    @pytest.mark.parametrize("choices", [{"domains": "support"}, {"languages": "en"}, {"table": []}])
    def test_build_invalid_choices_raise(self, tmp_path: Path, choices: dict[str, Any]) -> None:
        with pytest.raises(UsageError, match=r"must be a list of texts|not both"):
            build("none", write(tmp_path / "rows.jsonl", [chat("x")]), **choices)

    def test_build_broken_link_raises_with_its_name(self, tmp_path: Path) -> None:
        write(tmp_path / "rows.jsonl", [chat(question(n)) for n in range(12)])
        (tmp_path / "lost.jsonl").symlink_to(tmp_path / "gone.jsonl")
        with pytest.raises(NotFoundError, match=r"the link .*lost\.jsonl is broken"):
            build("links", tmp_path)


def test_same_question_with_other_tools_is_another_question(tmp_path: Path) -> None:
    tools = [[{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}] for name in "fg"]
    rows = [chat("Where is my lamp?", f"It is in room {number}.", tools=tools[number % 2]) for number in range(4)]
    made = build("tools", write(tmp_path / "rows.jsonl", rows), near_duplicates=1.0, validation=0, test=0)
    assert made["steps"] == {"near-duplicates": 2}
