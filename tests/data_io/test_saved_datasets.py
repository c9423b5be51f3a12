"""Arrow files, the folders of Hugging Face's datasets, and the two files of a batch."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from fine_tuning.data_io import sources
from fine_tuning.data_io.sources import saved_datasets
from fine_tuning.errors import DataError, NotFoundError
from tests.data_io.test_sources import rows


class TestArrow:
    ROWS = ({"question": "a", "answer": "b"}, {"question": "c", "answer": None})

    @pytest.mark.parametrize("ending", [".arrow", ".feather", ".arrow.gz"])
    def test_read_arrow_file_of_either_format_returns_rows(self, tmp_path: Path, ending: str) -> None:
        file, table = tmp_path / f"rows{ending}", pa.Table.from_pylist(list(self.ROWS))
        sink = pa.BufferOutputStream()
        make = pa.ipc.new_file if ending == ".feather" else pa.ipc.new_stream
        with make(sink, table.schema) as writer:
            writer.write_table(table)
        content = sink.getvalue().to_pybytes()
        file.write_bytes(gzip.compress(content) if ending.endswith(".gz") else content)
        assert rows(file) == [(1, {"question": "a", "answer": "b"}), (2, {"question": "c"})]

    @pytest.mark.parametrize("content", [b"", b"no arrow", b"ARROW1" + b"x" * 40, b"\xff\xff\xff\xff\x10\x00"])
    def test_read_damaged_arrow_file_raises_one_line(self, tmp_path: Path, content: bytes) -> None:
        file = tmp_path / "rows.arrow"
        file.write_bytes(content)
        with pytest.raises(DataError, match="rows.arrow, after row 0: not a readable Arrow file") as caught:
            rows(file)
        assert "\n" not in str(caught.value)


class TestSavedDatasets:
    @staticmethod
    def saved(folder: Path, shards: list[list[dict[str, Any]]]) -> Path:
        """A folder as `datasets.Dataset.save_to_disk` writes it."""
        folder.mkdir(parents=True)
        names = [f"data-{n:05}-of-{len(shards):05}.arrow" for n in range(len(shards))]
        for name, shard in zip(names, shards, strict=True):
            table = pa.Table.from_pylist(shard)
            with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
                writer.write_table(table)
        state = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "6a3e", "_split": None}
        (folder / "state.json").write_text(json.dumps(state))
        (folder / "dataset_info.json").write_text(json.dumps({"citation": "", "features": {"n": {"dtype": "int64"}}}))
        (folder / "cache-1.arrow").write_bytes(b"left over")
        return folder

    def test_read_saved_dataset_returns_rows_of_its_files(self, tmp_path: Path) -> None:
        folder = self.saved(tmp_path / "made", [[{"n": 1}, {"n": 2}], [{"n": 3}]])
        assert [row for _, row in rows(folder)] == [{"n": 1}, {"n": 2}, {"n": 3}]

    def test_read_saved_dict_returns_rows_of_each_split(self, tmp_path: Path) -> None:
        for number, split in enumerate(("train", "test")):
            self.saved(tmp_path / "made" / split, [[{"n": number}]])
        (tmp_path / "made" / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
        assert [row for _, row in rows(tmp_path / "made")] == [{"n": 0}, {"n": 1}]
        (tmp_path / "other.jsonl").write_text('{"n": 2}\n')
        (tmp_path / "made" / "train" / "cache-1.arrow").unlink()
        (tmp_path / "made" / "test" / "cache-1.arrow").unlink()
        assert {row["n"] for _, row in rows(tmp_path)} == {0, 1, 2}
        listed = [
            f"s3://b/made/{name}" for name in ("dataset_dict.json", "train/state.json", "train/data-0.arrow", "a.json")
        ]
        assert saved_datasets.without_descriptions(listed) == ["s3://b/made/train/data-0.arrow", "s3://b/made/a.json"]

    def test_read_incomplete_saved_dataset_names_what_is_missing(self, tmp_path: Path) -> None:
        folder = self.saved(tmp_path / "made", [[{"n": 1}]])
        (folder / "data-00000-of-00001.arrow").unlink()
        with pytest.raises(NotFoundError, match=r"data-00000-of-00001\.arrow is missing, which state\.json lists"):
            rows(folder)
        (folder / "state.json").write_text("{")
        with pytest.raises(DataError, match=r"state\.json cannot be read"):
            rows(folder)
        (folder / "state.json").write_text("{}")
        with pytest.raises(DataError, match=r"state\.json lists no files"):
            rows(folder)

    def test_read_saved_dict_without_a_split_raises(self, tmp_path: Path) -> None:
        (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train"]}))
        with pytest.raises(NotFoundError, match=r"train/state\.json is missing"):
            rows(tmp_path)


class TestBatches:
    ASKED = tuple(
        {"custom_id": f"r-{n}", "method": "POST", "url": "/v1/chat/completions", "body": {"n": n}} for n in range(3)
    )
    ANSWERED = tuple({"id": "b", "custom_id": f"r-{n}", "response": {"body": {"a": n}}, "error": None} for n in (1, 0))

    @staticmethod
    def joined(*given: Any) -> list[tuple[int, Any]]:
        raw = [sources.RawRow("f", line, json.dumps(row).encode()) for line, row in enumerate(given, 1)]
        return [(row.line, json.loads(row.text or b"")) for row in sources.with_requests(raw)]

    def test_results_are_joined_with_their_requests_in_either_order(self) -> None:
        for given in ([*self.ASKED, *self.ANSWERED], [*self.ANSWERED, *self.ASKED]):
            found = [row for _, row in self.joined({"n": 9}, *given)]
            expected = [{**row, "request": {"n": int(row["custom_id"][-1])}} for row in self.ANSWERED]
            assert found == [{"n": 9}, *expected, self.ASKED[2]]

    def test_requests_of_anthropic_are_joined(self) -> None:
        asked = {"custom_id": "a", "params": {"messages": []}}
        answered = {"custom_id": "a", "result": {"type": "succeeded", "message": {}}}
        assert self.joined(asked, answered) == [(2, {**answered, "request": {"messages": []}})]

    def test_id_of_two_requests_joins_neither(self) -> None:
        other = {**self.ASKED[0], "body": {"n": 7}}
        assert [row for _, row in self.joined(self.ASKED[0], other, self.ANSWERED[1])] == [self.ANSWERED[1]]
        assert len(self.joined(self.ASKED[0], self.ASKED[0], self.ANSWERED[1])) == 1

    def test_other_rows_pass_as_they_are(self) -> None:
        raw = [sources.RawRow("f", 1, text) for text in (None, b"{", b'["custom_id"]', b'{"custom_id": 1}')]
        assert list(sources.with_requests(raw)) == raw
