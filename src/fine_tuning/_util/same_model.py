"""Whether two names are of one model: a host's, a router's or a cloud's name, with or without its date."""

from __future__ import annotations

import re
from typing import NamedTuple

from fine_tuning._util.model_names import is_fine_tuned
from fine_tuning._util.providers import is_regional, without_provider

_DATE = re.compile(r"(?:[-@](\d{4}-\d{2}-\d{2}|\d{2}-\d{4}|\d{8}|\d{4}|\d{3}|latest)|:(latest))$")
_PREVIEW = re.compile(r"(?<=gemini-)(.+)-(?:preview|exp)(?:-(\d{2}-\d{2,4}|\d{4}))?$")  # of others, it is another model
_BEDROCK_VERSION = re.compile(r"(?:(?<=\d{8})-v\d+(?::\d+)?|-v\d+:\d+)$")  # of anthropic.claude-3-haiku-20240307-v1:0
_VERTEX_VERSION = re.compile(r"-v\d+(?=@\d{8}$)")  # of claude-3-5-sonnet-v2@20241022
_ROUTE = re.compile(r":(?:free|nitro|floor|extended|online|beta|exacto)$")  # by which OpenRouter chooses a host
_POINT = re.compile(r"(?<=\d)[.p](?=\d)")  # 4.5, 4-5 and, at Fireworks, v4p5
_LATEST = "latest"


class _Model(NamedTuple):
    """A model, and the date of its snapshot as it is written, without dashes; "" where the name has none."""

    name: str
    snapshot: str


def is_same(one: str, other: str) -> bool:
    """Whether two names may be of one model: gpt-4o, openai/gpt-4o:free, models/gpt-4o and gpt-4o-2024-08-06.

    Two different dates are two models; a name without a date may be either of them. A fine-tuned model is not its base.
    """
    first, second = _read(one), _read(other)
    if first.name != second.name:
        return False
    return first.snapshot == second.snapshot or "" in (first.snapshot, second.snapshot)


def shorter_names(name: str) -> list[str]:
    """The name, then without what a router, a cloud or a vendor adds to it, the most specific first."""
    found = [name, *([name.partition(".")[2]] if is_regional(name) else []), without_provider(name)]
    versionless = _VERTEX_VERSION.sub("", _BEDROCK_VERSION.sub("", found[-1]))
    return list(dict.fromkeys([*found, versionless, _DATE.sub("", name), _DATE.sub("", versionless)]))


def _read(written: str) -> _Model:
    name = without_provider(written.strip())
    if is_fine_tuned(name):
        return _Model(name, "")
    name = _ROUTE.sub("", name.lower())
    name = _VERTEX_VERSION.sub("", _BEDROCK_VERSION.sub("", name))
    name = name.replace("gpt-35", "gpt-3.5", 1)  # as Azure writes it
    date = _PREVIEW.search(name) or _DATE.search(name)
    if date is None:
        return _Model(_family(name), "")
    is_preview = date.re is _PREVIEW
    written_date = date[2] if is_preview else date[1] or _LATEST
    snapshot = "" if written_date in (None, _LATEST) else written_date.replace("-", "")
    return _Model(_family(name[: date.end(1) if is_preview else date.start()]), snapshot)


def _family(name: str) -> str:
    """A name without what hosts write in different ways: points, and the place of the number in Claude's names."""
    name = _POINT.sub("-", re.sub(r"\bv(?=\dp\d)", "", name))
    if not name.startswith("claude-"):
        return name
    parts = name.split("-")
    return "-".join(sorted(parts, key=str.isdecimal))  # stable: claude-3-5-sonnet is claude-sonnet-3-5
