"""Requests as Azure's clients of OpenAI write them, made into those of OpenAI's own.

They send their key in a header of its own and the version of Azure's API with each request; a path names the model.
Source: https://learn.microsoft.com/azure/ai-foundry/openai/reference
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from fine_tuning.gateway.upstreams import PUBLIC

API_VERSION = "api-version"  # a query parameter; this API has one version
DEPLOYMENT = "deployment"  # where the state of a request has the model that its path names
_AZURE = re.compile(r"\A(?:/v1)?/openai(?:/v1)?(?=/)")  # of an endpoint that ends with /v1, or has no path
_DEPLOYMENT = re.compile(r"/v1/deployments/(?P<model>.+?)(?P<path>/(?:chat/completions|completions|embeddings))")


class AzureClients:
    """ASGI middleware before all that looks at a path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http" and scope["path"].startswith(("/v1/openai/", "/openai/", "/v1/deployments/")):
            scope["path"] = _AZURE.sub("/v1", scope["path"])
            if (found := _DEPLOYMENT.fullmatch(scope["path"])) is not None:
                scope["path"] = f"/v1{found['path']}"
                scope.setdefault("state", {})[DEPLOYMENT] = found["model"]
        await self._app(scope, receive, send)


def is_of_azure(address: str, path: str, query: bytes) -> bool:
    """Whether a call to a gateway's upstream is one of Azure's clients to this server.

    Their paths begin with the name of an upstream, and OpenAI itself has no API at such a path.

    Args:
        address: of the upstream.
        path: behind its name.
    """
    return address == PUBLIC["openai"] and not path.startswith("/v1/") and f"{API_VERSION}=".encode() in query


def authorization(headers: Mapping[bytes, bytes]) -> str:
    """The `Authorization` of a request, or the key of Azure's and Anthropic's clients in its form."""
    key = headers.get(b"api-key") or headers.get(b"x-api-key", b"")
    return headers.get(b"authorization", b"Bearer " + key if key else b"").decode("latin-1")


def with_model(scope: Scope, body: object) -> object:
    """A body with the model that the path of its request names, whatever the body itself does."""
    model = scope.get("state", {}).get(DEPLOYMENT)
    return {**body, "model": model} if isinstance(body, dict) and model else body
