"""Embeddings of texts."""

from __future__ import annotations

import base64
from functools import partial
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from openai.types.create_embedding_response import Usage
from pydantic import BaseModel

from fine_tuning.errors import UsageError
from fine_tuning.server import model_lookup
from fine_tuning.server.api_errors import invalid
from fine_tuning.server.client_disconnect import ClientDisconnected, check_connected
from fine_tuning.server.context import Project, Server
from fine_tuning.server.embedding_request import EmbeddingRequest
from fine_tuning.server.json_body import JsonRoute
from fine_tuning.serving.embedding.embedder import Vectors, truncated

router = APIRouter(prefix="/embeddings", route_class=JsonRoute, tags=["Embeddings"])


class Embedding(BaseModel):
    """The embedding of one input: numbers, or their float32 bytes in base64."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingList(BaseModel):
    """The embeddings of all inputs."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: Usage


@router.post("", response_class=JSONResponse, responses={200: {"model": EmbeddingList}})
def create(
    server: Server, project: Project, body: EmbeddingRequest, client_disconnected: ClientDisconnected
) -> JSONResponse:
    """Embed texts."""
    texts = body.texts()
    model = model_lookup.find_embedding_model(server, project, body.model)
    check = partial(check_connected, client_disconnected)
    with server.engines.use_embedder(model, check) as embedder:
        found = embedder.embed(texts, check)
        try:
            vectors = truncated(found.vectors, body.dimensions or embedder.sizes.full, embedder.sizes)
        except UsageError as error:
            raise invalid(str(error), "dimensions") from None
    data = [
        {"object": "embedding", "index": index, "embedding": embedding}
        for index, embedding in enumerate(_encoded(vectors, body.encoding_format or "float"))
    ]
    usage = {"prompt_tokens": found.tokens, "total_tokens": found.tokens}
    return JSONResponse({"object": "list", "data": data, "model": body.model, "usage": usage})


def _encoded(vectors: Vectors, encoding: str) -> list[list[float]] | list[str]:
    """Lists of numbers, or the bytes of little-endian float32 in base64."""
    if encoding == "float":
        floats: list[list[float]] = vectors.tolist()
        return floats
    return [base64.b64encode(row.astype("<f4").tobytes()).decode("ascii") for row in vectors]
