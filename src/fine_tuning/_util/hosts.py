"""OpenAI-compatible hosts: their address and key, clients, and translation of the SDK's errors."""

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
    """The address of the host: the argument, OPENAI_BASE_URL, or OpenAI.

    Raises:
        ConfigurationError: it is not an http or https address.
    """
    url = (base_url or get_settings().openai_base_url or OPENAI_URL).rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(
            f"{url!r} is not the address of a host; OPENAI_BASE_URL looks like http://localhost:8000/v1"
        )
    return url


def make_client(api_key: str | None = None, base_url: str | None = None, **options: Any) -> OpenAI:
    """A client of the official SDK; `options` are the SDK's, e.g. timeout and max_retries.

    Its connections are closed when it is garbage collected.

    Raises:
        ConfigurationError: the host is OpenAI and there is no key. Other hosts may not need one.
    """
    from openai import DefaultHttpxClient, OpenAI

    known = _options(api_key, base_url)
    connections = DefaultHttpxClient()
    client = OpenAI(**known, http_client=connections, **options)
    weakref.finalize(client, connections.close)  # it is part of a cycle, in which Python may finalise its sockets first
    return client


def make_async_client(api_key: str | None = None, base_url: str | None = None, **options: Any) -> AsyncOpenAI:
    """As `make_client`, for asyncio."""
    from openai import AsyncOpenAI

    return AsyncOpenAI(**_options(api_key, base_url), **options)


def find_key(api_key: str | None = None, base_url: str | None = None) -> str | None:
    """The key for a host: the argument, else OPENAI_API_KEY; None if the host may need none.

    Raises:
        ConfigurationError: the host is OpenAI and there is no key, or the key has invalid characters.
    """
    url = address(base_url)
    configured = get_settings().openai_api_key
    key = api_key or (configured.get_secret_value() if configured else None)
    if key and not (key.isascii() and key.isprintable()):
        raise ConfigurationError("OPENAI_API_KEY has invalid characters; copy it again")
    if not key and urlsplit(url).hostname == urlsplit(OPENAI_URL).hostname:
        raise ConfigurationError(
            "no OpenAI API key: set OPENAI_API_KEY, or set OPENAI_BASE_URL to another host, "
            "or use a local model (LocalFineTuner, ft-cli train), which needs none"
        )
    return key


def _options(api_key: str | None, base_url: str | None) -> dict[str, Any]:
    return {"api_key": find_key(api_key, base_url) or "none", "base_url": address(base_url)}


@contextmanager
def translated_errors(url: str, subject: str) -> Iterator[None]:
    """Translate the SDK's exceptions into one line.

    Args:
        url: the host, for the message.
        subject: of the request, e.g. "job ftjob-1" or "model gpt-4o".
    """
    import httpx2
    import openai

    try:
        yield
    except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
        raise ConfigurationError(f"{url} refused the API key ({error.status_code}); check OPENAI_API_KEY") from error
    except openai.NotFoundError as error:
        raise NotFoundError(f"{url} does not know {subject} (404): {_message(error)}") from error
    except openai.RateLimitError as error:
        raise ProviderError(f"{url} has no capacity or credit for {subject} (429): {_message(error)}") from error
    except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
        raise RefusedError(f"{url} refused {subject} ({error.status_code}): {_message(error)}") from error
    except openai.APIStatusError as error:
        raise ProviderError(f"{url} refused {subject} ({error.status_code}): {_message(error)}") from error
    except openai.APITimeoutError as error:
        raise ProviderError(f"{url} did not answer in time for {subject}; try again") from error
    except openai.APIConnectionError as error:
        raise ProviderError(f"cannot reach {url} for {subject}; check the address (OPENAI_BASE_URL)") from error
    except httpx2.TransportError as error:  # of a truncated response, which the SDK does not translate
        raise ProviderError(f"{url} broke off its response for {subject}; try again") from error
    except openai.OpenAIError as error:
        raise ProviderError(f"{url}, {subject}: {error}") from error


def _message(error: Any) -> str:
    body = error.body
    text = body.get("message") if isinstance(body, dict) else None
    return " ".join(str(text or error.message).split())
