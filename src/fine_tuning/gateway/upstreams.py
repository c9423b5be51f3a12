"""The APIs that calls are passed to: names, which are the first part of a path, and addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from fine_tuning.errors import ConfigurationError

Wire = Literal["openai", "anthropic", "gemini"]
"""The shape of an API's errors."""

PUBLIC = {
    "openai": "https://api.openai.com",
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com",
}
STATED: tuple[Literal["openai", "chat", "anthropic", "gemini"], ...] = ("openai", "chat", "anthropic", "gemini")
"""What an address may say of the wire, as in chat+https://host: `chat` is OpenAI's without the Responses."""
LOCAL = "local"  # as an upstream: the models of this server
RESERVED = frozenset({"v1", "docs", "healthz", "metrics", "openapi.json", "login", "static", "_nicegui", LOCAL})
"""First parts of the server's own paths, and its models."""

_WIRES: Mapping[str, Wire] = {"openai": "openai", "anthropic": "anthropic", "gemini": "gemini"}  # by name
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_LITELLM = re.compile(r"litellm://(?P<vendor>[a-z0-9_]{1,40})")


@dataclass(frozen=True)
class Upstream:
    """An API to which calls are passed.

    Attributes:
        address: scheme, host and the path before that of a call, without a slash at its end.
        stated: what it speaks, where its address says it.
        vendor: whom LiteLLM's SDK asks, in place of an address; routes alone lead there.
    """

    name: str
    address: str
    stated: Literal["openai", "chat", "anthropic", "gemini"] | None = None
    vendor: str | None = None

    @property
    def wire(self) -> Wire | None:
        """The wire that it speaks; None for a host that may speak several."""
        if self.stated is not None:
            return "openai" if self.stated == "chat" else self.stated
        public = next((name for name, address in PUBLIC.items() if address == self.address), "")
        return _WIRES.get(self.name) or _WIRES.get(public)

    @property
    def has_only_chat(self) -> bool:
        """Whether it speaks OpenAI's chat completions, and not its Responses."""
        return self.stated == "chat"

    def url(self, path: str) -> str:
        """The address of a call.

        Args:
            path: as the client wrote it behind the name of the upstream, with its query: empty, or from a slash or a
                question mark on, as anything else would become part of the host's name.
        """
        assert path[:1] in {"", "/", "?"}, path  # noqa: S101 - callers match the whole name before a slash
        return f"{self.address}{path}"


def read_upstreams(addresses: Mapping[str, str]) -> dict[str, Upstream]:
    """The upstreams by name: those of the setting, and the public ones that it does not name otherwise.

    Raises:
        ConfigurationError: a name or an address is none; the message says which.
    """
    return {name: _upstream(name, address) for name, address in {**PUBLIC, **addresses}.items()}


def _upstream(name: str, address: str) -> Upstream:
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise ConfigurationError(
            f"FINE_TUNING_UPSTREAMS: {name!r} cannot name an upstream; use up to 40 lower-case letters, digits and "
            f"dashes, and none of {', '.join(sorted(RESERVED))}"
        )
    given = address.strip()
    if (of_litellm := _LITELLM.fullmatch(given)) is not None:
        return Upstream(name, given, "chat", of_litellm["vendor"])
    stated = next((each for each in STATED if given.startswith(f"{each}+")), None)
    if stated is not None:
        given = given.removeprefix(f"{stated}+")
    parts = urlsplit(given)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ConfigurationError(
            f"FINE_TUNING_UPSTREAMS: {name}: {address!r} is no address; write one such as https://api.openai.com, or litellm://bedrock"
        )
    if parts.username or parts.password:
        raise ConfigurationError(f"FINE_TUNING_UPSTREAMS: {name}: an address must not contain a password")
    return Upstream(name, given.rstrip("/"), stated)


def wire_of(path: str, headers: Mapping[bytes, bytes]) -> Wire:
    """The wire that a call speaks, by its path and headers."""
    if path.startswith("/v1/messages") or b"anthropic-version" in headers:
        return "anthropic"
    is_gemini = path.startswith(("/v1beta", "/v1alpha")) or ":generate" in path or ":streamGenerate" in path
    is_gemini = is_gemini or b"x-goog-api-key" in headers
    return "gemini" if is_gemini else "openai"
