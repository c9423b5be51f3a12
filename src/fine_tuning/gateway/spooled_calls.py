"""Calls of the spool, read as what was asked and answered: in text, without its content encoding."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import unquote

from fine_tuning.data_io.json_values import JsonObject, is_object, object_or_empty, parse_embedded_json
from fine_tuning.errors import DataError
from fine_tuning.gateway.content_encodings import GarbledBodyError, decoded
from fine_tuning.gateway.spool_line import EncodedBody, SpoolLine


class SpooledCall(NamedTuple):
    """A line of the spool.

    Attributes:
        facts: as `spool_line` writes them.
        request, response: the bodies; None where they were not kept.
        problem: why a body could not be read.
        is_garbled: because it is not what its header says.
    """

    facts: SpoolLine
    request: str | None
    response: str | None
    problem: str | None = None
    is_garbled: bool = False

    @property
    def started_at(self) -> datetime:
        """When the client asked."""
        return datetime.fromtimestamp(self.facts["started_at"], UTC)

    @property
    def tags(self) -> dict[str, str]:
        """The client's headers for the gateway, without `x-ft-`."""
        return self.facts["tags"]

    def body(self) -> JsonObject:
        """The request; empty where it is no object."""
        return dict(object_or_empty(parse_embedded_json(self.request)))

    def model_of_path(self) -> str | None:
        """The model that the path names, as Gemini's (`models/NAME:method`) and Azure's (`deployments/NAME/`) do."""
        path = self.facts["path"]
        for mark in ("/models/", "/deployments/"):
            if mark in path:
                named = path.partition(mark)[2].partition("/")[0]
                return unquote(named.rpartition(":")[0] or named)
        return None


def read_calls(path: Path) -> Iterator[SpooledCall]:
    """The calls of a file; what is none is left out, such as half a line of a process that was killed."""
    with path.open("rb") as lines:
        for line in lines:
            try:
                facts = json.loads(line)
            except ValueError:
                continue
            if is_object(facts) and facts.keys() >= SpoolLine.__required_keys__:
                yield _call(cast("SpoolLine", facts))


def _call(facts: SpoolLine) -> SpooledCall:
    try:
        return SpooledCall(facts, _text(facts["request"]), _text(facts["response"]))
    except DataError as error:
        return SpooledCall(facts, None, None, str(error), isinstance(error, GarbledBodyError))


def _text(body: str | EncodedBody | None) -> str | None:
    if body is None or isinstance(body, str):
        return body
    try:
        return decoded(base64.b64decode(body["base64"]), body["encoding"]).decode()
    except UnicodeDecodeError:
        raise DataError("a body is not UTF-8") from None
