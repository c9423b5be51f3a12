"""Graders: run one on an answer, or check one."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from fine_tuning.evaluation.graders.grading import Grade, Means, Row
from fine_tuning.evaluation.graders.model_sample import ModelSample
from fine_tuning.evaluation.graders.python_grader import OFF, PythonGrader
from fine_tuning.server import grader_objects, model_lookup
from fine_tuning.server.api_errors import ApiError, invalid
from fine_tuning.server.client_disconnect import ClientDisconnected
from fine_tuning.server.context import Context, Project, Server
from fine_tuning.server.grader_request import RunGrader, ValidateGrader
from fine_tuning.server.json_body import JsonRoute
from fine_tuning.server.server_judge import ServerJudge

router = APIRouter(prefix="/fine_tuning/alpha/graders", route_class=JsonRoute, tags=["Graders"])


@router.post("/run", response_class=JSONResponse, responses={200: {"model": grader_objects.GraderRun}})
def run(server: Server, project: Project, body: RunGrader, client_disconnected: ClientDisconnected) -> JSONResponse:
    """Grade one answer of a model."""
    _check(server, project, body)
    means = Means(ServerJudge(server, project, client_disconnected), server.python_graders)
    grade: Grade = body.grader.grade(Row(body.item or {}, ModelSample(body.model_sample)), means)
    return JSONResponse(grader_objects.run_of(grade))


@router.post("/validate", response_class=JSONResponse, responses={200: {"model": grader_objects.ValidatedGrader}})
def validate(server: Server, project: Project, body: ValidateGrader) -> JSONResponse:
    """Check a grader; a valid one is returned."""
    _check(server, project, body)
    return JSONResponse(body.model_dump(mode="json", exclude_unset=True))


def _check(server: Context, project: str, body: ValidateGrader) -> None:
    """Check that the models exist, and that python graders may run.

    Raises:
        ApiError: 400, naming the field.
    """
    for place, grader in body.placed():
        if isinstance(grader, PythonGrader) and not server.config.python_graders:
            raise invalid(OFF, f"{place}.type", "unsupported_value")
    for place, model in body.judges():
        try:
            model_lookup.find(server, project, model)
        except ApiError as error:
            raise invalid(str(error), place, error.code) from None
