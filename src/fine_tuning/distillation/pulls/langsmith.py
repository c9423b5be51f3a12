"""Runs of models that LangSmith has recorded, with their feedback.

Source: https://docs.langchain.com/langsmith/export-traces and the reference of its API (runs/query, sessions, feedback)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from fine_tuning.data_io.json_values import JsonObject, is_list, is_object, object_or_empty
from fine_tuning.distillation.pulls.api import Api, open_api
from fine_tuning.distillation.pulls.query import Query
from fine_tuning.errors import ConfigurationError, NotFoundError, ProviderError
from fine_tuning.settings import Settings

NAME = FORMAT = "langsmith"
PAGE_SIZE = 100
RUNS_A_REQUEST = 50  # whose ids stand in the address, which hosts limit to some thousand characters
_KEYS = "LANGSMITH_ENDPOINT, LANGSMITH_API_KEY"
_SELECTED = (
    *("id", "trace_id", "name", "run_type", "start_time", "end_time", "status", "error", "inputs", "outputs"),
    *("extra", "tags", "feedback_stats", "prompt_tokens", "completion_tokens", "session_id", "parent_run_id"),
)
_OF_FIRST_VERSION = {"session_id", "parent_run_id"}
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)  # the second version reads a day where none is given


def address(settings: Settings) -> str:
    """The address of the host."""
    return settings.langsmith_endpoint.rstrip("/")


def pages(settings: Settings, query: Query) -> Iterator[list[JsonObject]]:
    """The runs of models of each page, oldest first.

    Raises:
        ConfigurationError, NotFoundError, ProviderError: see `pulls.pages`.
    """
    key = settings.langsmith_api_key
    if key is None:
        raise ConfigurationError("no key of LangSmith: set LANGSMITH_API_KEY")
    headers = {"x-api-key": key.get_secret_value(), "x-tenant-id": settings.langsmith_workspace_id}
    with open_api(address(settings), _KEYS, headers) as api:
        project = _project_id(api, query.project or settings.langsmith_project)
        for page in _runs(api, project, query):
            yield _with_feedback(api, page)


def _runs(api: Api, project: str, query: Query) -> Iterator[list[JsonObject]]:
    try:
        yield from _first_version(api, project, query)
    except NotFoundError:
        yield from _second_version(api, project, query)


def _with_feedback(api: Api, page: list[JsonObject]) -> list[JsonObject]:
    """The runs with what people wrote: a correction stands in the feedback alone, not in its statistics."""
    judged = [str(run["id"]) for run in page if run.get("feedback_stats") and run.get("id")]
    found: dict[str, list[object]] = {}
    for start in range(0, len(judged), RUNS_A_REQUEST):
        for each in _feedback(api, judged[start : start + RUNS_A_REQUEST]):
            found.setdefault(str(each.get("run_id")), []).append(each)
    return [{**run, "feedback": found[key]} if (key := str(run.get("id"))) in found else run for run in page]


def _feedback(api: Api, runs: Sequence[str]) -> Iterator[JsonObject]:
    offset, check = 0, api.unrepeated("/feedback")
    while True:
        page = api.send("GET", "/feedback", params={"run": runs, "limit": PAGE_SIZE, "offset": offset})
        if not is_list(page):
            raise ProviderError(f"{api.url}/feedback has no list of feedback; check the address ({_KEYS})")
        check(page)
        yield from (each for each in page if is_object(each))
        if len(page) < PAGE_SIZE:
            return
        offset += len(page)


def _first_version(api: Api, project: str, query: Query) -> Iterator[list[JsonObject]]:
    body: JsonObject = {
        "session": [project],
        "run_type": "llm",
        "filter": f'lt(start_time, "{query.until.isoformat()}")',
        "order": "asc",
        "limit": PAGE_SIZE,
        "select": list(_SELECTED),
    }
    if query.since is not None:
        body["start_time"] = query.since.isoformat()
    yield from _paged(api, "/runs/query", body, "runs")


def _second_version(api: Api, project: str, query: Query) -> Iterator[list[JsonObject]]:
    """Of hosts that have the second version of the query only."""
    root = api.url.removesuffix("/api/v1").removesuffix("/api")
    body: JsonObject = {
        "project_ids": [project],
        "run_type": "LLM",
        "min_start_time": (query.since or _BEGINNING).isoformat(),
        "max_start_time": query.until.isoformat(),
        "page_size": PAGE_SIZE,
        "selects": [name.upper() for name in _SELECTED if name not in _OF_FIRST_VERSION] + ["THREAD_ID"],
    }
    yield from _paged(replace(api, url=root), "/api/v2/runs/query", body, "items")


def _project_id(api: Api, name: str) -> str:
    """The id of a project by its name."""
    found = api.send("GET", "/sessions", params={"name": name, "limit": 1})
    for each in found if is_list(found) else []:
        project = object_or_empty(each)
        if project.get("name") == name:
            return str(project.get("id"))
    raise NotFoundError(f"{api.url} has no project {name!r}; name another with --project or LANGSMITH_PROJECT")


def _paged(api: Api, path: str, body: JsonObject, key: str) -> Iterator[list[JsonObject]]:
    cursor: object = None
    check = api.unrepeated(path)
    while True:
        answer = api.post(path, body if cursor is None else {**body, "cursor": cursor})
        runs = answer.get(key)
        following = answer.get("next_cursor") or object_or_empty(answer.get("cursors")).get("next")
        if not is_list(runs):
            raise ProviderError(f"{api.url}{path} has no {key}; check the address ({_KEYS})")
        if runs:
            check(answer)
            yield [each for each in runs if is_object(each)]
        if not runs or not following or following == cursor:
            return
        cursor = following
