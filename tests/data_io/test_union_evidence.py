"""Nulls in plain JSON stay where objects are alike by themselves, and go where a table has made them alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fine_tuning.data_io import formats, rows, sources
from fine_tuning.datasets.file_check import examine

Calls = list[tuple[str, dict[str, Any]]]


def row(*calls: tuple[str, dict[str, Any]], **others: Any) -> dict[str, Any]:
    made = [
        {"id": f"c{at}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for at, (name, arguments) in enumerate(calls)
    ]
    asked = {"role": "user", "content": "¿Qué tiempo hace?", "tool_calls": None, "tool_call_id": None, "name": None}
    answer = {"role": "assistant", "content": None, "tool_calls": made, "tool_call_id": None, "name": None}
    return {"messages": [asked, answer], **others}


def tool(name: str, **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def read(folder: Path, given: list[dict[str, Any]], name: str = "t.jsonl") -> list[dict[str, Any]]:
    """The arguments of all calls in the rows of a file."""
    lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in given)
    (folder / name).write_text(lines if name.endswith("l") else json.dumps(given), encoding="utf-8")
    found = [formats.calls_in(json.loads(each.text or b"")) for each in sources.read(str(folder / name))]
    calls = [call for each in found for one in each for call in one.messages[-1]["tool_calls"]]
    return [json.loads(call["function"]["arguments"]) for call in calls]


TEXT = {"type": "string"}
NULLABLE = {"type": ["string", "null"]}
PLAIN: dict[str, list[dict[str, Any]]] = {
    "a choice that is null": [row(("w", {"city": "Paris", "unit": None})), row(("w", {"city": "Rom", "unit": "C"}))],
    "a choice of two": [row(("w", {"city": None, "zip": "75001"})), row(("w", {"city": "Łódź", "zip": None}))],
    "defined as it may be null": [
        row(("w", {"city": "Paris", "unit": None}), tools=[tool("w", city=TEXT, unit=NULLABLE)]),
        row(("w", {"city": "Rom", "unit": "C"}), tools=[tool("w", city=TEXT, unit=NULLABLE)]),
    ],
    "two functions with the same keys": [
        row(("now", {"city": "Paris", "unit": None})),
        row(("later", {"city": "Rom", "unit": "C"}), ("now", {"city": "Rom", "unit": None})),
    ],
    "the same keys, both defined": [
        row(("now", {"at": "x", "to": None}), tools=json.dumps([tool("now", at=TEXT, to=NULLABLE)])),
        row(("later", {"at": None, "to": "y"}), ("later", {"at": "z", "to": None})),
    ],
    "the same keys, both defined, each given by one": [
        row(("now", {"at": "x", "to": None}), tools=[tool("now", at=NULLABLE, to=NULLABLE)]),
        row(("later", {"at": None, "to": "y"}), tools=[tool("later", at=NULLABLE, to=NULLABLE)]),
    ],
    "functions with other keys": [
        row(("w", {"city": "Paris", "unit": None})),
        row(("w", {"city": "Rom", "unit": "C"})),
        row(("stop", {})),
        row(("say", {"text": None})),
    ],
    "objects within": [
        row(("w", {"at": {"lat": 1, "name": None}, "tags": [None, "a"]})),
        row(("w", {"at": {"lat": None, "name": "Nîmes"}, "tags": []})),
    ],
    "GeoJSON": [
        row(("map", {"name": "a", "parameters": {"type": "Feature", "properties": {"n": None}}})),
        row(("map", {"name": "b", "parameters": {"type": "Feature", "properties": {"n": 1}}})),
    ],
}


@pytest.mark.parametrize("name", ["t.jsonl", "t.parquet"])
def test_null_that_a_tool_requires_stays_in_a_table(name: str, tmp_path: Path) -> None:
    strict = tool("now", at=TEXT, to=NULLABLE)
    strict["function"]["parameters"]["required"] = ["at", "to"]
    defined = json.dumps([strict, tool("later", day=NULLABLE)])
    now, later = {"at": "x", "day": None, "to": None}, {"at": None, "day": "y", "to": None}
    given = [row(("now", now), ("later", later), tools=defined), row(("now", {**now, "to": "z"}), tools=defined)]
    if name == "t.parquet":
        pq.write_table(pa.Table.from_pylist(given), tmp_path / name)
        found = [formats.calls_in(json.loads(each.text or b"")) for each in sources.read(str(tmp_path / name))]
        texts = [
            call["function"]["arguments"] for each in found for one in each for call in one.messages[-1]["tool_calls"]
        ]
        arguments = [json.loads(each) for each in texts]
    else:
        arguments = read(tmp_path, given)
    assert arguments == [{"at": "x", "to": None}, {"day": "y"}, {"at": "x", "to": "z"}]


@pytest.mark.parametrize("name", ["t.jsonl", "t.json"])
@pytest.mark.parametrize("case", PLAIN)
def test_nulls_of_plain_json_stay(case: str, name: str, tmp_path: Path) -> None:
    given = PLAIN[case]
    calls = [call["function"]["arguments"] for each in given for call in each["messages"][1]["tool_calls"]]
    assert read(tmp_path, given, name) == calls
    numbered = list(enumerate(given, 1))
    assert rows.without_padding(numbered) == numbered


TABLES: dict[str, list[dict[str, Any]]] = {
    "two functions": [row(("w", {"city": "Łódź"})), row(("mail", {"to": "ann", "copy": True}))],
    "one without arguments, as it is defined": [
        row(("w", {"city": "Paris"}), tools=[tool("w", city=TEXT), tool("stop")]),
        row(("stop", {}), tools=[tool("w", city=TEXT), tool("stop")]),
    ],
    "definitions in text": [
        row(("w", {"city": "Paris"}), tools=json.dumps([tool("w", city=TEXT), tool("stop")])),
        row(("stop", {}), tools=json.dumps([tool("w", city=TEXT), tool("stop")])),
    ],
    "one function, and schemas of two": [
        row(("w", {"city": "Paris", "unit": "C"}), tools=[tool("w", city=TEXT, unit=TEXT)]),
        row(("w", {"city": "Rom"}), tools=[tool("mail", to={"type": "object", "properties": {"name": TEXT}})]),
    ],
    "sorted by function": [*(row(("w", {"city": f"Paris {n}"})) for n in range(300)), row(("mail", {"to": "ann"}))],
}


@pytest.mark.parametrize("name", ["t.jsonl", "t.json"])
@pytest.mark.parametrize("case", TABLES)
def test_nulls_of_a_table_go(case: str, name: str, tmp_path: Path) -> None:
    given = TABLES[case]
    padded = pa.Table.from_pylist(given).to_pylist()
    assert padded != given
    calls = [call["function"]["arguments"] for each in given for call in each["messages"][1]["tool_calls"]]
    assert read(tmp_path, padded, name) == calls


def test_messages_with_the_keys_of_all_roles_are_read_in_plain_json(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "Qué?", "image_url": None}, {"type": "image_url", "text": None,
             "image_url": {"url": "https://x.example/a.png", "detail": None}}]  # fmt: skip
    given = row(("w", {"city": "Paris", "unit": None}))
    given["messages"][0]["content"] = parts
    (tmp_path / "t.jsonl").write_text(f"{json.dumps(given)}\n{json.dumps(row(('w', {'city': 'x', 'unit': 'C'})))}")
    first, _ = (
        next(formats.calls_in(json.loads(each.text or b""))) for each in sources.read(str(tmp_path / "t.jsonl"))
    )
    assert first.messages[0] == {
        "role": "user",
        "content": [
            {"type": "text", "text": "Qué?"},
            {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
        ],
    }


@pytest.mark.parametrize("odd", [[], ["object"], {}, [{}], 5])
def test_schema_with_an_odd_type_is_left_to_the_checks(tmp_path: Path, odd: Any) -> None:
    defined = tool("w", city=TEXT)
    defined["function"]["parameters"]["type"] = odd
    assert read(tmp_path, [row(("w", {"city": "Paris"}), tools=[defined])]) == [{"city": "Paris"}]


def test_null_for_what_the_function_has_not_comes_of_a_table(tmp_path: Path) -> None:
    tools = [tool("w", city=TEXT), tool("z", zone=TEXT)]
    only_one = [row(("w", {"city": city, "zone": zone}), tools=tools) for city, zone in (("Rom", None), ("Łódź", None))]
    assert read(tmp_path, [*only_one, row(("w", {"city": None, "zone": None}), tools=tools)]) == [
        {"city": "Rom"},
        {"city": "Łódź"},
        {},
    ]


NULLS: list[tuple[dict[str, Any], list[str]]] = [
    ({"city": TEXT, "unit": TEXT}, ["unit"]),
    ({"city": TEXT}, ["unit"]),
    ({"city": TEXT, "unit": NULLABLE}, []),
    ({"city": TEXT, "unit": {"anyOf": [TEXT, {"type": "null"}]}}, []),
    ({"city": TEXT, "unit": {"anyOf": [TEXT, {"type": "integer"}]}}, ["unit"]),
    ({"city": TEXT, "unit": {}}, []),
    ({"city": TEXT, "unit": {"type": "string", "nullable": True}}, []),
]


@pytest.mark.parametrize(("properties", "keys"), NULLS)
def test_null_that_the_definition_does_not_allow_is_named(properties: dict[str, Any], keys: list[str]) -> None:
    called = row(("w", {"city": "Rom", "unit": None}), tools=[tool("w", **properties)])
    findings = [each for each in examine(json.dumps(called).encode()).findings if each.code == "null-argument"]
    assert [each.field for each in findings] == [f"messages[1].tool_calls[0].function.arguments.{key}" for key in keys]


def test_null_of_a_function_without_a_definition_is_as_it_was() -> None:
    for tools in ({}, {"tools": [{"type": "function", "function": {"name": "w", "parameters": {}}}]}):
        called = row(("w", {"city": "Rom", "unit": None}), **tools)
        assert [each.code for each in examine(json.dumps(called).encode()).findings] == []
