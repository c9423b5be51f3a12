"""Every method of the SDK's served resources, whole, raw and streamed, sync and async, with all of its parameters.

The SDK validates each answer strictly against its own types. A parameter that no call has must be one that the page of
what is supported refuses.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

import openai
import pytest
from fastapi.routing import APIRoute
from openai import AsyncOpenAI, AsyncStream, OpenAI, Stream
from openai._resource import SyncAPIResource

from fine_tuning.server.app import RESOURCES
from fine_tuning.server.compatibility_page import BODIES, parameters
from tests.server.api_calls import CALLS, Arguments, Seeds
from tests.server.conftest import ALIAS, chats

# What the SDK's types lack (the status `paused`, roles of stored messages), or is refused, or ends what others need.
APART = {
    *("fine_tuning.jobs.pause", "chat.completions.messages.list"),
    *("responses.cancel", "responses.compact"),
    *("models.delete", "batches.cancel"),
}
HELPERS = {"stream", "parse", "connect", "wait_for_processing", "upload_file_chunked"}
DEPRECATED = {"files.retrieve_content", "fine_tuning.checkpoints.permissions.retrieve"}
REFUSED = {"starting_after"}  # of a background response that is streamed again
LOOSE = {"completions.create: stream", "completions.create: stream_options"}  # a chunk's finish_reason is null
UNSERVED = {  # resources of no path here, but for the chat of `beta`, which is `chat`
    *("admin", "audio", "beta", "containers", "content_provenance_checks", "decisions", "evals", "images", "live"),
    *("moderations", "realtime", "safety", "skills", "vector_stores", "videos", "webhooks"),
}
SHARED = {"extra_headers", "extra_query", "extra_body", "timeout"}


@pytest.fixture
def seeds(client: OpenAI, upload: Callable[..., str], finish: Callable[[str], Any]) -> Seeds:
    settings: Any = {"n_epochs": 2, "batch_size": 12}
    job = client.fine_tuning.jobs.create(model=ALIAS, training_file=upload(chats(12)), hyperparameters=settings)
    return Seeds(client, finish(job.id))


def test_every_method_and_parameter_of_the_sdk_is_answered_in_its_types(address: str, seeds: Seeds) -> None:
    asked: dict[str, Any] = {"base_url": address, "api_key": "any", "max_retries": 0}
    given: dict[str, set[str]] = {path: set() for path in APART}
    failures: list[str] = []
    with OpenAI(**asked, _strict_response_validation=True) as client:
        for path, arguments in CALLS:
            given.setdefault(path, set()).update(arguments(seeds))
            for mode in (_whole, _raw, _streamed):
                _note(failures, f"{mode.__name__} {path}", lambda m=mode, p=path, a=arguments: m(client, p, a(seeds)))  # type: ignore[misc]
        assert _missing(client, given) == []
    failures += asyncio.run(_asked_async(AsyncOpenAI(**asked, _strict_response_validation=True), seeds))
    assert failures == []


def _note(failures: list[str], what: str, call: Callable[[], None]) -> None:
    try:
        call()
    except (openai.APIError, AssertionError) as error:
        failures.append(f"{what}: {error}: {error.__cause__}"[:300])


def _whole(client: OpenAI, path: str, arguments: Arguments) -> None:
    answer = attrgetter(path)(client)(**arguments)
    assert not isinstance(answer, Stream) or list(answer)


def _raw(client: OpenAI, path: str, arguments: Arguments) -> None:
    resource, _, name = path.rpartition(".")
    answer = getattr(attrgetter(resource)(client).with_raw_response, name)(**arguments)
    assert answer.headers["x-request-id"].startswith("req_")
    parsed = answer.parse()
    assert not isinstance(parsed, Stream) or list(parsed)


def _streamed(client: OpenAI, path: str, arguments: Arguments) -> None:
    resource, _, name = path.rpartition(".")
    with getattr(attrgetter(resource)(client).with_streaming_response, name)(**arguments) as answer:
        parsed = answer.parse() if hasattr(answer, "parse") else answer.read()
        assert not isinstance(parsed, Stream) or list(parsed)


async def _asked_async(client: AsyncOpenAI, seeds: Seeds) -> list[str]:
    """What fails of the calls that wait for each other, whole and streamed."""
    failures = []
    async with client:
        for path, arguments in CALLS:
            resource, _, name = path.rpartition(".")
            kind = attrgetter(resource)(client)
            try:
                answer = await getattr(kind, name)(**arguments(seeds))
                assert not isinstance(answer, AsyncStream) or [each async for each in answer]
                async with getattr(kind.with_streaming_response, name)(**arguments(seeds)) as streamed:
                    parsed = await (streamed.parse() if hasattr(streamed, "parse") else streamed.read())
                    assert not isinstance(parsed, AsyncStream) or [each async for each in parsed]
            except (openai.APIError, AssertionError) as error:
                failures.append(f"async {path}: {error}: {error.__cause__}"[:300])
    return failures


def _missing(client: OpenAI, given: dict[str, set[str]]) -> list[str]:
    """The methods that no call has, and their parameters, but those that the server refuses."""
    models = [model for calls in BODIES.values() for _, model in calls]
    refused = REFUSED | {name for model in models for name, support, _ in parameters(model) if support == "refused"}
    found = []
    for resource in {path.rpartition(".")[0] for path in given}:
        kind = attrgetter(resource)(client)
        for name, method in inspect.getmembers(kind, inspect.ismethod):
            path = f"{resource}.{name}"
            if name.startswith("_") or name in HELPERS or "_and_poll" in name or path in DEPRECATED | APART:
                continue
            taken = set(inspect.signature(method).parameters) - SHARED - refused
            found += [path] if path not in given else [f"{path}: {each}" for each in taken - given[path]]
    return sorted({*found} - LOOSE)


def test_every_resource_of_the_sdk_is_called_or_unserved(client: OpenAI) -> None:
    called = {path.rpartition(".")[0] for path in (*APART, *(path for path, _ in CALLS))}
    parents = {resource.rpartition(".")[0] for resource in called} | {"fine_tuning"}
    others = {*_resources(client, "")} - called - parents
    assert {each.partition(".")[0] for each in others} == UNSERVED
    served = {
        route.path.split("/")[1] for each in RESOURCES for route in each.router.routes if isinstance(route, APIRoute)
    }
    assert UNSERVED.isdisjoint(served)


def _resources(parent: object, prefix: str) -> Iterator[str]:
    """The paths of all resources of a client."""
    for name in dir(type(parent)):
        if not name.startswith("_") and isinstance(found := getattr(parent, name, None), SyncAPIResource):
            yield prefix + name
            yield from _resources(found, f"{prefix}{name}.")


def test_methods_apart_are_answered_or_refused_as_documented(client: OpenAI, seeds: Seeds) -> None:
    assert client.fine_tuning.jobs.pause(seeds.new_job()).status == "paused"  # type: ignore[comparison-overlap]
    messages = client.chat.completions.messages.list(seeds.chat(), limit=1, order="asc")
    assert [each.role for each in messages.data] == ["user"]  # type: ignore[comparison-overlap]
    with pytest.raises(openai.BadRequestError, match="Cannot cancel a synchronous response"):
        client.responses.cancel(seeds.response())
    with pytest.raises(openai.BadRequestError, match="compact is not supported"):
        client.responses.compact(model=ALIAS)
    with pytest.raises(openai.BadRequestError, match="streamed again"):
        client.responses.retrieve(seeds.response(), starting_after=1, stream=True)
    assert client.batches.cancel(seeds.batch()).status in {"cancelling", "cancelled"}
    assert client.models.delete(seeds.model).deleted
    asked: Any = {"model": ALIAS, "prompt": "a", "stream": True, "stream_options": {"include_usage": True}}
    assert list(client.completions.create(**asked))[-1].usage
    programs: Any = [{"type": "function", "name": "sum", "parameters": {}, "allowed_callers": ["programmatic"]}]
    with pytest.raises(openai.BadRequestError, match="allowed_callers must have 'direct'"):
        client.responses.create(model=ALIAS, input="Hi", tools=programs)
