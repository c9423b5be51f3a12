"""The formats of texts that a grammar holds, which end by themselves."""

from __future__ import annotations

import json

import pytest
from llguidance import LLMatcher, LLTokenizer

from fine_tuning.data_io.held_schema import held_schema
from fine_tuning.serving.response_grammar import is_complete, json_rule

REPEATED = {  # what a model may repeat, by the format and what comes before it
    "email": (('"', "a"), ('"a@', "b"), ('"a@', "b."), ('"a.', "b.")),
    "hostname": (('"', "a."),),
    "duration": (('"P', "1"), ('"PT', "7")),
    "time": (('"10:00:00.', "0"),),
    "date-time": (('"2024-01-01T10:00:00.', "3"),),
}
WHOLE = {
    "email": ("john.o'neill+x@mail.example.co.uk", "a@[192.168.0.1]", f"{'a' * 64}@{'b' * 63}.{'c' * 63}.de"),
    "hostname": (".".join(["label"] * 42),),
    "duration": ("P12345Y11M30DT23H59M59S", "P52W"),
    "time": ("10:00:00.123456789+02:00", "23:59:59Z"),
    "date-time": ("2024-02-29T10:00:00.123456789-11:30",),
}


def grammar(schema: dict[str, object]) -> str:
    return f"%llguidance {{}}\nstart: {json_rule(schema)}\n"


@pytest.mark.parametrize("name", REPEATED)
def test_text_of_a_format_cannot_be_repeated_without_end(name: str) -> None:
    rules = grammar({"type": "string", "format": name})
    for before, part in REPEATED[name]:
        matcher = LLMatcher(LLTokenizer("byte"), rules, log_level=0)
        assert matcher.try_consume_tokens([*before.encode()]) == len(before)
        assert matcher.try_consume_tokens([*(part * 500).encode()]) < 256


@pytest.mark.parametrize("name", WHOLE)
def test_longest_texts_of_a_format_are_held(name: str) -> None:
    for text in WHOLE[name]:
        assert is_complete(grammar({"type": "string", "format": name}), json.dumps(text)), text


def test_bounds_of_a_schema_count_where_they_are_narrower() -> None:
    """A pattern of its own stays, and a text that has to be longer is not made impossible."""
    own = {"type": "string", "format": "email", "pattern": "^[a-z]+@example\\.com$", "maxLength": 40}
    assert held_schema(own).schema == own
    longer = {"type": "string", "format": "hostname", "minLength": 300}
    assert held_schema(longer).schema == longer
    nullable = {"anyOf": [{"type": "string", "format": "email"}, {"type": "null"}]}
    assert is_complete(grammar(nullable), "null")
