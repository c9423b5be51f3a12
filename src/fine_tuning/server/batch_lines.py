"""The input file of a batch: its requests, and what is wrong with its lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import NamedTuple

from fine_tuning._util.files import open_to_read, parse_json
from fine_tuning.data_io.json_values import Row, is_object
from fine_tuning.errors import DataError
from fine_tuning.server.api_errors import ApiError
from fine_tuning.store.records.batches import BatchError

MAX_REQUESTS = 50_000
MAX_ERRORS = 1000  # that are listed
MAX_ID_LENGTH = 512


class BatchRequest(NamedTuple):
    """A request of a batch; `line` is of the input file, from 1."""

    line: int
    custom_id: str
    body: bytes


class Validated(NamedTuple):
    """The model and the number of the requests, and what is wrong with them; without errors the batch can run."""

    model: str
    total: int
    errors: list[BatchError]


class _LineError(Exception):
    """What is wrong with a line."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code, self.param = code, param


def requests(path: str | Path, max_bytes: int, done: AbstractSet[int]) -> Iterator[BatchRequest]:
    """The requests of a validated file, without the lines that are done.

    Raises:
        NotFoundError, DataError: the file is gone or can no longer be read.
    """
    for number, text in _lines(path, max_bytes):
        if number not in done:
            row = parse_json(text)
            yield BatchRequest(number, row["custom_id"], json.dumps(row["body"]).encode())


def validated(path: str | Path, endpoint: str, max_bytes: int, find_model: Callable[[str], object]) -> Validated:
    """Check all lines of an input file.

    Args:
        endpoint: that all requests must name.
        max_bytes: of a line.
        find_model: raises an ApiError for a model that cannot answer.

    Raises:
        NotFoundError, DataError: the file is gone or cannot be read.
    """
    check = _Check(endpoint, max_bytes)
    errors: list[BatchError] = []
    found = 0
    for number, text in _lines(path, max_bytes):
        found += 1
        if found > MAX_REQUESTS:
            message = f"The file has more than {MAX_REQUESTS} requests, the most that a batch may have."
            errors.insert(0, error("too_many_requests", message))
            break
        try:
            model = check.line(text, number)
            if model is not None:
                find_model(model)
        except _LineError as problem:
            errors.append(error(problem.code, str(problem), problem.param, number))
        except ApiError as problem:
            errors.append(error(problem.code or "invalid_request", str(problem), "body.model", number))
    if not found:
        errors.append(error("empty_file", "The input file has no requests."))
    if len(errors) > MAX_ERRORS:
        more = len(errors) - MAX_ERRORS
        errors = [*errors[:MAX_ERRORS], error("too_many_errors", f"{more} further lines are invalid.")]
    return Validated(check.model, found, errors)


def _lines(path: str | Path, max_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Number and text of each line that is not blank; of one that is too long, a byte more than allowed."""
    with open_to_read(path) as stream:
        number = 0
        while text := stream.readline(max_bytes + 1):
            number += 1
            piece = text
            while len(piece) > max_bytes and not piece.endswith(b"\n"):
                piece = stream.readline(max_bytes + 1)
            if text.strip():
                yield number, text


def error(code: str, message: str, param: str | None = None, line: int | None = None) -> BatchError:
    """Why a batch cannot run."""
    return {"code": code, "message": message, "param": param, "line": line}


def _missing(param: str) -> _LineError:
    return _LineError("missing_required_parameter", f"Missing required parameter: '{param}'.", param)


class _Check:
    """Checks of single lines, and of what they have in common."""

    def __init__(self, endpoint: str, max_bytes: int) -> None:
        self._endpoint, self._max_bytes = endpoint, max_bytes
        self._line_of: dict[str, int] = {}
        self.model = ""

    def line(self, text: bytes, number: int) -> str | None:
        """The model that the first valid line names, None on further ones.

        Raises:
            _LineError: the line is invalid.
        """
        row = self._object(text)
        self._check_id(row.get("custom_id"), number)
        if row.get("method") != "POST":
            message = f"'method' must be 'POST', not {_shown(row.get('method'))}."
            raise _LineError("invalid_method", message, "method")
        if row.get("url") != self._endpoint:
            message = f"'url' must be the endpoint of the batch, {self._endpoint!r}, not {_shown(row.get('url'))}."
            raise _LineError("mismatched_url", message, "url")
        if unknown := sorted(row.keys() - {"custom_id", "method", "url", "body"}):
            raise _LineError("unknown_parameter", f"Unknown parameter: {_shown(unknown[0])}.", unknown[0])
        return self._check_body(row.get("body"))

    def _object(self, text: bytes) -> Row:
        if len(text) > self._max_bytes:
            message = f"The line has more than {self._max_bytes} bytes, the most that a request may have."
            raise _LineError("request_too_large", message)
        try:
            row = parse_json(text, unique_keys=True)
        except DataError as problem:
            raise _LineError("invalid_json_line", f"This line cannot be read: {problem}.") from None
        if not is_object(row):
            raise _LineError("invalid_json_line", "This line is not a JSON object.")
        return row

    def _check_id(self, value: object, number: int) -> None:
        if value is None:
            raise _missing("custom_id")
        if not isinstance(value, str) or not 0 < len(value) <= MAX_ID_LENGTH:
            message = f"'custom_id' must be a string of 1 to {MAX_ID_LENGTH} characters."
            raise _LineError("invalid_custom_id", message, "custom_id")
        if (first := self._line_of.setdefault(value, number)) != number:
            message = f"The custom_id {_shown(value)} was used before, in line {first}."
            raise _LineError("duplicate_custom_id", message, "custom_id")

    def _check_body(self, body: object) -> str | None:
        if not is_object(body):
            raise _LineError("invalid_body", "'body' must be an object: the request's body.", "body")
        model = body.get("model")
        if not isinstance(model, str) or not model:
            raise _missing("body.model")
        if body.get("stream") not in (None, False):
            raise _LineError("invalid_request", "A request of a batch cannot be streamed.", "body.stream")
        if not self.model:
            self.model = model
            return model
        if model != self.model:
            message = f"All requests of a batch name one model: this one has {_shown(model)}, the first {self.model!r}."
            raise _LineError("mismatched_model", message, "body.model")
        return None


def _shown(value: object) -> str:
    """A client's value as JSON, shortened."""
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."
