"""DatasetBuilder: from captured calls to a training file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Unpack

from fine_tuning._util import checks
from fine_tuning.costs.prices import PriceList
from fine_tuning.datasets import (
    build_dataset,
    dataset_catalogue,
    dataset_diff,
    dataset_report,
    dataset_stats,
    example_validation,
    file_check,
    leaks,
    prepare_dataset,
    removed_rows,
    row_sources,
    save_dataset,
    train_test_split,
    training_formats,
)
from fine_tuning.datasets.daft_engine import daft
from fine_tuning.datasets.examples_with_recipe import Examples
from fine_tuning.datasets.prepare_options import PrepareOptions
from fine_tuning.datasets.recipe import DEFAULT_THRESHOLD, Recipe, RecipeChoices
from fine_tuning.store.records.datasets import ListedDataset
from fine_tuning.store.records.examples import Example as CapturedExample
from fine_tuning.store.records.manifests import DatasetManifest
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.workspace import Workspace, open_workspace
from fine_tuning.training.jobs import dataset_estimates

Example = Mapping[str, object]


class DatasetBuilder:
    """Builds datasets from the workspace's captured calls.

    Args:
        output_dir: folder of the files; the workspace's `datasets` folder by default.
        workspace: the one of the environment by default.
    """

    def __init__(self, output_dir: str | Path | None = None, *, workspace: Workspace | None = None) -> None:
        self._workspace = workspace or open_workspace()
        self._database = self._workspace.database
        self.output_dir = Path(output_dir) if output_dir is not None else self._workspace.folder("datasets")

    def build_from_distillation(
        self,
        min_rating: int = 4,
        domain: str | None = None,
        task_type: str | None = None,
        limit: int | None = None,
    ) -> Examples[CapturedExample]:
        """Captured examples to learn from, oldest first; see `datasets.prepare_dataset.find_learnt`."""
        return prepare_dataset.find_learnt(self._database, min_rating, domain, task_type, limit)

    def validate_examples(
        self,
        examples: Sequence[example_validation.Row],
        min_prompt_length: int = example_validation.MIN_PROMPT_CHARACTERS,
        min_response_length: int = example_validation.MIN_RESPONSE_CHARACTERS,
    ) -> example_validation.ValidationReport[example_validation.Row]:
        """Sort examples into valid and invalid ones; see `datasets.example_validation.validate`."""
        return example_validation.validate(examples, min_prompt_length, min_response_length)

    def to_openai_format(self, examples: Sequence[Example]) -> list[JsonColumn]:
        """Chat rows `{"messages": [...]}`."""
        return training_formats.rows_in(examples, "openai")

    def to_alpaca_format(self, examples: Sequence[Example]) -> list[JsonColumn]:
        """Instruction rows `{"instruction", "input": "", "output"}`."""
        return training_formats.rows_in(examples, "alpaca")

    def to_jsonl_format(self, examples: Sequence[Example]) -> str:
        """The examples as text, one JSON object per line."""
        return training_formats.jsonl_text(examples)

    def split_train_test(
        self, examples: Sequence[train_test_split.Row], train_ratio: float = 0.8, seed: int = 42
    ) -> tuple[Examples[train_test_split.Row], Examples[train_test_split.Row]]:
        """Shuffled, reproducible sides that share no near-duplicate prompts; see `datasets.train_test_split.split`."""
        daft(self._workspace.settings.ray_address)
        return train_test_split.split(examples, train_ratio, seed=seed)

    def save_dataset(self, examples: Sequence[Example], filename: str, format: str = "openai") -> str:
        """Write a dataset into `output_dir` and record its content hash and recipe. Returns the path.

        Args:
            examples: those that `build_from_distillation` found carry their recipe, also validated, split or sliced;
                the source of other rows is recorded as given. Of a growing chat the longest state is written.
            filename: the extension is added: .jsonl, or .json for alpaca.
            format: openai, alpaca, sharegpt or jsonl.

        Raises:
            UsageError: format or name is wrong, or there are no examples.
            DataError: an example lacks prompt or response.
        """
        return str(save_dataset.save(self._database, self.output_dir, examples, filename, format))

    def check_files(
        self,
        files: Sequence[str | Path],
        model: str | None = None,
        *,
        rejected_to: str | Path | None = None,
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> file_check.CheckReport:
        """Check files of training data as strictly as the hosts that train on them.

        Args:
            files: paths, folders, globs or addresses; any format that `ft-cli capture import` reads.
            model: count tokens as this model and reject rows over its limit; None counts none.
            rejected_to: a file for the rejected rows with their reasons.
            on_progress: called with the number of rows checked since the last call.

        Returns:
            Counts (read = kept + rejected + duplicates) and the findings by code.

        Raises:
            NotFoundError, DataError: a file is missing or breaks off.
            UsageError: the model's tokens cannot be counted.
        """
        return file_check.check_files(files, model, self._workspace.folder("models"), rejected_to, on_progress)

    def build(
        self,
        name: str,
        files: Sequence[str | Path] | None = None,
        *,
        table: object = None,
        on_progress: Callable[[int], None] = lambda _: None,
        **choices: Unpack[RecipeChoices],
    ) -> DatasetManifest:
        """Build a frozen dataset of any size: checked, deduplicated, filtered, in splits, with its manifest.

        Args:
            name: of the folder in `output_dir`; one of that name with other content is moved to `earlier`.
            files: paths, folders, globs or addresses, in any format that `ft-cli capture import` reads.
            table: a pandas, Polars, Arrow, Daft or Hugging Face table in place of files; without both, the captured
                calls.
            on_progress: called with the number of rows read since the last call.
            choices: see `datasets.recipe.Recipe`.

        Returns:
            The manifest: hash, splits (parts), counts (read = kept + rejected + duplicates + left_out), findings,
            recipe.

        Raises:
            UsageError: name or a choice is wrong.
            NotFoundError, DataError: a file is missing or breaks off, or no row is left.
            StorageError: the disk refuses.
        """
        recipe = Recipe.of(choices)
        row_sources.check_one_source(files, table, recipe.project)
        folder = build_dataset.check_target(save_dataset.target(self.output_dir, name, "jsonl").with_suffix(""))
        with row_sources.opened(self._database, self.output_dir, files, table, recipe) as rows:
            return build_dataset.build(self._workspace, rows, recipe, folder, on_progress).as_dict()

    def list_datasets(self, limit: int = 20, offset: int = 0) -> list[ListedDataset]:
        """The datasets of the workspace, newest first: name, hash, format, rows, path, created_at."""
        checks.count("limit", limit, 1)
        checks.count("offset", offset)
        return dataset_catalogue.newest(self._database, limit, offset)

    def count_datasets(self) -> int:
        """The number of datasets in the workspace."""
        return dataset_catalogue.count(self._database)

    def get_dataset(self, name: str) -> DatasetManifest:
        """A dataset's manifest, by its name, the beginning of its hash, or the folder of one that was built.

        Raises:
            NotFoundError: there is none.
        """
        return dataset_catalogue.manifest_of(self._database, name)

    def estimate_training(self, name: str, epochs: int = 3) -> list[dataset_estimates.TrainingEstimate]:
        """Tokens, price and time of training on a dataset; see `training.jobs.dataset_estimates.estimates`."""
        prices = PriceList(self._workspace.settings.prices)
        return dataset_estimates.estimates(self.get_dataset(name), epochs, prices)

    def write_report(self, name: str, path: str | Path, epochs: int = 3) -> str:
        """Write a dataset's report as one self-contained HTML file. Returns its path.

        Raises:
            NotFoundError: there is no such dataset.
            MissingDependencyError: the `report` extra is not installed.
            StorageError: the file cannot be written.
        """
        dataset_report.write(Path(path), self.get_dataset(name), self.estimate_training(name, epochs))
        return str(path)

    def compare_datasets(self, first: str, second: str) -> dataset_diff.DatasetDiff:
        """Differences from one dataset to another; see `datasets.dataset_diff.compare`."""
        return dataset_diff.compare(*(dataset_catalogue.folder_of(self._database, name) for name in (first, second)))

    def list_removed(self, name: str, limit: int = 50) -> removed_rows.RemovedRows:
        """The rows that a dataset was built without, and why; see `datasets.removed_rows.removed`.

        Raises:
            NotFoundError: there is no such dataset, or it is a single file.
        """
        checks.count("limit", limit)
        return removed_rows.removed(dataset_catalogue.folder_of(self._database, name), limit)

    def find_leaks(self, first: str, second: str, threshold: float = DEFAULT_THRESHOLD) -> leaks.LeakSummary:
        """Rows of the second (test) dataset that are in the first (train); see `datasets.leaks.find`.

        Args:
            first, second: datasets by name, hash or folder; or files, folders, globs.
            threshold: see `datasets.near_duplicates.groups`.
        """
        sides = [dataset_catalogue.files_of(self._database, name) for name in (first, second)]
        return leaks.find(sides[0], sides[1], self.output_dir, threshold, self._workspace.settings).summary()

    def get_dataset_stats(self, examples: Sequence[Example]) -> dataset_stats.DatasetStats:
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
        DataError: no example passes the filters, or none of those is valid.
        UsageError: an argument is wrong.
    """
    training_formats.check_format(format)
    options = PrepareOptions.of(
        {"format": format, "min_rating": min_rating, "domain": domain, "task_type": task_type, "output": filename}
    )
    workspace = open_workspace()
    folder = Path(output_dir) if output_dir is not None else workspace.folder("datasets")
    return prepare_dataset.prepare(workspace.database, folder, options).path
