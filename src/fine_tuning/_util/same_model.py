"""Whether two names are of one model: a host's, a router's or a cloud's name, with or without its date."""

from __future__ import annotations

import re
from typing import NamedTuple

from fine_tuning._util.model_names import is_fine_tuned
from fine_tuning._util.providers import without_provider

_DATE = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|\d{3}|latest)$")
_BEDROCK_VERSION = re.compile(r"(?:(?<=\d{8})-v\d+(?::\d+)?|-v\d+:\d+)$")  # of anthropic.claude-3-haiku-20240307-v1:0
_LATEST = "latest"


class _Model(NamedTuple):
    """A model, and the date of its snapshot as it is written, without dashes; "" where the name has none."""

    name: str
    snapshot: str


def is_same(one: str, other: str) -> bool:
    """Whether two names may be of one model: gpt-4o, openai/gpt-4o, models/gpt-4o and gpt-4o-2024-08-06.

    Two different dates are two models; a name without a date may be either of them. A fine-tuned model is not its base.
    """
    first, second = _read(one), _read(other)
    if first.name != second.name:
        return False
    return first.snapshot == second.snapshot or "" in (first.snapshot, second.snapshot)


def _read(written: str) -> _Model:
    name = without_provider(written)
    if is_fine_tuned(name):
        return _Model(name, "")
    name = _BEDROCK_VERSION.sub("", name.lower())
    name = name.replace("gpt-35", "gpt-3.5", 1)  # as Azure writes it
    date = _DATE.search(name)
    if date is None:
        return _Model(name, "")
    snapshot = "" if date[1] == _LATEST else date[1].replace("-", "")
    return _Model(name[: date.start()], snapshot)
