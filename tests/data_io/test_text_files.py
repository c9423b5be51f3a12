"""Files as spreadsheets and old tools write them: `sep=` lines, names with spaces, Windows-1252, text between tabs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fine_tuning.data_io import formats, sources

ROW = {"prompt": "Où est le café ?", "response": "À côté, c’est l’été"}  # noqa: RUF001


def read(path: Path, content: bytes) -> list[dict[str, str]]:
    path.write_bytes(content)
    return [json.loads(row.text or b"") for row in sources.read(str(path))]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', '"SEP=;";;', "sep=;;"])
def test_csv_with_a_line_for_its_separator_is_read(tmp_path: Path, first: str) -> None:
    rows = read(tmp_path / "x.csv", f"{first}\r\n Prompt ; Response \r\nq;a\r\n".encode())
    assert rows == [{"Prompt": "q", "Response": "a"}]
    (call,) = formats.calls_in(rows[0])
    assert [each["content"] for each in call.messages] == ["q", "a"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8", "utf-8-sig", "cp1252"])
def test_text_between_tabs_is_read(tmp_path: Path, encoding: str) -> None:
    text = "\r\n".join("\t".join(cells) for cells in (ROW.keys(), ROW.values()))
    assert read(tmp_path / "x.txt", text.encode(encoding)) == [ROW]


def test_text_file_of_json_is_read_as_json(tmp_path: Path) -> None:
    assert read(tmp_path / "x.txt", json.dumps(ROW).encode() + b"\n\n") == [ROW]
    assert read(tmp_path / "x.txt", b'{"a":\t"b"}\n{"a":\t"c"}\n') == [{"a": "b"}, {"a": "c"}]


@pytest.mark.parametrize("text", [*ROW.values(), "Größe – Straße", "señor ¿qué?", "€ 5 ½ naïve", "Île d'Yeu"])  # noqa: RUF001
@pytest.mark.parametrize("name", ["x.jsonl", "x.json"])
def test_json_in_windows_1252_is_read(tmp_path: Path, name: str, text: str) -> None:
    row = {**ROW, "prompt": text}
    line = json.dumps(row, ensure_ascii=False)
    content = f"{line}\n{line}\n" if name == "x.jsonl" else f"[{line}]"
    assert read(tmp_path / name, content.encode("cp1252"))[0] == row


@pytest.mark.parametrize(
    "text",
    [
        *("да и я".encode("cp1251"), "日本".encode("shift_jis"), "中".encode("gbk")),
        *("żółć".encode("cp1250"), b"caf\xc3", b"\xff", "é".encode() + b"\xe9t", b"\xe2\x80"),
    ],
)
def test_json_whose_encoding_is_not_sure_is_left_to_the_checks(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"prompt": "' + text + b' go"}\n')
    (row,) = sources.read(str(path))
    assert row.text == b'{"prompt": "' + text + b' go"}'


def test_mark_of_utf8_between_files_that_were_joined_is_no_part_of_a_row(tmp_path: Path) -> None:
    one = json.dumps(ROW).encode()
    joined = b"\xef\xbb\xbf" + one + b"\r\n\xef\xbb\xbf" + one + b"\n\xef\xbb\xbf\n"
    assert read(tmp_path / "x.jsonl", joined) == [ROW, ROW]
