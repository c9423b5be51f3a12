"""Chat completions that a host has stored (`store=True`), fetched as rows to import."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from fine_tuning._util.hosts import Host
from fine_tuning._util.list_pages import listed
from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.data_io.sources import RawRow
from fine_tuning.errors import ProviderError

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion
    from pydantic import BaseModel

PAGE_SIZE = 100


def fetch(
    host: Host,
    model: str | None = None,
    metadata: Mapping[str, str] | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Iterator[RawRow]:
    """Each stored chat completion with its request's messages, oldest first; see `data_io.formats.stored_completion`.

    Args:
        model, metadata: only the completions of this model, and with this metadata.
        on_progress: called with 1 after each completion.

    Raises:
        ConfigurationError: OpenAI is the host and there is no key, or it refuses the key.
        ProviderError: the host cannot be reached or does not respond.
    """
    from openai import omit

    with host.client() as client, host.translated_errors("stored completions"):
        completions = client.chat.completions
        page = completions.list(
            model=model or omit, metadata=dict(metadata) if metadata else omit, limit=PAGE_SIZE, order="asc"
        )
        if isinstance(page, str):
            raise ProviderError(f"{host.url} does not respond with JSON; check that it is the address of an API")
        for number, each in enumerate(listed(host, "stored completions", page), 1):
            completion = cast("ChatCompletion", each)
            sent = completions.messages.list(completion.id, limit=PAGE_SIZE, order="asc")
            what = f"messages of {completion.id}"
            messages = [_as_sent(cast("BaseModel", message)) for message in listed(host, what, sent)]
            row = {**completion.model_dump(mode="json", exclude_unset=True), "messages": messages}
            yield RawRow(host.url, number, json.dumps(row, ensure_ascii=False).encode())
            on_progress(1)


def _as_sent(message: BaseModel) -> JsonObject:
    """A message as it was sent, without the fields that storing added."""
    fields = message.model_dump(mode="json", exclude_unset=True)  # the SDK has more fields than were sent
    sent = {key: value for key, value in fields.items() if value is not None}
    content = sent.pop("content_parts", None) or sent.get("content")
    sent.pop("id", None)
    return {**sent, "content": content}
