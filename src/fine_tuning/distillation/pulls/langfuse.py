"""Generations that Langfuse has recorded, with their scores, and the session of their trace.

Source: https://api.reference.langfuse.com (observations, traces, scores)
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, object_or_empty
from fine_tuning.distillation.pulls.api import Api, Params, open_api
from fine_tuning.distillation.pulls.query import Query
from fine_tuning.errors import ConfigurationError, NotFoundError, ProviderError, UsageError
from fine_tuning.settings import Settings

NAME = FORMAT = "langfuse"
PAGE_SIZE = 100
_KEYS = "LANGFUSE_HOST, LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY"
_LONGEST_TRACE = timedelta(days=1)  # a trace starts before its generations
_SECOND, _THIRD = "/api/public/v2/observations", "/api/public/v3/scores"
_SCORES = ("/api/public/v2/scores", _THIRD, "/api/public/scores")
_TRACE_FACTS = ("userId", "sessionId")


def address(settings: Settings) -> str:
    """The address of the host."""
    return settings.langfuse_base_url or settings.langfuse_host


def pages(settings: Settings, query: Query) -> Iterator[list[JsonObject]]:
    """The generations of each page.

    Raises:
        ConfigurationError, NotFoundError, ProviderError: see `pulls.pages`.
        UsageError: a project is named; the keys belong to one.
    """
    if query.project is not None:
        raise UsageError("the keys of Langfuse belong to a project; leave --project out")
    if not settings.langfuse_public_key or settings.langfuse_secret_key is None:
        raise ConfigurationError("no keys of Langfuse: set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY")
    keys = (settings.langfuse_public_key, settings.langfuse_secret_key.get_secret_value())
    with open_api(address(settings), _KEYS, {}, keys) as api:
        scores, traces = _scores(api, query), _traces(api, query)
        for page in _observations(api, query):
            yield [_with_facts(each, traces, scores) for each in page]


def _with_facts(given: JsonObject, traces: Row, scores: dict[object, list[JsonObject]]) -> JsonObject:
    trace = object_or_empty(traces.get(str(given.get("traceId"))))
    facts = {key: trace[key] for key in _TRACE_FACTS if trace.get(key)}
    return {**facts, **given, "scores": scores.get(given.get("traceId"), [])}


def _observations(api: Api, query: Query) -> Iterator[list[JsonObject]]:
    window = {"fromStartTime": _time(query.since), "toStartTime": _time(query.until)}
    try:
        yield from _paged(api, "/api/public/observations", {"type": "GENERATION", **window})
    except NotFoundError:  # hosts that have the second version only, which would cut metadata off
        fields = "core,basic,io,model,usage"
        params = {"type": "GENERATION", "fields": fields, **window}
        yield from _paged(api, _SECOND, params)


def _scores(api: Api, query: Query) -> dict[object, list[JsonObject]]:
    """The scores of each trace: those that were given since the window began, until now."""
    params = {"fromTimestamp": _time(query.since)}
    found: dict[object, list[JsonObject]] = {}
    for path in _SCORES:
        try:
            for page in _paged(api, path, {**params, "fields": "subject"} if path == _THIRD else params):
                for score in map(_of_subject, page):
                    found.setdefault(score.get("traceId"), []).append(score)
        except NotFoundError:
            continue
        return found
    return found


def _of_subject(score: JsonObject) -> JsonObject:
    """A score with the ids of its trace and observation, which the third version of the API has in its subject."""
    subject = object_or_empty(score.get("subject"))
    if subject.get("kind") == "observation":
        return {**score, "traceId": subject.get("traceId"), "observationId": subject.get("id")}
    return {**score, "traceId": subject.get("id")} if subject.get("kind") == "trace" else score


def _traces(api: Api, query: Query) -> dict[str, JsonObject]:
    """What is known of each trace, by its id; nothing where the observations have it themselves."""
    since = query.since - _LONGEST_TRACE if query.since is not None else None
    params = {"fromTimestamp": _time(since), "toTimestamp": _time(query.until), "fields": "core"}
    found: dict[str, JsonObject] = {}
    try:
        for page in _paged(api, "/api/public/traces", params):
            found |= {str(each.get("id")): {key: each.get(key) for key in _TRACE_FACTS} for each in page}
    except NotFoundError:
        return {}
    return found


def _paged(api: Api, path: str, params: dict[str, str | None]) -> Iterator[list[JsonObject]]:
    """The pages of a list: by their number, or by the cursor of the page before."""
    number, cursor = 1, None
    check = api.unrepeated(path)
    while True:
        place: Params = {"cursor": str(cursor)} if cursor is not None else {"page": number}
        answer = api.get(
            path, {**params, "limit": PAGE_SIZE, **({} if path in {_SECOND, _THIRD} and number == 1 else place)}
        )
        data, meta = answer.get("data"), object_or_empty(answer.get("meta"))
        if not is_list(data):
            raise ProviderError(f"{api.url}{path} has no data; check the address ({_KEYS})")
        if data:
            check(answer)
            yield [each for each in data if is_object(each)]
        total, cursor = meta.get("totalPages"), meta.get("cursor")
        if not data or (cursor is None and not (isinstance(total, int) and number < total)):
            return
        number += 1


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
