"""The process that asks vendors with wires of their own, through LiteLLM's SDK: OpenAI's chat completions, at
`/VENDOR/v1/chat/completions` of the socket that it is given.

It imports nothing of this project, so that its Python may be that of another environment. It ends with its parent, who
holds the other end of its input.

python -P litellm_host.py FILE_DESCRIPTOR
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import socket
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

_STATUSES = {"APIConnectionError": 502, "Timeout": 504}  # where no vendor has said one
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL")  # in names of variables
_SHORTEST_SECRET = 8  # characters
_REFERENCES = ("os.environ/", "oidc/")  # the SDK would put a secret of this machine in place of such a key
_REFUSED, _FAILED = 400, 502


async def answer(request: web.Request) -> web.StreamResponse:
    """Answer a chat completion; where the gateway closes the connection, the call to the vendor is cancelled."""
    vendor, fields = request.match_info["vendor"], await request.json()
    key = request.headers.get("Authorization", "").partition(" ")[2]
    try:
        found = await _completion(vendor, fields, key)
        if not fields.get("stream"):
            return web.json_response(_as_object(found, vendor))
        first = await anext(found, None)
    except Exception as error:  # noqa: BLE001 - the SDK has no base of its errors, and those of others pass through it
        return web.json_response(_error(error, key), status=_status(error), headers=_retry_after(error))
    try:
        return await _stream(request, _with_first(first, found), vendor, key)
    finally:
        await found.aclose()


async def _completion(vendor: str, fields: Mapping[str, Any], key: str) -> Any:
    import litellm

    if key.startswith(_REFERENCES):
        raise ValueError("this is no key")
    given = {**fields, "model": f"{vendor}/{fields['model']}", "num_retries": 0, "max_retries": 0}
    return await litellm.acompletion(**given, **({"api_key": key} if key else {}))


async def _with_first(first: Any, others: AsyncIterator[Any]) -> AsyncIterator[Any]:
    if first is not None:
        yield first
        async for each in others:
            yield each


async def _stream(request: web.Request, chunks: AsyncIterator[Any], vendor: str, key: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)
    try:
        async for chunk in chunks:
            await response.write(_event(json.dumps(_as_object(chunk, vendor))))
        last = "[DONE]"
    except Exception as error:  # noqa: BLE001 - as above
        last = json.dumps(_error(error, key))
    await response.write(_event(last))
    return response


def _event(data: str) -> bytes:
    return f"data: {data}\n\n".encode()


def _as_object(answered: Any, vendor: str) -> dict[str, Any]:
    """An answer or a chunk, whose model has the vendor's own name."""
    found: dict[str, Any] = answered.model_dump(mode="json", exclude_none=True)
    return {**found, "model": str(found.get("model", "")).removeprefix(f"{vendor}/")}


def _status(error: Exception) -> int:
    stated = _STATUSES.get(type(error).__name__) or getattr(error, "status_code", None)
    if isinstance(stated, int) and 400 <= stated <= 599:
        return stated
    return _REFUSED if isinstance(error, ValueError) else _FAILED


def _error(error: Exception, key: str) -> dict[str, Any]:
    """What the vendor or the SDK says, in OpenAI's shape and without any key."""
    text = str(getattr(error, "message", "") or error) or type(error).__name__
    held = [value for name, value in os.environ.items() if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET]
    for secret in filter(None, [key, *held]):
        text = text.replace(secret, "***")
    return {"error": {"message": text, "type": type(error).__name__, "param": None, "code": "upstream_error"}}


def _retry_after(error: Exception) -> dict[str, str]:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    return {"Retry-After": headers["retry-after"]} if "retry-after" in headers else {}


def _end_with_parent(socket_path: Path) -> None:
    sys.stdin.buffer.read()
    shutil.rmtree(socket_path.parent, ignore_errors=True)
    os._exit(0)


def main() -> None:
    """Answer until the parent ends."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    threading.Thread(target=_end_with_parent, args=[Path(listener.getsockname())], daemon=True).start()
    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.disable_streaming_logging = True
    for name in ("LiteLLM", "httpx"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # they repeat what was asked
    app = web.Application(client_max_size=0)  # the gateway bounds what it passes on
    app.router.add_post("/{vendor}/v1/chat/completions", answer)
    web.run_app(app, sock=listener, handler_cancellation=True, access_log=None, print=None)


if __name__ == "__main__":
    main()
