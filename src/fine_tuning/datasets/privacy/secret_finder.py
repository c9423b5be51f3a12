"""Secrets: of a known form, and by the name that they are assigned to."""

from __future__ import annotations

from functools import cache, lru_cache

from fine_tuning.datasets.privacy import (
    argument_lists,
    asked_secrets,
    assigned_secrets,
    call_secrets,
    card_codes,
    command_secrets,
    login_lines,
    seed_phrases,
    service_secrets,
    short_codes,
    spoken_secrets,
    table_secrets,
    token_patterns,
)
from fine_tuning.datasets.privacy.found import Detector, Found, found_at
from fine_tuning.datasets.privacy.plain_text import folded
from fine_tuning.datasets.privacy.secret_names import FOREIGN_NEEDLES, NEEDLES, kind_of
from fine_tuning.errors import MissingDependencyError


@cache
def secrets() -> Detector:
    """A detector of keys, tokens and passwords.

    Raises:
        MissingDependencyError: the `privacy` extra is not installed.
    """
    return _Secrets()


class _Secrets:
    def __init__(self) -> None:
        try:
            self._detectors = token_patterns.detectors()
        except ImportError as error:
            raise MissingDependencyError("detect-secrets", "privacy", "finding secrets") from error

    def suspects(self, text: str, name: str = "") -> bool:
        text = folded(text)
        return (
            bool(name and (kind_of(name) or short_codes.is_field(name) or "cookie" in name.lower()))
            or _is_named(text)
            or spoken_secrets.suspects(text)
            or token_patterns.has_long_word(text)
            or service_secrets.has_mark(text)
            or seed_phrases.suspects(text)
            or call_secrets.suspects(text)
            or card_codes.suspects(text)
            or login_lines.suspects(text)
        )

    def find(self, text: str, name: str = "") -> list[Found]:
        plain = folded(text)
        is_long = token_patterns.has_long_word(plain)
        places = list(token_patterns.find(plain, self._detectors)) if is_long else []
        if is_long or service_secrets.has_mark(plain):
            places += service_secrets.find(plain)
        if _is_named(plain) or login_lines.suspects(plain):
            places += login_lines.find_network_keys(plain)
        if _is_named(plain):
            places += [*_in_line(plain), *table_secrets.find(plain), *argument_lists.find(plain, _in_line)]
        if spoken_secrets.suspects(plain) or login_lines.suspects(plain):
            places += [*spoken_secrets.find(plain), *login_lines.find_pairs(plain)]
        if card_codes.suspects(plain):
            places += card_codes.find(plain)
        if call_secrets.suspects(plain):
            places += call_secrets.find(plain)
        places += seed_phrases.find(plain)
        places += [(each.start, each.end, each.field) for each in asked_secrets.find(plain)]
        places += command_secrets.find_in_field(plain, name)
        if name and (whole := assigned_secrets.of_field(name, plain)):
            places.append(whole)
        return [found_at(text, start, end, kind) for start, end, kind in places]


def _in_line(text: str) -> list[argument_lists.Place]:
    return [*assigned_secrets.find(text), *command_secrets.find(text)]


@lru_cache(maxsize=2)  # `find` asks again what `suspects` asked
def _is_named(text: str) -> bool:
    lowered = text.lower().replace("i\u0307", "i")
    if any(needle in lowered for needle in NEEDLES):
        return True
    return not text.isascii() and any(word in lowered for word in FOREIGN_NEEDLES)
