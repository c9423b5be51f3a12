"""Settings of a server: aliases and limits."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fine_tuning.errors import UsageError

MIB = 1 << 20
MAX_FILE_BYTES = 512 * MIB
DEFAULT_CONTEXT = 2048


@dataclass(frozen=True)
class ServerConfig:
    """Settings of one server.

    Attributes:
        aliases: names for clients -> base models of the catalogue, folders or hub ids. Clients can name only these
            and the embedded models: a path in a request is never opened.
        max_body_bytes: of a JSON request; uploads may have `MAX_FILE_BYTES`.
        max_bodies_bytes: of the JSON of all requests under way; further ones are refused with 503.
        requests_per_minute: of each key; None for no limit.
        max_concurrent: requests that run at once; further ones are refused with 429.
        max_uploads: files and parts that are received at once, beside `max_concurrent`; further ones get 429.
        memory_limit_mib: of loaded models; the least recently used are unloaded above it. None for no limit.
        context_length: tokens of prompt and answer together, for each of the 8 slots of llama.cpp.
        patience_seconds: timeout of a request's body, or of the next piece of an upload.
        allowed_origins: of web pages that may call the API from a browser (CORS), such as http://localhost:5173.
        allowed_hosts: names by which the server may be called, beside localhost and loopback addresses; without any, a
            server with keys may be called by every name.
        python_graders: run the source of python graders, in a sandbox.
    """

    aliases: Mapping[str, str] = field(default_factory=dict)
    max_body_bytes: int = 16 * MIB
    max_bodies_bytes: int = 256 * MIB
    requests_per_minute: int | None = None
    max_concurrent: int = 64
    max_uploads: int = 16
    memory_limit_mib: int | None = None
    context_length: int = DEFAULT_CONTEXT
    patience_seconds: float = 30.0
    allowed_origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    python_graders: bool = False


def parse_aliases(pairs: list[str]) -> dict[str, str]:
    """`["gpt-4o-mini=smollm2-135m-instruct"]` as a mapping.

    Raises:
        UsageError: a pair is not NAME=MODEL.
    """
    aliases = {}
    for pair in pairs:
        name, _, model = pair.partition("=")
        if not name.strip() or not model.strip():
            raise UsageError(f"--alias {pair!r}: write NAME=MODEL, such as gpt-4o-mini=smollm2-135m-instruct")
        aliases[name.strip()] = model.strip()
    return aliases


def parse_networks(addresses: Sequence[str]) -> list[str]:
    """Addresses and networks of proxies, such as 10.0.0.7 and 10.0.0.0/8, as networks.

    Raises:
        UsageError: one is neither.
    """
    try:
        return [str(ipaddress.ip_network(address.strip(), strict=False)) for address in addresses]
    except ValueError as error:
        raise UsageError(f"--trusted-proxy: {error}; write an address or a network, such as 10.0.0.0/8") from None
