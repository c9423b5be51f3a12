"""The parameters of a batch; each field says whether it is supported, ignored or refused."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fine_tuning.server.chat_request import Metadata
from fine_tuning.server.request_model import RequestModel, supported

Endpoint = Literal["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"]


class OutputExpiresAfter(RequestModel):
    """When the output and error files are deleted."""

    anchor: Literal["created_at"]
    seconds: int


class CreateBatch(RequestModel):
    """Requests in a file, to be answered within a day."""

    input_file_id: str = Field(min_length=1, max_length=80)
    endpoint: Endpoint = Field(
        json_schema_extra={"why": "chat and text completions, embeddings and responses; others are not served"}
    )
    completion_window: Literal["24h"]
    metadata: Metadata | None = None
    output_expires_after: OutputExpiresAfter | None = supported("after the files are created: an hour to 30 days")
