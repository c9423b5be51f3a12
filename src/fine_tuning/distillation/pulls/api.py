"""A tool's API over HTTP: requests that are repeated where that helps, and errors of one line."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

from fine_tuning._util.files import parse_json
from fine_tuning._util.hosts import normalized_url, userinfo_of, without_userinfo
from fine_tuning.data_io.json_values import JsonObject, is_object
from fine_tuning.errors import ConfigurationError, DataError, NotFoundError, ProviderError

if TYPE_CHECKING:
    import httpx2

ATTEMPTS = 6
FIRST_WAIT = 0.25
MAX_WAIT = 60.0
MAX_PAGES = 100_000  # of a list
MAX_PAGE_BYTES = 256 << 20
_REPEATED = {408, 429, 500, 502, 503, 504, 529}
Params = Mapping[str, str | int | Sequence[str] | None]


@dataclass
class Api:
    """An open API of a tool.

    Attributes:
        keys: the settings of its address and keys, for messages.
        was_reached: whether it has responded yet.
    """

    url: str
    keys: str
    client: httpx2.Client
    was_reached: bool = False

    def get(self, path: str, params: Params | None = None) -> JsonObject:
        """The JSON object at a path.

        Raises:
            ConfigurationError, NotFoundError, ProviderError: see `send`.
        """
        return self._object(path, self.send("GET", path, params=params))

    def post(self, path: str, body: JsonObject) -> JsonObject:
        """The JSON object that a query in JSON responds with; see `get`."""
        return self._object(path, self.send("POST", path, body=body))

    def send(self, method: str, path: str, *, params: Params | None = None, body: JsonObject | None = None) -> object:
        """The JSON that a request responds with; repeated after a broken connection, a 429 and errors of the server.

        Raises:
            ConfigurationError: the key is refused.
            NotFoundError: there is nothing at the path.
            ProviderError: the host cannot be reached, refuses, or does not respond with JSON.
        """
        import httpx2

        given = {key: value for key, value in (params or {}).items() if value is not None}
        for attempt in range(1, ATTEMPTS + 1):
            wait = FIRST_WAIT * 2 ** (attempt - 1)
            try:
                response = self.client.request(method, f"{self.url}{path}", params=given, json=body)
            except httpx2.TransportError as error:
                is_wrong_address = isinstance(error, httpx2.ConnectError) and not self.was_reached
                if attempt == ATTEMPTS or is_wrong_address:
                    reason = str(error) or type(error).__name__
                    raise ProviderError(
                        f"cannot reach {self.url} ({reason}); check the address ({self.keys})"
                    ) from None
            else:
                self.was_reached = True
                if response.status_code not in _REPEATED or attempt == ATTEMPTS:
                    return self._value(path, response)
                wait = _stated_wait(response.headers, wait)
            time.sleep(min(wait, MAX_WAIT))
        raise AssertionError  # the last attempt returns or raises

    def unrepeated(self, path: str) -> Callable[[object], None]:
        """A check of each page of a list, which raises ProviderError where the list has no end."""
        seen: set[bytes] = set()

        def check(page: object) -> None:
            seen_before, digest = len(seen), hashlib.sha256(repr(page).encode("utf-8", "replace")).digest()
            seen.add(digest)
            if len(seen) == seen_before:
                raise ProviderError(f"{self.url}{path} sends a page again; check the address ({self.keys})")
            if len(seen) > MAX_PAGES:
                raise ProviderError(f"{self.url}{path} has no end: {MAX_PAGES} pages were read; ask for fewer days")

        return check

    def _value(self, path: str, response: httpx2.Response) -> object:
        from fine_tuning._util.bounded_http import WholeResponse

        status = response.status_code
        if status in {401, 403}:
            raise ConfigurationError(f"{self.url} refused the key ({status}); check {self.keys}")
        if status == 404:
            raise NotFoundError(f"{self.url} has no {path} (404); check the address and the project")
        if isinstance(response, WholeResponse) and response.problem is not None:
            raise ProviderError(f"{self.url}{path} {response.problem}; check the address ({self.keys})")
        if not response.is_success:
            text = " ".join(response.text.split())[:200]
            raise ProviderError(f"{self.url} refused {path} ({status}): {text or 'without a reason'}")
        try:
            value: object = parse_json(response.content)
        except DataError:
            raise ProviderError(
                f"{self.url}{path} does not respond with JSON; check the address ({self.keys})"
            ) from None
        return value

    def _object(self, path: str, value: object) -> JsonObject:
        if not is_object(value):
            raise ProviderError(f"{self.url}{path} does not respond with a JSON object; check the address")
        return value


def _stated_wait(headers: Mapping[str, str], default: float) -> float:
    """The seconds after which the host wants to be asked again: of Retry-After, a number or a date."""
    stated = headers.get("retry-after", "")
    for text, unit in ((headers.get("retry-after-ms", ""), 0.001), (stated, 1.0)):
        if text.replace(".", "", 1).isdecimal():
            return float(text) * unit
    try:
        return max(0.0, (parsedate_to_datetime(stated) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return default


@contextmanager
def open_api(
    url: str, keys: str, headers: Mapping[str, str | None], basic: tuple[str, str] | None = None
) -> Iterator[Api]:
    """An API for the length of a block.

    Args:
        keys: the settings of its address and keys, for messages.
        headers: those that are None are left out.
        basic: user and password.

    Raises:
        ConfigurationError: the address or a key is invalid.
    """
    from fine_tuning._util.bounded_http import BoundedClient

    try:
        address = normalized_url(without_userinfo(url))
    except ConfigurationError:
        raise ConfigurationError(f"{without_userinfo(url)!r} is not the address of a host; check {keys}") from None
    given = {key: value for key, value in headers.items() if value is not None}
    if not all(value.isascii() and value.isprintable() for value in (*given.values(), *(basic or ()))):
        raise ConfigurationError(f"a key has invalid characters; copy it again ({keys})")
    if basic is None and (userinfo := userinfo_of(url)):  # of the address, which is never printed
        user, _, password = userinfo.partition(":")
        basic = unquote(user), unquote(password)
    limits = {"max_bytes": MAX_PAGE_BYTES, "follow_redirects": False}
    with BoundedClient(headers=given, auth=basic, timeout=60.0, **limits) as client:
        yield Api(address, keys, client)
