"""The list of models as Anthropic's clients read it; OpenAI's have it at the same path, without `anthropic-version`.

Source: https://docs.anthropic.com/en/api/models-list
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.routing import Match
from starlette.types import Scope

from fine_tuning.server import model_lookup
from fine_tuning.server.api_errors import invalid, is_anthropic
from fine_tuning.server.api_objects import ApiObject
from fine_tuning.server.context import Project, Server
from fine_tuning.server.json_body import JsonRoute
from fine_tuning.server.model_lookup import Listed
from fine_tuning.server.query_parameters import Beta

_UNKNOWN = datetime.fromtimestamp(0, UTC)  # when a model was made, as Anthropic writes it
_NOT_KNOWN = ("capabilities", "deprecated_at", "line", "max_input_tokens", "max_tokens", "retires_at")
Lifecycle = Annotated[list[Literal["active", "deprecated", "retired"]] | None, Query(alias="lifecycle[]")]


class _AnthropicRoute(JsonRoute):
    """A route for Anthropic's clients alone."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """See Starlette's routes."""
        return super().matches(scope) if is_anthropic(scope) else (Match.NONE, {})


router = APIRouter(prefix="/models", route_class=_AnthropicRoute, tags=["Messages"], include_in_schema=False)


@router.get("", response_model=None)
def list_(
    server: Server,
    project: Project,
    after_id: str | None = None,
    before_id: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 20,
    lifecycle: Lifecycle = None,
    beta: Beta = None,  # noqa: ARG001 - see there
) -> ApiObject:
    """A page of the models that the caller may use, the newest first; all of them are active."""
    with server.database.read() as tx:
        found = sorted(model_lookup.listed(server, tx, project), key=_created, reverse=True)
    names = [each.name for each in found]
    start, stop = _between(names, after_id, before_id)
    if lifecycle is not None and "active" not in lifecycle:
        start = stop
    kept = found[max(start, stop - limit) : stop] if before_id else found[start : min(stop, start + limit)]
    data = [_shown(each) for each in kept]
    ends = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"data": data, "has_more": len(kept) < stop - start, "first_id": ends[0], "last_id": ends[1]}


@router.get("/{model:path}", response_model=None)
def retrieve(server: Server, project: Project, model: str, beta: Beta = None) -> ApiObject:  # noqa: ARG001 - as above
    """One model, or a checkpoint of one."""
    with server.database.read() as tx:
        return _shown(model_lookup.find_listed(server, tx, project, model))


def _between(names: list[str], after_id: str | None, before_id: str | None) -> tuple[int, int]:
    """Where the models that a page may have begin and end."""
    if after_id and before_id:
        raise invalid("'after_id' and 'before_id' are given both; give one of them", "before_id")
    for param, name in (("after_id", after_id), ("before_id", before_id)):
        if name and name not in names:
            raise invalid(f"No such model: {name}", param)
    start = names.index(after_id) + 1 if after_id else 0
    return start, names.index(before_id) if before_id else len(names)


def _created(model: Listed) -> datetime:
    return model.created or _UNKNOWN


def _shown(model: Listed) -> ApiObject:
    created = _created(model).isoformat().replace("+00:00", "Z")
    known = {"id": model.name, "type": "model", "display_name": model.name, "created_at": created}
    return {**known, "lifecycle": "active", **dict.fromkeys(_NOT_KNOWN)}
