"""What every request is answered with: the database, the models, and the project that the caller's key opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from fine_tuning.server.loaded_models import Engines
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.server.serving_parity import Parity
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
    """The project of the caller's key, which `limits` has looked up."""
    project: str = request.state.project
    return project


Server = Annotated[Context, Depends(context_of)]
Project = Annotated[str, Depends(project_of)]
