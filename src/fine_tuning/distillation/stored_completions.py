"""Calls that a host has kept (`store=True`), fetched as rows to import."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fine_tuning._util import hosts
from fine_tuning.data_io.sources import RawRow
from fine_tuning.errors import ProviderError

PAGE = 100


def fetch(
    base_url: str | None,
    api_key: str | None,
    model: str | None,
    metadata: Mapping[str, str] | None,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[RawRow]:
    """Each stored chat completion with its request's messages, oldest first; see `data_io.formats.stored_completion`.

    Args:
        model, metadata: only the calls of this model, and with this metadata.
        progress: told of each.

    Raises:
        ConfigurationError: OpenAI is asked without a key, or refuses it.
        ProviderError: the host cannot be reached or does not answer.
    """
    url = hosts.address(base_url)
    chosen: dict[str, Any] = {"model": model, "metadata": dict(metadata or {})}
    with hosts.make_client(api_key, base_url) as client, hosts.translated_errors(url, "stored completions"):
        completions = client.chat.completions
        given = {name: value for name, value in chosen.items() if value}
        page = completions.list(limit=PAGE, order="asc", **given)
        if isinstance(page, str):
            raise ProviderError(f"{url} answers with something else than JSON; is it the address of an API?")
        for number, completion in enumerate(page, 1):
            asked = [_plain(each) for each in completions.messages.list(completion.id, limit=PAGE, order="asc")]
            row = {**completion.model_dump(mode="json", exclude_unset=True), "messages": asked}
            yield RawRow(url, number, json.dumps(row, ensure_ascii=False).encode())
            progress(1)


def _plain(message: Any) -> dict[str, Any]:
    """A message as it was sent, without what storing added."""
    sent = message.model_dump(mode="json", exclude_unset=True)  # the SDK knows more fields than were sent
    kept = {key: value for key, value in sent.items() if value is not None}
    content = kept.pop("content_parts", None) or kept.get("content")
    kept.pop("id", None)
    return {**kept, "content": content}
