"""Files that are not UTF-8: recognised by their words, read as they are said to be, or refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fine_tuning.data_io import sources
from fine_tuning.datasets import file_check
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError, UsageError

TEXTS = [
    ("cp1252", "Où est le café ? À côté, c’est l’été"),  # noqa: RUF001
    ("cp1252", "Größe – Straße und schöne Grüße"),  # noqa: RUF001
    ("cp1252", "señor ¿qué tal está usted hoy?"),
    ("cp1252", "Jag är från Sverige och det är gott på bordet"),
    ("cp1252", "Þetta er íslenska og það er gott í dag"),
    ("cp1252", "café"),
    ("cp1252", "Zürich"),
    ("cp1252", "Straße"),
    ("cp1252", "crème brûlée"),
    ("cp1252", "coöperate"),
    ("cp1252", "I’m fine"),  # noqa: RUF001
    ("cp1252", "It is “so”."),
    ("cp1252", "now – or later"),  # noqa: RUF001
    ("cp1252", "£5 or €6"),
    ("cp1257", "ąžuol"),
    ("cp1250", "Zażółć gęślą jaźń"),
    ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy"),
    ("cp1250", "Dobrý den, jak se máte? Děkuji, dobře."),
    ("cp1250", "Árvíztűrő tükörfúrógép"),
    ("cp1250", "Kako ste danas? Čaša vode, žena i dječak"),
    ("iso8859_2", "Příliš žluťoučký kůň úpěl ďábelské ódy"),
    ("iso8859_2", "Proszę o zmianę hasła, część pieśni"),
    ("iso8859_5", "Съешь ещё этих мягких французских булок"),
    ("iso8859_5", "Как да сменя паролата си?"),
    ("mac_roman", "¿Dónde está el niño? Mañana será otro día"),
    ("mac_roman", "Où est le café ? Voilà l'été, déjà là"),
    ("mac_roman", "Falsches Üben quält jeden größeren Zwerg"),
    ("mac_roman", "A senha está incorreta, não consigo entrar"),
    ("cp1252", "The word—yes, that word—is fine"),
    ("cp1254", "Bugün hava çok güzel, değil mi?"),
    ("cp1254", "Teşekkür ederim, iyi günler"),
    ("cp1251", "Столица Франции - Париж"),
    ("koi8-r", "Какая погода в Москве сегодня?"),
    ("big5", "請問您需要什麼幫助"),
    ("gb18030", "请问您需要什么帮助"),
    ("shift_jis", "今日の天気はどうですか"),
    ("euc_jp", "フランスの首都はパリです"),
    ("euc_kr", "프랑스의 수도는 파리입니다"),
    ("cp1253", "Καλημέρα, τι κάνεις σήμερα"),
    ("cp1255", "שלום מה שלומך היום"),
    ("cp862", "שלום מה שלומך היום"),
    ("cp1256", "مرحبا كيف حالك اليوم؟"),
    ("cp1256", "ما هي عاصمة فرنسا؟ العاصمة هي باريس"),
    ("cp1256", "مَرْحَبًا بِكَ فِي المَدْرَسَةِ"),
    ("cp1256", "سلام، حال شما چطور است؟"),
    ("cp1256", "café مرحبا بكم في المطعم"),
    ("iso8859_6", "مرحبا كيف حالك اليوم؟"),
    ("cp874", "สวัสดีครับ วันนี้เป็นอย่างไรบ้าง"),
    ("tis_620", "เมืองหลวงของฝรั่งเศสคือที่ไหน ปารีส"),
    ("cp874", "ราคา ๑๐๐ บาท ฯลฯ"),
    ("cp874", "“สวัสดี” – ครับ…"),  # noqa: RUF001
    ("cp874", "ใช่ ไม่ใช่"),
]


def read(path: Path, content: bytes, encoding: str | None = None) -> list[sources.RawRow]:
    path.write_bytes(content)
    return list(sources.read(str(path), encoding))


@pytest.mark.parametrize("encoding", ["utf_32", "utf_32_le", "utf_32_be", "utf_16", "utf_16_le", "utf_16_be"])
@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_wider_encodings_are_told_by_their_mark_or_zeros(tmp_path: Path, encoding: str, name: str) -> None:
    row = {"prompt": "今日の天気 🇯🇵 café?", "response": "晴れ"}
    written = ",".join(row) + "\n" + ",".join(row.values()) if name == "x.csv" else json.dumps(row, ensure_ascii=False)
    (found,) = read(tmp_path / name, written.encode(encoding))
    assert json.loads(found.text or b"") == row


@pytest.mark.parametrize(("encoding", "text"), TEXTS)
@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_text_of_an_encoding_is_recognised_and_said(tmp_path: Path, encoding: str, text: str, name: str) -> None:
    row = {"prompt": text, "response": f"{text}!"}
    written = (
        ";".join(row) + "\r\n" + ";".join(row.values()) if name == "x.csv" else json.dumps(row, ensure_ascii=False)
    )
    (found,) = read(tmp_path / name, written.encode(encoding))
    assert json.loads(found.text or b"") == row
    assert found.assumed is not None


@pytest.mark.parametrize(("encoding", "text"), TEXTS)
def test_given_encoding_is_believed(tmp_path: Path, encoding: str, text: str) -> None:
    (found,) = read(tmp_path / "x.csv", f"prompt;response\n{text};a".encode(encoding), encoding)
    assert (json.loads(found.text or b"")["prompt"], found.assumed) == (text, None)


@pytest.mark.parametrize(
    ("encoding", "text", "named"),
    [
        ("cp1251", "да", "cp1251"),
        ("gbk", "中", "gb18030"),
        ("shift_jis", "日本", ""),
        ("cp1250", "mulţi", "cp1250"),
        ("cp850", "Où est le café", "cp1251"),
        ("cp874", "น้ำ", "cp874"),
        ("cp1256", "باريس", "cp1256"),
    ],
)
def test_table_whose_encoding_is_not_sure_is_refused_by_name(
    tmp_path: Path, encoding: str, text: str, named: str
) -> None:
    with pytest.raises(DataError, match=r"x.csv, line 2: byte \d+ \(0x\w\w\) is not UTF-8, .*--encoding") as caught:
        read(tmp_path / "x.csv", f"prompt;response\nq;{text}\n".encode(encoding))
    assert named in str(caught.value)


def test_one_bad_byte_of_utf8_refuses_its_row_alone(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    rows = ["prompt;response", "Où est le café ?;À côté", "Où est l'h\udce9tel ?;Là", "Qui ?;Bôcuse"]
    file.write_bytes("\n".join(rows).encode("utf-8", "surrogateescape"))
    report = DistillationDataCollector(tmp_path / "store").import_files([file])
    (rejected,) = report.rejected
    assert (report.captured, rejected["line"]) == (2, 3)
    assert "0xE9, after " in rejected["reason"]
    assert "est l'h" in rejected["reason"]


def test_assumed_encoding_is_counted_in_report_and_preview(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes("prompt;response\nZażółć gęślą jaźń;tak\ngęś;nie".encode("cp1250"))
    collector = DistillationDataCollector(tmp_path / "store")
    assert collector.preview_files([file]).report.assumed == {"cp1250": 2}
    assert collector.import_files([file], encoding="cp1250").assumed == {}
    assert collector.import_files([file]).already_imported == 2


def test_check_says_which_encoding_it_assumed(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes("prompt;response\nZażółć gęślą jaźń;tak".encode("cp1250"))
    report = file_check.check_files([file], None, tmp_path)
    (found,) = [each for each in report.tally.rows() if each["code"] == "assumed-reading"]
    assert (found["severity"], found["message"]) == ("warning", "the file was read as cp1250")


def test_wrong_encoding_is_told_with_the_byte(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x.csv, byte 9: not shift_jis text"):
        read(tmp_path / "x.csv", b"prompt\nab\x81\xff\n", "shift_jis")
    with pytest.raises(UsageError, match="unknown encoding 'latin-99'"):
        DistillationDataCollector(tmp_path / "store").import_files([tmp_path / "x.csv"], encoding="latin-99")
