"""OpenAI-compatible hosts: their address and key, clients, and translation of the SDK's errors."""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from fine_tuning._util.printable import quoted
from fine_tuning.errors import ConfigurationError, NotFoundError, ProviderError, RefusedError
from fine_tuning.settings import Settings

if TYPE_CHECKING:
    from openai import OpenAI

OPENAI_URL = "https://api.openai.com/v1"
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_NOT_IN_AN_ADDRESS = re.compile(r"[\s\\?#]")  # readers differ over them, or over whose host begins behind them


@dataclass(frozen=True)
class Host:
    """An OpenAI-compatible host, made by `find_host`.

    Attributes:
        url: its address, as `normalized_url` writes it.
        api_key: None where it may need none.
        userinfo: user and password of the address, which is never printed with them.
    """

    url: str
    api_key: str | None = field(default=None, repr=False)
    userinfo: str | None = field(default=None, repr=False)

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI itself, in any region."""
        return is_openai(self.url)

    def check_key(self) -> None:
        """Check the key, as far as that is possible without a call.

        Raises:
            ConfigurationError: the host is OpenAI and there is no key, or the key has invalid characters.
        """
        if self.api_key and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise ConfigurationError("OPENAI_API_KEY has invalid characters; copy it again")
        if not self.api_key and self.is_openai:
            raise ConfigurationError(
                "no OpenAI API key: set OPENAI_API_KEY, or set OPENAI_BASE_URL to another host, "
                "or use a local model (LocalFineTuner, ft-cli train), which needs none"
            )

    def client(self, **options: Any) -> OpenAI:
        """A client of the official SDK; `options` are the SDK's, e.g. timeout and max_retries.

        Its connections are closed when it is garbage collected.

        Raises:
            ConfigurationError: as for `check_key`.
        """
        from openai import OpenAI

        from fine_tuning._util.bounded_http import BoundedClient

        connections = BoundedClient()
        client = OpenAI(**self._options(), http_client=connections, **options)
        weakref.finalize(client, connections.close)  # it is in a cycle, in which Python may finalise its sockets first
        return client

    def _options(self) -> dict[str, Any]:
        self.check_key()
        return {"api_key": self.api_key or "none", "base_url": with_userinfo(self.url, self.userinfo)}

    @contextmanager
    def translated_errors(self, subject: str) -> Iterator[None]:
        """Translate the SDK's exceptions into one line.

        Args:
            subject: of the request, e.g. "job ftjob-1" or "model gpt-4o".
        """
        import httpx2
        import openai

        url = self.url
        try:
            yield
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            why = "refused the API key" if self.api_key else "needs an API key, and was sent none"
            advice = "check OPENAI_API_KEY" if self.api_key else f"set OPENAI_API_KEY and OPENAI_BASE_URL={url}"
            raise ConfigurationError(f"{url} {why} ({error.status_code}); {advice}") from error
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
        except (openai.OpenAIError, ValueError, RecursionError) as error:  # of an id that no address can hold, as ".."
            raise ProviderError(f"{url}, {subject}: {quoted(error)}") from error


def find_host(settings: Settings, base_url: str | None = None, api_key: str | None = None) -> Host:
    """The host of these arguments, else of the settings (OPENAI_BASE_URL, OPENAI_API_KEY), else OpenAI.

    Raises:
        ConfigurationError: its address is not an http or https address.
    """
    configured = settings.openai_api_key
    key = api_key or (configured.get_secret_value() if configured else None)
    url = base_url or settings.openai_base_url or OPENAI_URL
    return Host(_address(url), key, userinfo_of(url))


def settings_for(settings: Settings, url: str) -> Settings:
    """The settings for a host whose address a row or a file names, which may come from somebody else.

    They have OPENAI_API_KEY only for OpenAI, for the host of OPENAI_BASE_URL, and for this machine.
    """
    return settings if is_known(settings, url) else settings.model_copy(update={"openai_api_key": None})


def with_host(settings: Settings, url: str | None, api_key: str | None) -> Settings:
    """The settings with the host and the key that a caller names, whose word is as good as that of the environment."""
    named = {"openai_base_url": url, "openai_api_key": SecretStr(api_key) if api_key else None}
    return settings.model_copy(update={name: value for name, value in named.items() if value is not None})


def is_known(settings: Settings, url: str) -> bool:
    """Whether an address is of a host that the settings name, of OpenAI, or of this machine.

    Raises:
        ConfigurationError: it is not an http or https address.
    """
    parts = urlsplit(_address(url))
    if is_openai(url) and parts.scheme == "https":
        return True
    named = urlsplit(without_userinfo(settings.openai_base_url or OPENAI_URL))
    is_named = (parts.scheme, parts.hostname, parts.port) == (named.scheme, named.hostname, named.port)
    return is_named or parts.hostname in _THIS_MACHINE


def userinfo_of(url: str) -> str | None:
    """The user and password of an address; None where it has none."""
    userinfo, at, _ = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")
    return userinfo if at else None


def without_userinfo(url: str) -> str:
    """An address as it is printed and recorded: without user and password."""
    userinfo = userinfo_of(url)
    return url if userinfo is None else url.replace(f"{userinfo}@", "", 1)


def with_userinfo(url: str, userinfo: str | None) -> str:
    """An address as it is called."""
    return url if userinfo is None else url.replace("://", f"://{userinfo}@", 1)


def _address(url: str) -> str:
    """An address, which may have a user and a password, as it is recorded."""
    if _NOT_IN_AN_ADDRESS.search(url):
        raise _no_address(without_userinfo(url))
    return normalized_url(without_userinfo(url))


def normalized_url(url: str) -> str:
    """A host's address in the one form by which it is recorded.

    Raises:
        ConfigurationError: it is not an http or https address.
    """
    url = url.rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        usable = usable and not _NOT_IN_AN_ADDRESS.search(url)
    except ValueError:
        usable = False
    if not usable:
        raise _no_address(url)
    return url


def _no_address(url: str) -> ConfigurationError:
    return ConfigurationError(
        f"{url!r} is not the address of a host; OPENAI_BASE_URL looks like http://localhost:8000/v1"
    )


def is_openai(url: str) -> bool:
    """Whether this is an address of OpenAI, in any region (eu.api.openai.com, ...)."""
    return f".{urlsplit(url).hostname}".endswith(".api.openai.com")


def _message(error: Any) -> str:
    body = error.body
    text = body.get("message") if isinstance(body, dict) else None
    return quoted(text or error.message)
