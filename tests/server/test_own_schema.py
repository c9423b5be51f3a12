"""Random requests by the server's own schema, for what OpenAI's published specification here does not have."""

from __future__ import annotations

from typing import Any

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from fine_tuning.server.routes import (
    batches,
    completions,
    conversations,
    embeddings,
    gateway_routes,
    graders,
    responses,
)
from tests.server.conftest import ALIAS

MODELS = {"/v1/embeddings": "wordllama"}


def _application() -> FastAPI:
    application = FastAPI()
    for resource in (batches, completions, embeddings, graders, responses, conversations, gateway_routes):
        application.include_router(resource.router, prefix="/v1")
    return application


schema = schemathesis.openapi.from_dict(_application().openapi())


@schema.parametrize()
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_random_requests_are_answered_or_refused(case: Any, address: str) -> None:
    if isinstance(case.body, dict) and "model" in case.body:
        case.body["model"] = MODELS.get(case.path, ALIAS)
    response = case.call(base_url=address.removesuffix("/v1"))
    case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])
