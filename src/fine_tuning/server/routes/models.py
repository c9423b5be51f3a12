"""Models: list, retrieve, delete."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from openai.pagination import SyncPage
from openai.types import Model, ModelDeleted

from fine_tuning.errors import ConflictError, NotFoundError
from fine_tuning.server import models, objects
from fine_tuning.server.context import Project, Server
from fine_tuning.server.errors import invalid
from fine_tuning.store import jobs
from fine_tuning.training.local import LocalTrainer

router = APIRouter(prefix="/models", tags=["Models"])


@router.get("", response_model=SyncPage[Model])
def list_(server: Server, project: Project) -> dict[str, Any]:
    """Every model that the caller may use."""
    with server.database.read() as tx:
        found = models.listed(server, tx, project)
    return {"object": "list", "data": [objects.model(*each) for each in found]}


@router.get("/{model:path}", response_model=Model)
def retrieve(server: Server, project: Project, model: str) -> dict[str, Any]:
    """One model."""
    with server.database.read() as tx:
        for each in models.listed(server, tx, project):
            if each.name == model:
                return objects.model(*each)
        raise models.unknown(server, tx, project, model)


@router.delete("/{model:path}", response_model=ModelDeleted)
def delete(server: Server, project: Project, model: str) -> dict[str, Any]:
    """Delete a fine-tuned model and its files."""
    with server.database.read() as tx:
        job = jobs.find_by_model(tx, model)
        if job is None or job["project"] != project:
            if model in {each.name for each in models.listed(server, tx, project)}:
                raise invalid(f"{model} was not fine-tuned here and cannot be deleted", "model")
            raise models.unknown(server, tx, project, model)
    try:
        LocalTrainer(server.database).delete_model(model)
    except (ConflictError, NotFoundError) as error:
        raise invalid(str(error), "model") from None
    return objects.deleted(model, "model")
