"""DistillationDataCollector: captures rated calls of a large model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fine_tuning._util import checks
from fine_tuning._util.files import is_file
from fine_tuning.data_io.dialects.conversation import read_messages
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.messages import prompt_and_response_messages
from fine_tuning.distillation import importer, training_export
from fine_tuning.distillation.call_imports import CallImports
from fine_tuning.distillation.corrections import correct_example
from fine_tuning.distillation.distillation_stats import DistillationStats, distillation_stats
from fine_tuning.distillation.example_record import Facts, example_record
from fine_tuning.distillation.preference_pairs import Labels, store_preference
from fine_tuning.distillation.ratings import LOG_RATING, THUMBS_DOWN, THUMBS_UP, change_rating, check_rating
from fine_tuning.distillation.task_completions import task_completion
from fine_tuning.store import examples, preferences
from fine_tuning.store.projects import DEFAULT_PROJECT, check_project
from fine_tuning.store.records.examples import Example, Preference
from fine_tuning.store.workspace import Workspace, open_workspace


class DistillationDataCollector(CallImports):
    """Captures rated calls of a large model in the workspace's database.

    Args:
        output_dir: keep the calls in a database in this folder instead; `teacher_examples.jsonl` and
            `curated_dataset.jsonl` of the older file-based system in it are imported once.
        teacher_file, curated_file: files of the older system to import once; they are left as they are.
        workspace: the workspace in use; by default the one of the environment.
        project: whose calls are captured, found, rated and corrected here; by default those of all projects, and new
            ones belong to the default project.

    Raises:
        UsageError: it is no name of a project.
    """

    def __init__(
        self,
        output_dir: str | Path | None = None,
        teacher_file: str | Path | None = None,
        curated_file: str | Path | None = None,
        *,
        workspace: Workspace | None = None,
        project: str | None = None,
    ) -> None:
        self._project = None if project is None else check_project(project)
        where = teacher_file
        if output_dir is not None:
            where = Path(output_dir) / "fine_tuning.db"
            teacher_file = teacher_file or Path(output_dir) / "teacher_examples.jsonl"
            curated_file = curated_file or Path(output_dir) / "curated_dataset.jsonl"
        workspace = workspace or open_workspace(where)
        self.output_dir = Path(output_dir) if output_dir is not None else workspace.folder("datasets")
        self._database, self._settings = workspace.database, workspace.settings
        for file in (teacher_file, curated_file):
            if file is not None and is_file(file):
                importer.import_legacy_file(self._database, Path(file))

    def capture_success(
        self,
        prompt: str,
        response: str,
        domain: str,
        task_type: str,
        rating: int = 5,
        metadata: Mapping[str, object] | None = None,
        model_used: str = "gpt-4o",
        *,
        system_prompt: str | None = None,
    ) -> str:
        """Store a call and return its id; the same call again has the same id and one more sighting.

        Args:
            rating: 1 (useless) to 5 (perfect); examples rated 4 or 5 are curated.
            system_prompt: kept as part of the conversation.

        Raises:
            UsageError: the rating is not a whole number from 1 to 5, or prompt or response is empty.
        """
        messages = prompt_and_response_messages(prompt, response, system_prompt) if prompt and response else []
        return self._capture(messages, None, Facts(domain, task_type, rating, metadata, model_used))

    def capture_conversation(
        self,
        messages: Sequence[Mapping[str, object]],
        domain: str,
        task_type: str,
        rating: int | None = 5,
        metadata: Mapping[str, object] | None = None,
        model_used: str = "gpt-4o",
        *,
        tools: Sequence[Mapping[str, object]] | None = None,
    ) -> str:
        """Store a conversation that ends with the assistant's response, with its tools and system prompt.

        Args:
            messages, tools: in the words of any vendor, as imports read them.
            rating: as for `capture_success`; None of a call that nobody has rated, which is not curated (it has 3, as
                a row of a log) and leaves a known call the rating that it has.

        Raises:
            UsageError: as for `capture_success`.
            DataError: the conversation does not end with an assistant message, or a part of it cannot be read.
        """
        is_rated = rating is not None
        facts = Facts(domain, task_type, rating if is_rated else LOG_RATING, metadata, model_used)
        read = _canonical(messages, read_messages, "messages"), _canonical(tools, read_tools)
        return self._capture(*read, facts, is_rated=is_rated)

    def _capture(self, messages: object, tools: object, facts: Facts, *, is_rated: bool = True) -> str:
        record = example_record(messages, tools, facts._replace(project=self._project or DEFAULT_PROJECT))
        with self._database.write() as tx:
            examples.capture(tx, [record], are_rated=is_rated)
        return record["id"]

    def capture_task_completion(
        self, task_result: Mapping[str, object], task_request: Mapping[str, object], model_used: str = "gpt-4o"
    ) -> str | None:
        """Store a finished task: rated 5; 4 with `review_feedback`, 3 with `review_issues`.

        Args:
            task_result: `success`, and the response under `code`, `output` or `content`.
            task_request: the prompt under `user_request`; `domain`, `task_type`.

        Returns:
            The id; None for a failed task, one without a prompt, and a response under 50 characters.
        """
        found = task_completion(task_result, task_request, model_used)
        return None if found is None else self._capture(found.messages, None, found.facts)

    def rate(self, example_id: str, rating: int) -> None:
        """Change an example's rating (1 to 5).

        Raises:
            UsageError: the rating is out of range.
            NotFoundError: there is no such example.
        """
        change_rating(self._database, example_id, rating, self._project)

    def thumbs(self, example_id: str, up: bool) -> None:
        """Record a thumbs up (rating 5) or down (rating 1)."""
        self.rate(example_id, THUMBS_UP if up else THUMBS_DOWN)

    def correct(self, example_id: str, corrected_response: str) -> str:
        """Store a better response as an example rated 5, lower the old one to 2, and store them as a preference pair.

        Returns:
            The id of the corrected example.

        Raises:
            NotFoundError: there is no such example.
            UsageError: the correction is empty or equal to the response.
        """
        return correct_example(self._database, example_id, corrected_response, self._project)

    def capture_preference(
        self,
        prompt: str,
        chosen: str,
        rejected: str,
        domain: str,
        task_type: str = "chat",
        *,
        chosen_by: str = "unknown",
        rejected_by: str = "unknown",
    ) -> tuple[str, str]:
        """Store two responses to a prompt, rated 5 and 2, as a preference pair.

        Args:
            chosen_by, rejected_by: the models that responded.

        Returns:
            The ids of the better and of the worse call.

        Raises:
            UsageError: a text is empty, or both responses are the same.
        """
        responses = (chosen, chosen_by), (rejected, rejected_by)
        labels = Labels(domain, task_type, self._project or DEFAULT_PROJECT)
        return store_preference(self._database, prompt, *responses, labels)

    def get_preferences(self) -> list[Preference]:
        """Preference pairs from corrections, imports and votes, oldest first."""
        with self._database.read() as tx:
            return preferences.find(tx, self._project)

    def get_curated_examples(
        self, domain: str | None = None, min_rating: int = examples.CURATED_RATING, limit: int | None = None
    ) -> list[Example]:
        """Examples rated at least `min_rating`, oldest first."""
        return self.find_examples(min_rating=min_rating, domain=domain, limit=limit)

    def find_examples(
        self,
        *,
        min_rating: int = 1,
        domain: str | None = None,
        task_type: str | None = None,
        limit: int | None = None,
    ) -> list[Example]:
        """Examples by rating, domain and task type, oldest first.

        Raises:
            UsageError: the rating is out of range or the limit negative.
        """
        check_rating(min_rating)
        if limit is not None:
            checks.count("limit", limit)
        with self._database.read() as tx:
            return examples.find(
                tx, min_rating=min_rating, domain=domain, task_type=task_type, project=self._project, limit=limit
            )

    def get_dataset_stats(self) -> DistillationStats:
        """Counts of captured and curated examples, sightings and preference pairs."""
        return distillation_stats(self._database)

    def export_for_training(self, output_path: str | Path | None = None, format: str = "alpaca") -> str:
        """Write the curated examples as one JSON array and return the path.

        Args:
            format: alpaca (instruction, input, output), sharegpt (conversations) or raw (the records).

        Raises:
            UsageError: the format is unknown.
            DataError: the format does not support an example (tool calls in alpaca).
        """
        training_export.check_format(format)
        stamp = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
        path = Path(output_path) if output_path is not None else self.output_dir / f"training_data_{stamp}.json"
        training_export.export_examples(path, self.get_curated_examples(), format)
        return str(path)


def _canonical(given: object, read: Callable[..., Sequence[Any] | None], *label: str) -> object:
    """Objects in a list as a reader understands them; something else as it is, for `example_record` to refuse."""
    if not isinstance(given, list | tuple) or not given or not all(isinstance(each, Mapping) for each in given):
        return given
    return read([dict(each) for each in given], *label)


def capture_cloud_success(
    prompt: str, response: str, domain: str, task_type: str, model_used: str = "gpt-4o", **kwargs: Any
) -> str:
    """Store a good response of a large model in the workspace; see `DistillationDataCollector.capture_success`."""
    return DistillationDataCollector().capture_success(
        prompt, response, domain, task_type, model_used=model_used, **kwargs
    )


def get_distillation_status() -> DistillationStats:
    """Counts of the workspace's captured examples; see `DistillationDataCollector.get_dataset_stats`."""
    return DistillationDataCollector().get_dataset_stats()
