"""OpenAI-compatible hosts: one way to make a client, one way to read its errors."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fine_tuning.errors import ConfigurationError, NotFoundError, ProviderError, RefusedError
from fine_tuning.settings import get_settings

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

OPENAI_URL = "https://api.openai.com/v1"


def address(base_url: str | None = None) -> str:
    """The host in force: the argument, OPENAI_BASE_URL, or OpenAI.

    Raises:
        ConfigurationError: it is no http or https address.
    """
    url = (base_url or get_settings().openai_base_url or OPENAI_URL).rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(
            f"{url!r} is no address of a host; OPENAI_BASE_URL looks like http://localhost:8000/v1"
        )
    return url


def make_client(api_key: str | None = None, base_url: str | None = None, **options: Any) -> OpenAI:
    """A client of the official SDK; `options` are its own, e.g. timeout and max_retries.

    Its connections are closed when nobody uses it any more.

    Raises:
        ConfigurationError: OpenAI itself is asked and there is no key. Other hosts may not need one.
    """
    from openai import DefaultHttpxClient, OpenAI

    known = _options(api_key, base_url)
    connections = DefaultHttpxClient()
    client = OpenAI(**known, http_client=connections, **options)
    weakref.finalize(client, connections.close)  # it is part of a cycle, of which Python may take its sockets first
    return client


def make_async_client(api_key: str | None = None, base_url: str | None = None, **options: Any) -> AsyncOpenAI:
    """As `make_client`, for asyncio."""
    from openai import AsyncOpenAI

    return AsyncOpenAI(**_options(api_key, base_url), **options)


def find_key(api_key: str | None = None, base_url: str | None = None) -> str | None:
    """The key for a host: the argument, else OPENAI_API_KEY; None where the host may need none.

    Raises:
        ConfigurationError: OpenAI itself is asked and there is no key, or the key cannot be sent.
    """
    url = address(base_url)
    configured = get_settings().openai_api_key
    key = api_key or (configured.get_secret_value() if configured else None)
    if key and not (key.isascii() and key.isprintable()):
        raise ConfigurationError("OPENAI_API_KEY has characters that no key has; copy it again")
    if not key and urlsplit(url).hostname == urlsplit(OPENAI_URL).hostname:
        raise ConfigurationError(
            "no OpenAI API key: set OPENAI_API_KEY, or set OPENAI_BASE_URL to another host, "
            "or use a local model (LocalFineTuner, ft-cli train), which needs none"
        )
    return key


def _options(api_key: str | None, base_url: str | None) -> dict[str, Any]:
    return {"api_key": find_key(api_key, base_url) or "none", "base_url": address(base_url)}


@contextmanager
def translated_errors(url: str, asked: str) -> Iterator[None]:
    """Turn the SDK's exceptions into one line.

    Args:
        url: the host, for the message.
        asked: what was asked for, e.g. "job ftjob-1" or "model gpt-4o".
    """
    import httpx2
    import openai

    try:
        yield
    except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
        raise ConfigurationError(f"{url} refused the API key ({error.status_code}); check OPENAI_API_KEY") from error
    except openai.NotFoundError as error:
        raise NotFoundError(f"{url} does not know {asked} (404): {_message(error)}") from error
    except openai.RateLimitError as error:
        raise ProviderError(f"{url} has no capacity or credit for {asked} (429): {_message(error)}") from error
    except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
        raise RefusedError(f"{url} refused {asked} ({error.status_code}): {_message(error)}") from error
    except openai.APIStatusError as error:
        raise ProviderError(f"{url} refused {asked} ({error.status_code}): {_message(error)}") from error
    except openai.APITimeoutError as error:
        raise ProviderError(f"{url} did not answer in time for {asked}; try again") from error
    except openai.APIConnectionError as error:
        raise ProviderError(f"cannot reach {url} for {asked}; check the address (OPENAI_BASE_URL)") from error
    except httpx2.TransportError as error:  # of an answer that broke off, which the SDK does not translate
        raise ProviderError(f"{url} broke off its answer about {asked}; try again") from error
    except openai.OpenAIError as error:
        raise ProviderError(f"{url}, {asked}: {error}") from error


def _message(error: Any) -> str:
    body = error.body
    text = body.get("message") if isinstance(body, dict) else None
    return " ".join(str(text or error.message).split())
