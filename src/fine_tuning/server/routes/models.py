"""Models: list, retrieve, delete."""

from __future__ import annotations

from fastapi import APIRouter
from openai.pagination import SyncPage
from openai.types import Model, ModelDeleted

from fine_tuning._util.model_names import parse_checkpoint_name
from fine_tuning.errors import ConflictError, NotFoundError
from fine_tuning.server import api_objects, model_lookup
from fine_tuning.server.api_errors import invalid
from fine_tuning.server.api_objects import ApiObject
from fine_tuning.server.context import Project, Server
from fine_tuning.server.json_body import JsonRoute
from fine_tuning.store import jobs
from fine_tuning.training.jobs.local_trainer import LocalTrainer

router = APIRouter(prefix="/models", route_class=JsonRoute, tags=["Models"])


@router.get("", response_model=SyncPage[Model])
def list_(server: Server, project: Project) -> ApiObject:
    """Every model that the caller may use."""
    with server.database.read() as tx:
        found = model_lookup.listed(server, tx, project)
    return {"object": "list", "data": [api_objects.model(*each) for each in found]}


@router.get("/{model:path}", response_model=Model)
def retrieve(server: Server, project: Project, model: str) -> ApiObject:
    """One model, or a checkpoint of one."""
    with server.database.read() as tx:
        return api_objects.model(*model_lookup.find_listed(server, tx, project, model))


@router.delete("/{model:path}", response_model=ModelDeleted)
def delete(server: Server, project: Project, model: str) -> ApiObject:
    """Delete a fine-tuned model and its files."""
    with server.database.read() as tx:
        job = jobs.find_by_model(tx, model)
        if job is None or job["project"] != project:
            model_lookup.find_listed(server, tx, project, model)
            raise invalid(_kept(model), "model")
    try:
        LocalTrainer(server.workspace).delete_model(model)
    except ConflictError as error:
        raise invalid(str(error), "model") from None
    except NotFoundError:  # deleted since then
        with server.database.read() as tx:
            raise model_lookup.unknown(server, tx, project, model) from None
    return api_objects.deleted(model, "model")


def _kept(model: str) -> str:
    if parse_checkpoint_name(model) is not None:
        return f"{model} is a checkpoint, which cannot be deleted without its model"
    return f"{model} was not fine-tuned by this project and cannot be deleted"
