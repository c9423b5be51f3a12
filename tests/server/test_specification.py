"""Random requests by OpenAI's published specification: never a 5xx, and no answer that breaks its schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from tests.conftest import SHARED
from tests.server.conftest import ALIAS, chats, client_of

FILE = SHARED / "openai-api" / "openapi.json"
if not FILE.is_file():
    pytest.skip("OpenAI's specification is not beside this checkout", allow_module_level=True)
EXAMPLES = 8  # for each operation
schema = schemathesis.openapi.from_dict(json.loads(FILE.read_text(encoding="utf-8")))


@pytest.fixture
def filled(address: str) -> str:
    """The address of a server that has one of everything."""
    client = client_of(address)
    file = client.files.create(file=("c.jsonl", chats(2)), purpose="fine-tune")
    client.fine_tuning.jobs.create(model=ALIAS, training_file=file.id)
    client.chat.completions.create(
        model=ALIAS, messages=[{"role": "user", "content": "Hello"}], max_tokens=2, store=True
    )
    return address


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_responses_match_the_specification(case: Any, filled: str) -> None:
    response = case.call(base_url=filled)
    case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])
