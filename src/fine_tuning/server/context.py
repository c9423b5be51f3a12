"""The parts of a server that requests use: workspace, loaded models, and the project of the client's key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from fine_tuning._util.memory_budget import MemoryBudget
from fine_tuning.evaluation.graders.grading import PythonLimits
from fine_tuning.server.loaded_models import Engines
from fine_tuning.server.rate_limits import ConcurrencyLimiter, RateLimiter
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.server.serving_parity import Parity
from fine_tuning.server.waiting_answers import WaitingAnswers
from fine_tuning.store.database import Database
from fine_tuning.store.workspace import Workspace

PROJECT = "project"  # in a request's state
COUNTED = "counted"  # in the state of a request that the rate limit has counted already


@dataclass(frozen=True)
class Context:
    """One server's parts.

    Attributes:
        bodies: the memory of the bodies of all requests under way, and of what the gateway keeps of calls.
        requests: counts those of clients that run now.
        rates: counts those of each client in a minute.
        python_graders: None where there are none.
    """

    config: ServerConfig
    workspace: Workspace
    engines: Engines
    parity: Parity
    bodies: MemoryBudget
    requests: ConcurrencyLimiter
    rates: RateLimiter
    waiting: WaitingAnswers
    python_graders: PythonLimits | None = None

    @property
    def database(self) -> Database:
        """The workspace's database."""
        return self.workspace.database


def context_of(request: Request) -> Context:
    """The server of a request."""
    context: Context = request.app.state.context
    return context


def project_of(request: Request) -> str:
    """The project of the client's key, which `request_gate` has looked up."""
    project: str = request.scope["state"][PROJECT]
    return project


Server = Annotated[Context, Depends(context_of)]
Project = Annotated[str, Depends(project_of)]
