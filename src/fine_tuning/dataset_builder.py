"""DatasetBuilder: from captured calls to a training file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fine_tuning import sources
from fine_tuning.datasets import checking, formats, freezing, splits, statistics, validation
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError
from fine_tuning.settings import get_settings
from fine_tuning.store.database import open_database

Example = Mapping[str, Any]


class DatasetBuilder:
    """Builds data sets from the workspace's captured calls.

    Args:
        output_dir: where files are written; the workspace's `datasets` folder by default.
    """

    def __init__(self, output_dir: str | Path | None = None) -> None:
        self.output_dir = Path(output_dir) if output_dir is not None else get_settings().folder("datasets")
        self._recipe: dict[str, Any] = {}

    def build_from_distillation(
        self,
        min_rating: int = 4,
        domain: str | None = None,
        task_type: str | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Captured examples rated at least `min_rating`, oldest first.

        Raises:
            UsageError: the rating or limit is out of range.
            StorageError: the database cannot be read.
        """
        chosen = {"min_rating": min_rating, "domain": domain, "task_type": task_type, "limit": limit}
        examples = DistillationDataCollector().find_examples(
            min_rating=min_rating, domain=domain, task_type=task_type, limit=limit
        )
        self._recipe = {"source": "distillation", **chosen, "found": len(examples)}
        return examples

    def validate_examples(
        self,
        examples: Sequence[Any],
        min_prompt_length: int = validation.MIN_PROMPT_CHARACTERS,
        min_response_length: int = validation.MIN_RESPONSE_CHARACTERS,
    ) -> dict[str, Any]:
        """Sort examples into valid and invalid ones; see `datasets.validation.validate`."""
        return validation.validate(examples, min_prompt_length, min_response_length)

    def to_openai_format(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """Chat rows `{"messages": [...]}`."""
        return formats.rows_in(examples, "openai")

    def to_alpaca_format(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """Instruction rows `{"instruction", "input": "", "output"}`."""
        return formats.rows_in(examples, "alpaca")

    def to_jsonl_format(self, examples: Sequence[Example]) -> str:
        """The examples as text, one JSON object per line."""
        return "\n".join(formats.json_line(row) for row in formats.rows_in(examples, "jsonl"))

    def split_train_test(
        self, examples: Sequence[Example], train_ratio: float = 0.8, seed: int = 42
    ) -> tuple[list[Any], list[Any]]:
        """Shuffled, reproducible sides that share no near-duplicate prompts; see `datasets.splits.split`."""
        return splits.split(examples, train_ratio, seed=seed)

    def save_dataset(self, examples: Sequence[Example], filename: str, format: str = "openai") -> str:
        """Write a data set into `output_dir` and record its content hash and recipe. Returns the path.

        Args:
            filename: the extension is added: .jsonl, or .json for alpaca.
            format: openai, alpaca or jsonl.

        Raises:
            UsageError: format or name is wrong, or there are no examples.
            DataError: an example lacks prompt or response.
        """
        recipe = {**self._recipe, "saved": len(examples)}
        return str(freezing.freeze(open_database(), self.output_dir, examples, filename, format, recipe))

    def check_files(
        self,
        files: Sequence[str | Path],
        model: str | None = None,
        *,
        rejected_to: str | Path | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> checking.CheckReport:
        """Check files of training data as strictly as the hosts that train on them.

        Args:
            files: paths, folders, globs or addresses; any format that `ft-cli capture import` reads.
            model: count tokens as this OpenAI model and hold rows to its limit; None to leave tokens out.
            rejected_to: a file for the rejected rows with their reasons.
            progress: told of the number of rows now and then.

        Returns:
            Counts (read = kept + rejected + duplicates) and the findings by code.

        Raises:
            NotFoundError, DataError: a file is missing or breaks off.
            UsageError: the model's tokens cannot be counted.
        """
        target = None if rejected_to is None else Path(rejected_to)
        return checking.check(sources.read_all(sources.expand(files)), model, target, progress)

    def get_dataset_stats(self, examples: Sequence[Example]) -> dict[str, Any]:
        """Counts and mean lengths; see `datasets.statistics.describe`."""
        return statistics.describe(examples)


def prepare_fine_tuning_dataset(
    output_dir: str | Path | None = None,
    format: str = "openai",
    min_rating: int = 4,
    domain: str | None = None,
    *,
    task_type: str | None = None,
    filename: str | None = None,
) -> str:
    """Build, validate and save in one step. Returns the path; invalid examples are left out.

    Raises:
        DataError: nothing fits the filters, or nothing that does is valid.
        UsageError: an argument is wrong.
    """
    return prepare(DatasetBuilder(output_dir), format, min_rating, domain, task_type, filename).path


@dataclass(frozen=True)
class Prepared:
    """A saved data set: its file, the examples in it, and how many were found, the invalid ones included."""

    path: str
    examples: list[dict[str, Any]]
    found: int


def prepare(
    builder: DatasetBuilder,
    format: str,
    min_rating: int,
    domain: str | None,
    task_type: str | None,
    filename: str | None,
) -> Prepared:
    """As `prepare_fine_tuning_dataset`, which returns the path alone."""
    formats.check_format(format)
    examples = builder.build_from_distillation(min_rating=min_rating, domain=domain, task_type=task_type)
    valid = builder.validate_examples(examples)["valid_examples"]
    if not valid:
        filters = f"rating >= {min_rating}, domain {domain or 'any'}, task type {task_type or 'any'}"
        raise DataError(f"no valid training examples with {filters} ({len(examples)} found); capture more calls first")
    stamp = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
    path = builder.save_dataset(valid, filename or f"dataset_{domain or 'all'}_{stamp}", format)
    return Prepared(path, valid, len(examples))
