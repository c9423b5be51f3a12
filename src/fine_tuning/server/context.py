"""What every request is answered with: the database, the models, and the project that the caller's key opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from fine_tuning.server import keys
from fine_tuning.server.config import ServerConfig
from fine_tuning.server.engines import Engines
from fine_tuning.server.errors import ApiError
from fine_tuning.server.parity import Parity
from fine_tuning.store.database import Database


@dataclass(frozen=True)
class Context:
    """One server's parts."""

    config: ServerConfig
    database: Database
    engines: Engines
    parity: Parity


def context_of(request: Request) -> Context:
    """The server that a request came to."""
    context: Context = request.app.state.context
    return context


def project_of(request: Request) -> str:
    """The project of the caller's key; the default one while no key has been made.

    Raises:
        ApiError: 401, there are keys and the caller's is none of them.
    """
    database = context_of(request).database
    if not keys.any_valid(database):
        return keys.DEFAULT_PROJECT
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    project = keys.project_of(database, key.strip()) if scheme.lower() == "bearer" else None
    if project is None:
        told = "Incorrect API key provided" if key else "You didn't provide an API key"
        raise ApiError(401, f"{told}; make one with: ft-cli keys create NAME", code="invalid_api_key")
    return project


Server = Annotated[Context, Depends(context_of)]
Project = Annotated[str, Depends(project_of)]
