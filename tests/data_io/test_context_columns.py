"""Columns of text beside a question and its answer: its context, or text of an unknown meaning, which is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import DatasetBuilder, FineTuningCLI
from fine_tuning.data_io import formats
from fine_tuning.data_io.formats import Call
from fine_tuning.datasets.file_check import examine
from fine_tuning.distillation import DistillationDataCollector

QUESTION = {"question": "How many lakes are there?", "answer": "Seven."}
ALPACA = {"instruction": "How many lakes are there?", "input": "", "output": "Seven."}
TEXT = "The county has seven lakes, all of them made by people."
OTHER = "The county has nine lakes, two of them made by people."
each_shape = pytest.mark.parametrize("shape", [QUESTION, ALPACA], ids=["question", "alpaca"])


def call_of(row: dict[str, Any]) -> Call:
    (found,) = formats.calls_in(row)
    return found


@each_shape
@pytest.mark.parametrize(
    "key",
    [
        *("context", "Contexts", "article", "RAG_context", "retrieval", "source_documents", "sourceDocuments", "text"),
        *(
            "schema",
            "sql_schema",
            "Retrieved Chunks",
            "passage_text",
            "knowledge",
            "news-article",
            "input_text",
            "ctx_2",
        ),
    ],
)
def test_context_under_any_name_stands_after_the_question(shape: dict[str, Any], key: str) -> None:
    for row in ({**shape, key: TEXT}, {key: TEXT, **shape}):
        call = call_of(row)
        assert call.messages[0]["content"] == f"How many lakes are there?\n\n{TEXT}"
        assert call.metadata == {}


@each_shape
@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([TEXT, OTHER], f"{TEXT}\n\n{OTHER}"),
        (json.dumps([TEXT, OTHER]), f"{TEXT}\n\n{OTHER}"),
        ([{"page_content": TEXT, "metadata": {"page": 2}}, {"page_content": OTHER}], f"{TEXT}\n\n{OTHER}"),
        ({"title": "Lakes", "text": TEXT, "score": 0.5}, f"Lakes\n{TEXT}"),
    ],
)
def test_documents_are_their_texts(shape: dict[str, Any], given: object, text: str) -> None:
    call = call_of({**shape, "source_documents": given})
    assert call.messages[0]["content"] == f"How many lakes are there?\n\n{text}"


@each_shape
def test_documents_without_text_are_refused_by_name(shape: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="documents holds something else than text"):
        call_of({**shape, "documents": [{"id": 7}]})


@each_shape
@pytest.mark.parametrize(
    "beside",
    [
        {"context_id": "a b c d e f g"},
        {"article_url": "https://x.example/lakes"},
        {"context": 4096},
        {"text": "lakes"},
        {"schema": "v2"},
        {"generated_text": "There are seven of them, in all."},
        {"answer_text": "There are seven of them, in all."},
    ],
)
def test_other_columns_stay_metadata(shape: dict[str, Any], beside: dict[str, Any]) -> None:
    call = call_of({**shape, **beside})
    assert call.messages[0]["content"] == "How many lakes are there?"
    assert call.metadata == beside


def test_context_that_the_question_has_already_is_not_repeated() -> None:
    question = f"{TEXT}\n\nHow many lakes are there?"
    assert call_of({**QUESTION, "question": question, "context": TEXT}).messages[0]["content"] == question


def test_whole_row_as_a_template_has_it_is_metadata() -> None:
    whole = "Below is an instruction.\n\n### How many lakes are there?\n\n### Response:\nSeven."
    call = call_of({**ALPACA, "text": whole})
    assert (call.messages[0]["content"], call.metadata, call.unread) == (ALPACA["instruction"], {"text": whole}, ())


def test_custom_instruction_is_the_system_message() -> None:
    call = call_of({**QUESTION, "custom_instruction": "Answer in capitals."})
    assert call.messages[0] == {"role": "system", "content": "Answer in capitals."}


@pytest.mark.parametrize(
    ("beside", "named"),
    [
        ({"county_report": TEXT}, ("county_report",)),
        ({"county_report": [{"part": TEXT}]}, ("county_report",)),
        ({"报告": "这个县有七个湖，都是人工修建的，其中两个很大，可以划船。"}, ("报告",)),  # noqa: RUF001
        ({"source": "Wikipedia", "url": "https://x.example/a", "at": "2024-05-01 10:00:00 UTC"}, ()),
        ({"explanation": TEXT, "annotator_notes": TEXT, "chain_of_thought": TEXT}, ("chain_of_thought",)),
        ({"metadata": {"report": TEXT}}, ()),
    ],
)
def test_text_of_unknown_meaning_is_named(beside: dict[str, Any], named: tuple[str, ...]) -> None:
    beside = {**beside, **({"chain_of_thought": ""} if named == () else {})}
    expected = tuple(key for key in named if key != "chain_of_thought")
    call = call_of({**QUESTION, **beside})
    assert tuple(call.unread) == expected
    found = examine(json.dumps({**QUESTION, **beside}).encode())
    assert [each.field for each in found.findings if each.code == "unread-column"] == list(expected)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Ten rows with one question, of which only a column of an unknown name differs, and some have one answer."""
    rows = [
        {
            "question": "How many lakes are there?",
            "answer": f"{number % 5}.",
            "county_report": f"{TEXT} {number} {name}",
        }
        for number, name in enumerate("abcdefghij")
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]))
    return path


def test_rows_that_differ_in_an_unknown_text_are_no_duplicates(file: Path, workspace: Path) -> None:
    collector = DistillationDataCollector()
    report = collector.import_files([file])
    assert (report.captured, report.duplicates, report.unread_columns) == (10, 1, {"county_report": 11})
    builder = DatasetBuilder()
    for name, given in (("captured", {}), ("file", {"files": [str(file)]})):
        made = builder.build(name, near_duplicates=0.8, validation=0, test=0.2, **given)
        assert (made["counts"]["kept"], made["parts"]["test"]["rows"]) == (10, 2)
        assert made["conflicts"]["questions"] == 0
        assert [each["rows"] for each in made["findings"] if each["code"] == "unread-column"] == [
            made["counts"]["read"]
        ]
    # The examples in memory, too.
    train, test = builder.split_train_test(collector.find_examples(), 0.8)
    assert (len(train), len(test)) == (8, 2)


def test_unknown_text_is_named_by_import_dry_run_and_check(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["capture", "import", "--dry-run"], ["capture", "import"], ["dataset", "check"]):
        FineTuningCLI().run([*command, str(file)])
        assert "county_report" in capsys.readouterr().out


TEMPLATES = (
    "Below is an instruction.\n\n### Instruction:\n{question}\n\n### Input:\n{more}\n\n### Response:\n{answer}",
    "### Human: {question} {more} ### Assistant: {answer}",
    "<s>[INST] {question}\n{more} [/INST] {answer}</s>",
)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("more", ["", "An apple a day\n\nkeeps the doctor away."])
def test_whole_row_in_a_template_never_gives_its_answer_away(template: str, more: str) -> None:
    question, answer = "Give three tips for staying healthy.", "1. Eat well.\n2. Sleep.\n3. Move."
    text = template.format(question=question, more=more, answer=answer)
    call = call_of({"instruction": question, "input": more, "output": answer, "text": text})
    asked = f"{question}\n\n{more}" if more else question
    assert [each["content"] for each in call.messages] == [asked, answer]
    assert not call.unread


def test_context_with_the_words_of_a_short_question_is_kept() -> None:
    text = "Paris has been the capital of France for a thousand years or so."
    call = call_of({"instruction": "France", "input": "", "output": "Paris", "text": text})
    assert [each["content"] for each in call.messages] == [f"France\n\n{text}", "Paris"]
