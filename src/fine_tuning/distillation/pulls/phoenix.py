"""Spans of models that Phoenix has recorded, with the annotations of people.

Source: https://arize.com/docs/phoenix/sdk-api-reference/rest-api/overview (spans, span annotations)
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, object_or_empty
from fine_tuning.distillation.pulls.api import Api, Params, open_api
from fine_tuning.distillation.pulls.query import Query
from fine_tuning.errors import NotFoundError, ProviderError
from fine_tuning.settings import Settings

NAME = "phoenix"
FORMAT = "opentelemetry"
PAGE_SIZE = 100
_KEYS = "PHOENIX_COLLECTOR_ENDPOINT, PHOENIX_API_KEY"


def address(settings: Settings) -> str:
    """The address of the host, without the path to which spans are sent."""
    return settings.phoenix_collector_endpoint.rstrip("/").removesuffix("/v1/traces")


def pages(settings: Settings, query: Query) -> Iterator[list[JsonObject]]:
    """The spans of models of each page.

    Raises:
        ConfigurationError, NotFoundError, ProviderError: see `pulls.pages`.
    """
    key = settings.phoenix_api_key
    bearer = f"Bearer {key.get_secret_value()}" if key is not None else None
    project = quote(query.project or settings.phoenix_project_name, safe="")
    params = {
        "start_time": query.since.isoformat() if query.since is not None else None,
        "end_time": query.until.isoformat(),
        "span_kind": "LLM",
    }
    with open_api(address(settings), _KEYS, {"Authorization": bearer}) as api:
        for page in _paged(api, f"/v1/projects/{project}/spans", params):
            spans = [each for each in page if each.get("span_kind") in (None, "LLM")]
            notes = _annotations(api, project, [_span_id(each) for each in spans])
            if spans:
                yield [{**each, "annotations": notes.get(_span_id(each), [])} for each in spans]


def _annotations(api: Api, project: str, spans: list[str]) -> dict[str, list[JsonObject]]:
    """The annotations of each span; none where the host cannot list them."""
    found: dict[str, list[JsonObject]] = {}
    if not spans:
        return found
    try:
        for page in _paged(api, f"/v1/projects/{project}/span_annotations", {"span_ids": spans}):
            for each in page:
                found.setdefault(str(each.get("span_id")), []).append(each)
    except NotFoundError:
        return {}
    return found


def _span_id(span: Row) -> str:
    return str(object_or_empty(span.get("context")).get("span_id"))


def _paged(api: Api, path: str, params: Params) -> Iterator[list[JsonObject]]:
    cursor: str | None = None
    check = api.unrepeated(path)
    while True:
        answer = api.get(path, {**params, "limit": PAGE_SIZE, "cursor": cursor})
        data, following = answer.get("data"), answer.get("next_cursor")
        if not is_list(data):
            raise ProviderError(f"{api.url}{path} has no data; check the address ({_KEYS})")
        if data:
            check(answer)
        yield [each for each in data if is_object(each)]
        if not data or not isinstance(following, str) or following == cursor:
            return
        cursor = following
