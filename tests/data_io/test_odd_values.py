"""Rows with values that nobody has foreseen: each is rejected with its reason, and the rows behind it are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.formats import alpaca
from fine_tuning.data_io.messages import compared_text, text_of
from fine_tuning.datasets import file_check
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import ANSWER, CALLING, QUESTION

NAMELESS: list[Any] = [
    {"id": "call_1", "type": "function", "function": {"arguments": "{}"}},
    {"id": "1", "type": "web_search", "web_search": {"query": "x"}},
    {"id": "1", "type": "builtin_function"},
    {"id": "1", "function": None},
    {"id": "1", "function": "track"},
    1.5,
    "track",
    [],
]
ODD: list[Any] = [{"text": "x"}, ["text"], [[]], 7, {}]


def imported(rows: list[dict[str, Any]], folder: Path) -> tuple[int, list[str]]:
    """How many calls of these rows an import stores, and the reasons of the others, which its preview also has."""
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    collector = DistillationDataCollector()
    foreseen = collector.preview_files([file])
    report = collector.import_files([file])
    assert report.read == len(rows)
    assert report.captured + report.duplicates + report.skipped + len(report.rejected) == report.read
    assert [each["reason"] for each in foreseen.report.rejected] == [each["reason"] for each in report.rejected]
    return report.captured, [each["reason"] for each in report.rejected]


@pytest.mark.parametrize("call", NAMELESS)
def test_call_without_a_name_is_rejected_and_the_rest_is_read(call: Any, tmp_path: Path, workspace: Path) -> None:
    good = [{"messages": [QUESTION, {**ANSWER, "content": f"Place {at}."}]} for at in range(3)]
    bad = {"messages": [QUESTION, {"role": "assistant", "content": None, "tool_calls": [call]}]}
    captured, reasons = imported([*good[:2], bad, good[2]], tmp_path)
    assert captured == 3
    (reason,) = reasons
    assert "tool_calls[0] has no function with a name" in reason


@pytest.mark.parametrize("calls", ["track", 5, {"name": "track"}, True])
def test_text_of_calls_that_are_no_list_is_an_error_of_the_data(calls: Any) -> None:
    for read in (text_of, compared_text):
        with pytest.raises(DataError, match="must be a list of calls"):
            read({"role": "assistant", "content": None, "tool_calls": calls})


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", CALLING)
def test_type_that_is_no_text_is_a_row_of_its_own(name: str, kind: Any, tmp_path: Path, workspace: Path) -> None:
    """Every place of a row that states a kind, one after the other."""
    rows = [*_with_kinds(CALLING[name], kind)]
    assert rows
    _, reasons = imported(rows, tmp_path)
    assert not [each for each in reasons if each.startswith("not a valid row")]
    for row in rows:
        found = file_check.examine(json.dumps(row).encode())
        assert not [each.message for each in found.findings if each.message.startswith("not a valid row")]


def _with_kinds(row: dict[str, Any], kind: Any) -> list[dict[str, Any]]:
    places = _places(row, ())
    return [_replaced(row, place, kind) for place in places]


def _places(value: Any, path: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    own = [path] if path and str(path[-1]).rpartition(".")[2] in {"type", "role", "name", "state"} else []
    return own + [place for key, each in items for place in _places(each, (*path, key))]


def _replaced(row: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(row))
    holder: Any = copy
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return copy


class _Broken:
    """A format with a mistake of its own, as a new one may have it."""

    NAME = "broken"

    def recognises(self, row: formats.Row) -> bool:
        kinds = {"yes"}
        return row["broken"] in kinds

    def calls(self, row: formats.Row) -> Any:
        return alpaca.calls(row)


def test_mistake_of_a_reader_rejects_its_row_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workspace: Path
) -> None:
    monkeypatch.setitem(formats.FORMATS, "broken", _Broken())
    with pytest.raises(DataError, match="not a valid row: TypeError: unhashable type: 'list'"):
        list(formats.calls_in({"broken": []}))
    with pytest.raises(DataError, match="not a valid row: KeyError: 'broken'"):
        list(formats.calls_in({"x": 1}))
    assert formats.format_of({"broken": []}) is None
    good = {"prompt": "Where?", "response": "Here."}
    captured, (reason,) = imported([good, {"broken": {}}, {**good, "prompt": "Where now?"}], tmp_path)
    assert captured == 2
    assert reason == "not a valid row: TypeError: unhashable type: 'dict'"
