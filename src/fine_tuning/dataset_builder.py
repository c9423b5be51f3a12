"""DatasetBuilder: from captured calls to a training file."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fine_tuning._util import checks
from fine_tuning._util.encodings import encoding_of
from fine_tuning._util.files import atomic_write, make_folder
from fine_tuning.costs.prices import PriceList
from fine_tuning.data_io import sources
from fine_tuning.datasets import build as building
from fine_tuning.datasets import (
    dataset_catalogue,
    dataset_report,
    dataset_stats,
    diff,
    example_validation,
    file_check,
    input_rows,
    leaks,
    manifest,
    removed_rows,
    save,
    train_test_split,
    training_formats,
)
from fine_tuning.datasets.near_duplicates import DEFAULT_THRESHOLD
from fine_tuning.datasets.recipe import Recipe
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError, UsageError
from fine_tuning.settings import get_settings
from fine_tuning.store.database import open_database
from fine_tuning.training.loop.time_estimate import training_time

Example = Mapping[str, Any]
LOCAL_TARGETS = ((0.135e9, "cpu"), (1.5e9, "rtx4090"), (8e9, "a100"), (8e9, "h100"))  # parameters and machine


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
        min_prompt_length: int = example_validation.MIN_PROMPT_CHARACTERS,
        min_response_length: int = example_validation.MIN_RESPONSE_CHARACTERS,
    ) -> dict[str, Any]:
        """Sort examples into valid and invalid ones; see `datasets.example_validation.validate`."""
        return example_validation.validate(examples, min_prompt_length, min_response_length)

    def to_openai_format(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """Chat rows `{"messages": [...]}`."""
        return training_formats.rows_in(examples, "openai")

    def to_alpaca_format(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """Instruction rows `{"instruction", "input": "", "output"}`."""
        return training_formats.rows_in(examples, "alpaca")

    def to_jsonl_format(self, examples: Sequence[Example]) -> str:
        """The examples as text, one JSON object per line."""
        return "\n".join(training_formats.json_line(row) for row in training_formats.rows_in(examples, "jsonl"))

    def split_train_test(
        self, examples: Sequence[Example], train_ratio: float = 0.8, seed: int = 42
    ) -> tuple[list[Any], list[Any]]:
        """Shuffled, reproducible sides that share no near-duplicate prompts; see `datasets.train_test_split.split`."""
        return train_test_split.split(examples, train_ratio, seed=seed)

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
        return str(save.freeze(open_database(), self.output_dir, examples, filename, format, recipe))

    def check_files(
        self,
        files: Sequence[str | Path],
        model: str | None = None,
        *,
        rejected_to: str | Path | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> file_check.CheckReport:
        """Check files of training data as strictly as the hosts that train on them.

        Args:
            files: paths, folders, globs or addresses; any format that `ft-cli capture import` reads.
            model: count tokens as this OpenAI model and hold rows to its limit; None to leave tokens out.
            rejected_to: a file for the rejected rows with their reasons.
            progress: told how many further rows were looked at.

        Returns:
            Counts (read = kept + rejected + duplicates) and the findings by code.

        Raises:
            NotFoundError, DataError: a file is missing or breaks off.
            UsageError: the model's tokens cannot be counted.
        """
        target = None if rejected_to is None else Path(rejected_to)
        return file_check.check(sources.read_all(sources.expand(files)), model, target, progress)

    def build(
        self,
        name: str,
        files: Sequence[str | Path] | None = None,
        *,
        table: Any = None,
        progress: Callable[[int], None] = lambda _: None,
        **choices: Any,
    ) -> dict[str, Any]:
        """Build a frozen data set of any size: checked, selected, divided into parts, written with its manifest.

        Args:
            name: of the folder in `output_dir`; one of that name with other content is moved to `earlier`.
            files: paths, folders, globs or addresses, in any format that `ft-cli capture import` reads.
            table: instead a pandas, Polars, Arrow, Daft or Hugging Face table; without both, the captured calls.
            progress: told how many further rows were read.
            choices: see `datasets.recipe.Recipe`.

        Returns:
            The manifest: hash, parts, counts (read = kept + rejected + duplicates + left_out), findings, recipe.

        Raises:
            UsageError: name or a choice is wrong.
            NotFoundError, DataError: a file is missing or breaks off, or no row is left.
            StorageError: the disk refuses.
        """
        recipe = Recipe.of(**choices)
        if files is not None and table is not None:
            raise UsageError("give files or a table, not both")
        folder = building.check_target(save.target(self.output_dir, name, "jsonl").with_suffix(""))
        database = open_database()
        with tempfile.TemporaryDirectory(dir=make_folder(self.output_dir), prefix=".rows.") as work:
            if files is not None:
                rows = input_rows.of_files(files)
            elif table is not None:
                rows = input_rows.of_table(table, Path(work))
            else:
                rows = input_rows.of_store(database, Path(work), pairs=recipe.format == "preference")
            return building.build(database, rows, recipe, folder, progress).as_dict()

    def list_datasets(self, limit: int = 20, offset: int = 0) -> list[dict[str, Any]]:
        """The data sets of the workspace, newest first: name, hash, format, rows, path, created_at."""
        checks.count("limit", limit, 1)
        checks.count("offset", offset)
        return [dataset_catalogue.listed(record) for record in dataset_catalogue.newest(open_database(), limit, offset)]

    def count_datasets(self) -> int:
        """How many data sets the workspace has."""
        return dataset_catalogue.count(open_database())

    def get_dataset(self, name: str) -> dict[str, Any]:
        """What a data set says of itself: the manifest of one that was built, what was recorded of another.

        Args:
            name: the data set's name, the beginning of its hash, or the folder of one that was built.

        Raises:
            NotFoundError: there is none.
        """
        return dataset_catalogue.described(open_database(), name)

    def estimate_training(self, name: str, epochs: int = 3) -> list[dict[str, Any]]:
        """What training on a data set costs, for each target whose price or speed is known.

        Returns:
            target, epochs, tokens (that are trained on), usd and hours (None where unknown); empty where the tokens
            were not counted. Prices are OpenAI's list prices; hours are of a machine's peak rate, see
            `training.loop.time_estimate`.

        Raises:
            NotFoundError: there is no such data set.
        """
        checks.count("epochs", epochs, 1)
        found = self.get_dataset(name)
        part = found["parts"].get("train") or next(iter(found["parts"].values()))
        if part["tokens"] is None:
            return []
        counted = encoding_of(found["recipe"].get("tokens_of") or "")
        tokens = part["tokens"] * epochs
        hosted = [
            {"target": model, "usd": tokens / 1e6 * price, "hours": None}
            for model, price in PriceList(get_settings().prices).training_prices().items()
            if counted is not None and encoding_of(model) is counted
        ]
        local = [
            {"target": f"{size / 1e9:g}B parameters, {machine}", "usd": None, "hours": estimate["estimated_hours"]}
            for size, machine in LOCAL_TARGETS
            for estimate in [training_time(part["rows"], epochs, machine, size, part["tokens"] / part["rows"])]
        ]
        return [{"epochs": epochs, "tokens": tokens, **each} for each in (*hosted, *local)]

    def write_report(self, name: str, path: str | Path, epochs: int = 3) -> str:
        """Draw a data set's report as one self-contained HTML file. Returns its path.

        Raises:
            NotFoundError: there is no such data set.
            MissingDependencyError: the `report` extra is not installed.
            StorageError: the file cannot be written.
        """
        text = dataset_report.page(self.get_dataset(name), self.estimate_training(name, epochs))
        with atomic_write(Path(path)) as stream:
            stream.write(text)
        return str(path)

    def compare_datasets(self, first: str, second: str) -> dict[str, Any]:
        """What changed from one data set to another; see `datasets.diff.compare`."""
        database = open_database()
        before, after = (dataset_catalogue.folder_of(database, name) for name in (first, second))
        return diff.compare(manifest.read(before), before, manifest.read(after), after)

    def list_removed(self, name: str, limit: int = 50) -> dict[str, list[dict[str, Any]]]:
        """What a data set was built without, and why.

        Args:
            limit: of each list.

        Returns:
            rejected, left_out and clusters (rows that ask nearly the same as one that stayed); see
            `datasets.removed_rows`.

        Raises:
            NotFoundError: there is no such data set, or it is a single file.
        """
        checks.count("limit", limit)
        folder = dataset_catalogue.folder_of(open_database(), name)
        kinds = {
            "rejected": removed_rows.rejected,
            "left_out": removed_rows.left_out,
            "clusters": removed_rows.clusters,
        }
        return {kind: read(folder, limit) for kind, read in kinds.items()}

    def find_leaks(self, first: str, second: str, threshold: float = DEFAULT_THRESHOLD) -> dict[str, Any]:
        """Rows of the second that are in the first: what was trained on, and what is tested with.

        Args:
            first, second: data sets by name, hash or folder; or files, folders, globs.
            threshold: see `datasets.near_duplicates.groups`.

        Returns:
            rows (of the second), leaking, counts (by kind), unusable, first (some of the rows and what they match).

        Raises:
            NotFoundError, DataError: a file is missing or breaks off.
            UsageError: the threshold is out of range.
        """
        database = open_database()
        sides = [dataset_catalogue.files_of(database, name) for name in (first, second)]
        report = leaks.find(sides[0], sides[1], self.output_dir, threshold)
        return {**asdict(report), "leaking": report.leaking}

    def get_dataset_stats(self, examples: Sequence[Example]) -> dict[str, Any]:
        """Counts and mean lengths; see `datasets.dataset_stats.describe`."""
        return dataset_stats.describe(examples)


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
    *,
    min_prompt_length: int = example_validation.MIN_PROMPT_CHARACTERS,
    min_response_length: int = example_validation.MIN_RESPONSE_CHARACTERS,
) -> Prepared:
    """As `prepare_fine_tuning_dataset`, which returns the path alone."""
    training_formats.check_format(format)
    examples = builder.build_from_distillation(min_rating=min_rating, domain=domain, task_type=task_type)
    checked = builder.validate_examples(examples, min_prompt_length, min_response_length)
    valid = checked["valid_examples"]
    if not valid:
        filters = f"rating >= {min_rating}, domain {domain or 'any'}, task type {task_type or 'any'}"
        raise DataError(f"no valid training examples with {filters}: {_why_none(checked['invalid_examples'])}")
    stamp = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
    path = builder.save_dataset(valid, filename or f"dataset_{domain or 'all'}_{stamp}", format)
    return Prepared(path, valid, len(examples))


def _why_none(invalid: Sequence[Mapping[str, Any]]) -> str:
    if not invalid:
        return "none is captured; capture more calls first"
    reasons = Counter(issue.partition(" (")[0] for each in invalid for issue in each["issues"])
    named = ", ".join(f"{count} with {reason!r}" for reason, count in reasons.most_common())
    return (
        f"{len(invalid)} found, {named}; such as {invalid[0]['issues'][0]!r}. Short ones are let in with "
        "--min-prompt-length and --min-response-length"
    )
