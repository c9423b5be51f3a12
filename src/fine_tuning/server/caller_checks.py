"""Who may use a server without keys: programs of this machine, and none of the web pages that a browser on it shows.

A page of another site cannot read answers, but it can send forms and uploads (cross-site request forgery), and under a
name that it makes resolve to this machine it could read everything (DNS rebinding). Browsers tell both apart: by the
`Host` that they ask for, and by the `Origin` of what they send.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

READING_METHODS = ("GET", "HEAD", "OPTIONS")
_KEY = "create a key: ft-cli keys create NAME"
_WEB = ("http", "https")  # schemes of pages; desktop programs and extensions have others, which no page can have
_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[\w.-]+))(?::\d+)?", re.ASCII)
_TELLING = ("host", "origin", "sec-fetch-site")
_SAME = ("same-origin", "none")


def refusal(
    scope: Scope, names: Collection[str], origins: Collection[str] = (), *, is_open: bool, is_passed_on: bool = False
) -> str | None:
    """Why a request is refused, whatever it asks for; None where it is served.

    Args:
        names: by which the server may be called, beside those of the loopback addresses; a server with keys may be
            called by every name where none are given.
        origins: of web pages that may call it.
        is_open: the server needs no key.
        is_passed_on: the answer is a vendor's, whose headers may allow every page to read it.
    """
    headers = Headers(scope=scope)
    if twice := next((name for name in _TELLING if len(headers.getlist(name)) > 1), None):
        return f"{twice} is sent twice, so that nobody knows which one counts"
    if not is_open:
        if not names or is_name_of_this_machine(headers.get("host", ""), names):
            return None
        return f"{headers.get('host') or 'nothing'} is not a name of this server; start with --allowed-host"
    if (client := scope.get("client")) and not is_loopback(client[0]):
        return f"without a key only programs of this machine are served; {_KEY}"
    host = headers.get("host", "")
    if not is_name_of_this_machine(host, names):
        return f"{host or 'nothing'} is not a name of this machine; start with --allowed-host, or {_KEY}"
    is_harmless = scope.get("method") in READING_METHODS and not is_passed_on
    if not is_harmless and not _is_from_here(headers, origins):
        return f"this request was sent by a web page of another site; start with --allow-origin, or {_KEY}"
    return None


def is_loopback(host: str) -> bool:
    """Whether an address or a name is one of this machine that no other one can reach."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def is_name_of_this_machine(host: str, names: Collection[str] = ()) -> bool:
    """Whether a request's `Host` (a name or an address, with or without a port) is a loopback address or in `names`."""
    if (found := _HOST.fullmatch(host)) is None:
        return False
    name = (found["address"] or found["name"]).lower()
    return is_loopback(name) or name in {each.lower() for each in names}


def _is_from_here(headers: Headers, origins: Collection[str]) -> bool:
    """Whether no page of another site sends this; programs other than browsers send neither header."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") in _SAME
    if origin in origins or "*" in origins:
        return True
    try:
        sent = urlsplit(origin)
    except ValueError:
        return False
    if sent.scheme in _WEB:
        return sent.netloc == headers.get("host")
    return origin != "null" and bool(sent.scheme)
