"""The worst JSON that a request may have: megabytes of what takes long to read, to build or to refuse."""

from __future__ import annotations

from fine_tuning._util.json_counts import MAX_CONTAINERS, MAX_KEYS
from fine_tuning.server.server_config import MIB

ASKED = '"model":"m","messages":[{"role":"user","content":"x"}]'
CALL = '{"id":"a","type":"function","function":{"name":"a","arguments":""}}'
_MESSAGES, _PARTS = '{"model":"m","messages":[', '{"model":"m","messages":[{"role":"user","content":['


def worst_bodies(size: int = 8 * MIB) -> dict[str, bytes]:
    """Bodies of at most so many bytes, by what they are full of."""

    def filled(head: str, item: str, tail: str, between: str = ",", size: int = size) -> bytes:
        """An item again and again."""
        text = item.encode()
        times = (size - len(head) - len(tail)) // (len(text) + len(between))
        return head.encode() + between.encode().join([text] * times) + tail.encode()

    keys = size // 20
    return {
        "messages": filled(_MESSAGES, '{"role":"user","content":"x"}', "]}"),
        "empty arrays": filled(_MESSAGES, "[]", "]}"),
        "numbers": filled(_MESSAGES, "1", "]}"),
        "keys of logit_bias": of_keys(f'{{{ASKED},"logit_bias":{{', "}}", keys),
        "unknown keys": of_keys(f"{{{ASKED},", "}", keys),
        "fewer unknown keys": of_keys(f"{{{ASKED},", "}", MAX_KEYS - 9),
        "few unknown keys": of_keys(f"{{{ASKED},", "}", 4_990),
        "parts": filled(_PARTS, '{"type":"text","text":"x"}', "]}]}"),
        "wrong parts": filled(_PARTS, "{}", "]}]}"),
        "few wrong parts": filled(_PARTS, "{}", "]}]}", size=3 * MAX_CONTAINERS - 99),
        "escapes": filled('{"model":"m","messages":[{"role":"user","content":"', "\\u00e9", '"}]}', ""),
        "letters": filled('{"model":"m","messages":[{"role":"user","content":"', "é", '"}]}', ""),
        "tools": filled(f'{{{ASKED},"tools":[', '{"type":"function","function":{"name":"a"}}', "]}"),
        "tool calls": filled('{"model":"m","messages":[{"role":"assistant","tool_calls":[', CALL, "]}]}"),
        "stops": filled(f'{{{ASKED},"stop":[', '"a"', "]}"),
        "nesting": b'{"model":"m","messages":' + b"[" * (size // 2 - 20) + b"]" * (size // 2 - 20) + b"}",
        "open string": b'{"model":"m","messages":"' + b"\\" * ((size - 99) | 1),
        "no object": filled("[", "1", "]"),
    }


def of_keys(head: str, tail: str, count: int) -> bytes:
    """An object of so many keys, each once."""
    return (head + ",".join(f'"{number}":1' for number in range(count)) + tail).encode()
