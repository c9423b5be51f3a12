"""The curated examples as one file of training data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from fine_tuning._util.files import write_json
from fine_tuning.data_io.formats import alpaca, sharegpt
from fine_tuning.data_io.messages import messages_of_example
from fine_tuning.errors import DataError, UsageError
from fine_tuning.store.records.examples import Example

WRITERS: dict[str, Callable[[Example], Mapping[str, object]]] = {
    "alpaca": lambda example: alpaca.row_of(messages_of_example(example), example["tools"]),
    "sharegpt": lambda example: sharegpt.row_of(messages_of_example(example), example["tools"]),
    "raw": lambda example: example,
}


def check_format(format: str) -> None:
    """Raise UsageError unless the export format is known."""
    if format not in WRITERS:
        raise UsageError(f"unknown export format {format!r}; use one of {', '.join(WRITERS)}")


def export_examples(path: Path, examples: Iterable[Example], format: str) -> None:
    """Write examples as a JSON array.

    Args:
        format: alpaca, sharegpt or raw (the records).

    Raises:
        DataError: the format does not support an example, such as tool calls in alpaca.
    """
    write_json(path, [_row(example, format) for example in examples])


def _row(example: Example, format: str) -> Mapping[str, object]:
    try:
        return WRITERS[format](example)
    except DataError as error:
        raise DataError(f"example {example['id']}: {error}") from None
