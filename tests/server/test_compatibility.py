"""The page of what is supported says what the code does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types import chat, responses
from openai.types.responses import response_input_param
from pydantic import BaseModel

from fine_tuning.data_io.formats.tool_declarations import Tool
from fine_tuning.server import chat_messages, response_items
from fine_tuning.server.chat_request import ChatRequest, StreamOptions
from fine_tuning.server.compatibility_page import page, parameters
from fine_tuning.server.job_request import CreateJob
from fine_tuning.server.response_tools import FunctionTool
from tests.conftest import PROJECT, SHARED

SPECIFICATION = SHARED / "openai-api" / "openapi.json"
PARTS = [
    (chat.ChatCompletionUserMessageParam, chat_messages.Message),
    (chat.ChatCompletionAssistantMessageParam, chat_messages.Message),
    (chat.ChatCompletionToolMessageParam, chat_messages.Message),
    (chat.ChatCompletionContentPartTextParam, chat_messages.TextPart),
    (chat.ChatCompletionFunctionToolParam, Tool),
    (chat.ChatCompletionStreamOptionsParam, StreamOptions),
    (responses.EasyInputMessageParam, response_items.MessageItem),
    (responses.ResponseInputTextParam, response_items.TextPart),
    (responses.ResponseFunctionToolCallParam, response_items.FunctionCallItem),
    (response_input_param.FunctionCallOutput, response_items.FunctionCallOutputItem),
    (responses.FunctionToolParam, FunctionTool),
]


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


@pytest.mark.parametrize(("sent", "model"), PARTS, ids=[sent.__name__ for sent, _ in PARTS])
def test_parts_of_requests_take_all_fields_of_the_sdk(sent: Any, model: type[BaseModel]) -> None:
    assert (sent.__required_keys__ | sent.__optional_keys__) - set(model.model_json_schema()["properties"]) == set()
