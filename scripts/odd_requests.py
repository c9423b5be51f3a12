"""Odd HTTP requests as bytes: of every route that a server describes, from nearly right to not HTTP at all."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Description = Mapping[str, Any]
ODD_TEXTS = (
    *(
        "",
        " ",
        "\0",
        "..",
        "../../etc/passwd",
        "%2e%2e%2f",
        "..\\..\\x",
        "/etc/passwd",
        "~",
        "C:\\x",
        "a\nb",
        "\r\nX: y",
    ),
    *(
        "ü" * 300,
        "\U0001f4a9",
        "\u202e",
        "\ud800",
        "\ufffe",
        "é",
        "x" * 5000,
        "9" * 400,
        "-1",
        "0x10",
        "١٢",
        "½",
        "1e999",
    ),
    *(
        "nan",
        "inf",
        "null",
        "true",
        "[]",
        "{}",
        "{{ 1 }}",
        "${x}",
        "'; --",
        "%s%n",
        "a,b,,",
        "2026-13-45",
        "file-",
        "part_",
    ),
)
ODD_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        2**31,
        2**63,
        2**64,
        -(2**63),
        10**400,
        1e308,
        -0.0,
        [],
        {},
        [[]],
        [None],
        {"": None},
    ),
    *([{}] * 20, ["x"] * 300, {"type": "x"}, {"role": "user"}, {"$ref": "#"}, {"type": ["string", "null"]}),
)
RAW_VALUES = ("NaN", "Infinity", "1e999", "-", "01", "'a'", '"\\ud800"', '"\\x"', "[1,]", "{,}", "tru", '{"a":1,"a":2}')
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "FOO", "X" * 200, "G\tT", "")
PAGES = ("/", "/login", "/jobs", "/datasets", "/models", "/experiments", "/costs", "/review", "/playground", "/nothing")
OTHERS = (
    "/healthz",
    "/metrics",
    "/docs",
    "/openapi.json",
    "/v1",
    "/v1/",
    "//",
    "/v1/../healthz",
    "/%00",
    "*",
    "http://x/y",
)
HEADERS = (
    *(
        "Range: bytes=0-0",
        "Range: bytes=5-1,-1,9999999999999999999-",
        "Range: lines=1",
        "If-Match: *",
        "If-None-Match: x",
    ),
    *(
        "Origin: null",
        "Origin: http://evil.test",
        "Sec-Fetch-Site: cross-site",
        "Host: evil.test",
        "Host: ",
        "Host: [::1",
    ),
    *(
        "Authorization: Bearer ü",
        "Authorization: Basic !!",
        "Authorization: ",
        "Cookie: session=\\x00; a=b",
        "Expect: 100-continue",
    ),
    *(
        "Content-Encoding: gzip",
        "Accept: nothing",
        "Accept-Encoding: br;q=x",
        "Upgrade: websocket",
        "Connection: upgrade",
    ),
    *(
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, x",
        "Content-Length: -1",
        "Content-Length: 1, 2",
        "Content-Length: x",
    ),
    *(
        "Idempotency-Key: " + "k" * 300,
        "X-Forwarded-For: ::1",
        "OpenAI-Project: ../x",
        "X-HTTP-Method-Override: DELETE",
    ),
    *(
        "Content-Type: text/plain",
        "Content-Type: application/json; charset=utf-16",
        "Content-Type: multipart/form-data",
    ),
    *("Content-Type: application/x-www-form-urlencoded", "NoColon", ": empty", "A b: c", "X: " + "y" * 9000, "X:\x01"),
)
NO_HTTP = (b"\0" * 50, b"\x16\x03\x01\x02\x00", b"GET /\r\n\r\n", b"\r\n" * 9, b"PRI * HTTP/2.0\r\n\r\n")
CHUNKED = "Transfer-Encoding: chunked"
BOUNDARY = "b0undary"


class Request(NamedTuple):
    """The bytes of a request, and whether the server knows where it ends."""

    content: bytes
    is_whole: bool


class Route(NamedTuple):
    """A method and a path of the server, with what it takes."""

    method: str
    path: str
    parameters: Sequence[Description]
    body: Description | None
    is_form: bool


def routes(description: Description) -> list[Route]:
    """The routes of an OpenAPI description, and those that it does not have."""
    found = []
    for path, methods in sorted(description["paths"].items()):
        for method, route in sorted(methods.items()):
            content = route.get("requestBody", {}).get("content", {})
            body = next((each["schema"] for each in content.values()), None)
            is_form = path.endswith(("/files", "/parts")) and method == "post"
            found.append(Route(method.upper(), path, route.get("parameters", ()), body, is_form))
    return found + [Route("GET", path, (), None, False) for path in (*PAGES, *OTHERS)]


class Fuzzer:
    """Makes requests; the same for the same seed, description and known ids."""

    def __init__(self, description: Description, known: Sequence[str]) -> None:
        self._routes, self._known = routes(description), known
        self._schemas = description.get("components", {}).get("schemas", {})

    def request(self, seed: str) -> Request:
        """One request."""
        chance = random.Random(seed)
        route = chance.choice(self._routes)
        if chance.random() < 0.03:
            return Request(chance.choice(NO_HTTP), is_whole=False)
        method = chance.choice(METHODS) if chance.random() < 0.08 else route.method
        body, content_type = self._body(chance, route) if method in {"POST", "PUT", "PATCH"} else (b"", "")
        lines = [f"{method} {self._target(chance, route)} HTTP/1.{chance.choice('1111110')}", "Host: localhost"]
        lines += [f"Content-Type: {content_type}"] * bool(content_type)
        odd = chance.choices(HEADERS, k=chance.choice((0, 0, 0, 1, 2)))
        is_whole = not any(each.startswith(("Content-Length", "Transfer-Encoding")) for each in odd)
        if is_whole:
            missing = chance.choice((0,) * 18 + (5, -1 if body else 0))
            is_whole = missing == 0
            lines.append(f"Content-Length: {len(body) + missing}")
        head = "\r\n".join([*lines, *odd, "Connection: close", "", ""]).encode("utf-8", "replace")
        return Request(head + (_chunked(chance, body) if CHUNKED in odd else body), is_whole)

    def _target(self, chance: random.Random, route: Route) -> str:
        path = re.sub(r"\{[^}]*\}", lambda _: _quoted(chance, self._id(chance)), route.path)
        pairs = []
        for each in route.parameters:
            if each["in"] == "query" and chance.random() < 0.4:
                value = chance.choice(("1", "asc", "100", self._id(chance), chance.choice(ODD_TEXTS)))
                pairs.append(f"{each['name']}={_quoted(chance, value)}")
        if chance.random() < 0.05:
            pairs.append(f"{_quoted(chance, chance.choice(ODD_TEXTS))}={_quoted(chance, chance.choice(ODD_TEXTS))}")
        return path + ("?" + "&".join(pairs + pairs[:1] * (chance.random() < 0.1)) if pairs else "")

    def _id(self, chance: random.Random) -> str:
        return chance.choice(self._known) if chance.random() < 0.7 else chance.choice(ODD_TEXTS)

    def _body(self, chance: random.Random, route: Route) -> tuple[bytes, str]:
        if route.is_form and chance.random() < 0.9:
            return self._form(chance)
        value = self._value(chance, route.body or {}, 0)
        text = _json(chance, value)
        kind = chance.random()
        if kind < 0.03:
            text = "[" * 20_000
        elif kind < 0.06:
            text = text[: chance.randint(0, len(text))]
        elif kind < 0.08:
            text = chance.choice(RAW_VALUES)
        encoding = chance.choice(("utf-8",) * 18 + ("utf-16", "utf-8-sig"))
        return text.encode(encoding, "surrogatepass"), "application/json"

    def _form(self, chance: random.Random) -> tuple[bytes, str]:
        names = ("file", "data", "purpose", "expires_after[anchor]", "expires_after[seconds]", "x")
        parts = []
        for name in chance.sample(names, chance.randint(1, 4)):
            is_file = name in {"file", "data"} and chance.random() < 0.9
            name = name if chance.random() < 0.95 else chance.choice(ODD_TEXTS)
            file = f'; filename="{chance.choice((*ODD_TEXTS, "a.jsonl"))}"' if is_file else ""
            known = {"purpose": ("batch", "fine-tune"), "expires_after[anchor]": ("created_at",)}
            value = chance.choice(known.get(name, ("3600", '{"messages": []}\n', "x" * 3000)))
            value = value if chance.random() < 0.9 else chance.choice(ODD_TEXTS)
            head = f'Content-Disposition: form-data; name="{name}"{file}' if chance.random() < 0.95 else "X: y"
            parts.append(f"--{BOUNDARY}\r\n{head}\r\n\r\n{value}\r\n")
        end = chance.choice((f"--{BOUNDARY}--\r\n",) * 12 + ("", f"--{BOUNDARY}", "--other--"))
        boundary = chance.choice((BOUNDARY,) * 12 + ("", "other", '"', "x" * 300))
        return ("".join(parts) + end).encode("utf-8", "replace"), f"multipart/form-data; boundary={boundary}"

    def _value(self, chance: random.Random, schema: Description, depth: int) -> Any:
        """A value of a schema, or an odd one."""
        if chance.random() < 0.06 or depth > 7:
            return chance.choice((*ODD_VALUES, *ODD_TEXTS, self._id(chance)))
        if "$ref" in schema:
            return self._value(chance, self._schemas.get(schema["$ref"].rpartition("/")[2], {}), depth + 1)
        for key in ("anyOf", "oneOf", "allOf"):
            if key in schema:
                return self._value(chance, chance.choice(schema[key]), depth)
        if "enum" in schema or "const" in schema:
            return chance.choice(schema.get("enum") or [schema["const"]])
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            return self._object(chance, schema, depth)
        if kind == "array":
            return [
                self._value(chance, schema.get("items", {}), depth + 1) for _ in range(chance.choice((0, 1, 1, 2, 5)))
            ]
        plain = {"integer": (1, 2, 5, 0), "number": (0.5, 1, 2, 0), "boolean": (True, False), "null": (None,)}
        return chance.choice(plain.get(kind, ("Hello", "tiny", "tiny", *self._known)))  # type: ignore[arg-type]

    def _object(self, chance: random.Random, schema: Description, depth: int) -> dict[str, Any]:
        required = set(schema.get("required", ()))
        found = {
            name: self._value(chance, each, depth + 1)
            for name, each in schema.get("properties", {}).items()
            if (name in required and chance.random() < 0.97) or chance.random() < 0.12
        }
        if chance.random() < 0.04:
            found[chance.choice(ODD_TEXTS)] = chance.choice(ODD_VALUES)
        if isinstance(found.get("max_tokens"), int) or "max_tokens" in schema.get("properties", {}):
            found.setdefault("max_tokens", 4)
        return found


def _json(chance: random.Random, value: Any) -> str:
    """JSON, sometimes with a key twice or a value that is none."""
    text = json.dumps(value, ensure_ascii=chance.random() < 0.5)
    if chance.random() < 0.04 and text.startswith("{") and len(text) > 2:
        text = text[:-1] + "," + text[1:]
    if chance.random() < 0.04:
        text = text.replace("null", chance.choice(RAW_VALUES), 1)
    return text


def _quoted(chance: random.Random, text: str) -> str:
    if chance.random() < 0.15:
        return re.sub(r"[\s#?\x00-\x20]", "", text)
    return "".join(
        f"%{byte:02x}" if byte < 48 or byte > 122 else chr(byte) for byte in text.encode("utf-8", "surrogatepass")
    )


def _chunked(chance: random.Random, body: bytes) -> bytes:
    size = chance.choice((f"{len(body):x}",) * 6 + ("-1", "zz", "ffffffffffffffff", f"{len(body):x};x=y"))
    return size.encode() + b"\r\n" + body + b"\r\n" + chance.choice((b"0\r\n\r\n",) * 4 + (b"", b"0\r\nX: y\r\n\r\n"))
