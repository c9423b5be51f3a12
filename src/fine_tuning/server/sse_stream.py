"""Server-sent events: the chunks of an answer, or the typed events of a response."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

from anyio import CancelScope
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from fine_tuning.errors import FineTuningError, StorageError
from fine_tuning.server import api_errors
from fine_tuning.server.api_errors import ApiError
from fine_tuning.serving.wires.event_text import DONE, event, typed_events

_log = logging.getLogger(__name__)


def event_stream(chunks: Generator[Mapping[str, object], None, None]) -> StreamingResponse:
    """The chunks as server-sent events, then `[DONE]`.

    The first chunk is generated before the headers are sent, so that an error can still set the status.
    """
    first = next(chunks)
    return _EventStream(_events(first, chunks))


def typed_event_stream(batches: Generator[Sequence[Mapping[str, object]], None, None]) -> StreamingResponse:
    """Events that have a `type`, which is also their name; those of a batch are sent at once.

    The first batch is generated before the headers are sent, so that an error can still set the status. The generator
    answers later ones by an event.
    """
    first = next(batches)
    return _EventStream(_typed_events(first, batches))


def _typed_events(
    first: Sequence[Mapping[str, object]], rest: Generator[Sequence[Mapping[str, object]], None, None]
) -> Generator[str, None, None]:
    with closing(rest):
        yield typed_events(first)
        for batch in rest:
            yield typed_events(batch)


def _events(
    first: Mapping[str, object], rest: Generator[Mapping[str, object], None, None]
) -> Generator[str, None, None]:
    try:
        yield event(first)
        for chunk in rest:
            yield event(chunk)
    except StorageError as error:  # too late for a status
        failure = api_errors.of_storage(error)
        yield event({"error": api_errors.body(failure.status, str(failure), failure.param, failure.code)})
        return
    except FineTuningError as error:
        yield event({"error": api_errors.body(500, str(error))})
        return
    except ApiError as error:  # as of a client that has left, who reads nothing more
        yield event({"error": api_errors.body(error.status, str(error), error.param, error.code)})
        return
    except Exception:  # noqa: BLE001 - the status is sent; the client gets an error event, the log the traceback
        _log.exception("a streamed answer failed")
        yield event({"error": api_errors.body(500, "The server had an error while it answered; see its log.")})
        return
    finally:
        rest.close()
    yield DONE


STREAMED: dict[str, Any] = {"content": {"text/event-stream": {}}}
"""What FastAPI documents of a response that may also be a stream."""


class _EventStream(StreamingResponse):
    """Server-sent events; when the client disconnects, the model is stopped at once."""

    def __init__(self, events: Generator[str, None, None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await run_in_threadpool(self._events.close)
