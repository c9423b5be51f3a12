"""The page of what is supported says what the code does."""

from __future__ import annotations

import json

import pytest

from fine_tuning.server.chat_request import ChatRequest
from fine_tuning.server.compatibility_page import page, parameters
from fine_tuning.server.job_request import CreateJob
from tests.conftest import PROJECT, SHARED

SPECIFICATION = SHARED / "openai-api" / "openapi.json"


def test_compatibility_page_is_current() -> None:
    written = (PROJECT / "docs" / "openai-compatibility.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m fine_tuning.server.compatibility_page > docs/openai-compatibility.md"


@pytest.mark.skipif(not SPECIFICATION.is_file(), reason="OpenAI's specification is not beside this checkout")
@pytest.mark.parametrize(
    ("schema", "model"), [("CreateChatCompletionRequest", ChatRequest), ("CreateFineTuningJobRequest", CreateJob)]
)
def test_request_models_cover_openai_parameters(schema: str, model: type[ChatRequest] | type[CreateJob]) -> None:
    schemas = json.loads(SPECIFICATION.read_text(encoding="utf-8"))["components"]["schemas"]

    def names(part: dict[str, object]) -> set[str]:
        if "$ref" in part:
            return names(schemas[str(part["$ref"]).rsplit("/", 1)[1]])
        found = set(part.get("properties", {}))  # type: ignore[call-overload]
        for each in part.get("allOf", []):  # type: ignore[attr-defined]
            found |= names(each)
        return found

    wanted = names(schemas[schema])
    assert wanted
    assert wanted - {name for name, _, _ in parameters(model)} == set()
