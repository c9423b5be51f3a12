"""Whether answers have the form that their request demands, on each wire."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.gateway.answer_forms import is_in_form

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
OF_GOOGLE = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]}
FORM = {"type": "json_schema", "schema": SCHEMA}
JSON_TYPE = {"responseMimeType": "application/json"}
ANSWERS = ('{"a": "b"}', '{"b": 1}', "[1]", "Hello")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}}, [True, False, False, False]),
        ({"response_format": {"type": "json_object"}}, [True, True, False, False]),
        ({"text": {"format": FORM}}, [True, False, False, False]),
        ({"output_config": {"format": FORM}}, [True, False, False, False]),
        ({"output_format": FORM}, [True, False, False, False]),  # of Anthropic's beta
        ({"contents": [], "generationConfig": {**JSON_TYPE, "responseSchema": OF_GOOGLE}}, [True, False, False, False]),
        (
            {
                "contents": [],
                "generation_config": {"response_mime_type": "application/json", "response_json_schema": SCHEMA},
            },
            [True, False, False, False],
        ),
        ({"contents": [], "generationConfig": JSON_TYPE}, [True, True, True, False]),
        ({"contents": [], "generationConfig": {"responseSchema": OF_GOOGLE}}, [None] * 4),  # which needs the type
        ({"messages": []}, [None] * 4),
    ],
)
def test_answer_is_judged_by_the_form_that_its_request_demands(request_: Any, expected: list[bool | None]) -> None:
    assert [is_in_form(request_, {"role": "assistant", "content": each}) for each in ANSWERS] == expected
