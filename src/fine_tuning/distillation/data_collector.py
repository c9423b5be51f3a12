"""DistillationDataCollector: the store of rated teacher calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fine_tuning._util import checks
from fine_tuning._util.files import is_file, write_json
from fine_tuning.data_io import sources
from fine_tuning.data_io.formats import alpaca, sharegpt, stored_completion
from fine_tuning.data_io.formats.call import Message, as_messages, conversation_of
from fine_tuning.distillation import importer, stored_completions
from fine_tuning.distillation.correction import CORRECTED_RATING, store_correction
from fine_tuning.errors import DataError, NotFoundError, UsageError
from fine_tuning.store import examples
from fine_tuning.store.database import open_database
from fine_tuning.store.workspace import Workspace, open_workspace

MIN_EXAMPLES_FOR_TRAINING = 500
MIN_RESPONSE_CHARACTERS = 50
_TASK_METADATA = ("retry_count", "review_attempts", "execution_time", "chart_type", "output_format")


class DistillationDataCollector:
    """Captures rated calls of a big model into the workspace's database.

    Args:
        output_dir: keep the calls in a database of this folder instead; the older system's `teacher_examples.jsonl`
            and `curated_dataset.jsonl` found there are imported once.
        teacher_file, curated_file: files of the older system to import once; they are left as they are.
    """

    def __init__(
        self,
        output_dir: str | Path | None = None,
        teacher_file: str | Path | None = None,
        curated_file: str | Path | None = None,
        *,
        workspace: Workspace | None = None,
    ) -> None:
        workspace = workspace or open_workspace(teacher_file)
        self.output_dir = Path(output_dir) if output_dir is not None else workspace.folder("datasets")
        if output_dir is not None:
            self._database = open_database(self.output_dir / "fine_tuning.db")
            teacher_file = teacher_file or self.output_dir / "teacher_examples.jsonl"
            curated_file = curated_file or self.output_dir / "curated_dataset.jsonl"
        else:
            self._database = workspace.database
        for file in (teacher_file, curated_file):
            if file is not None and is_file(file):
                importer.import_once(self._database, Path(file))

    def capture_success(
        self,
        prompt: str,
        response: str,
        domain: str,
        task_type: str,
        rating: int = 5,
        metadata: Mapping[str, Any] | None = None,
        model_used: str = "gpt-4o",
        *,
        system_prompt: str | None = None,
    ) -> str:
        """Store one call and return its id; the same call again is the same id with one more sighting.

        Args:
            rating: 1 (useless) to 5 (perfect); 4 and more is curated.
            system_prompt: kept as part of the conversation, so that training sees it too.

        Raises:
            UsageError: the rating is not a whole number from 1 to 5, or prompt or response is empty.
        """
        messages = as_messages(prompt, response, system_prompt) if prompt and response else []
        return self._capture(messages, None, domain, task_type, rating, metadata, model_used)

    def capture_conversation(
        self,
        messages: Sequence[Mapping[str, Any]],
        domain: str,
        task_type: str,
        rating: int = 5,
        metadata: Mapping[str, Any] | None = None,
        model_used: str = "gpt-4o",
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
    ) -> str:
        """Store a whole chat that ends with the assistant's answer; tools and system prompt are kept.

        Raises:
            UsageError: as for `capture_success`.
            DataError: the conversation does not end with an assistant message.
        """
        return self._capture(messages, tools, domain, task_type, rating, metadata, model_used)

    def _capture(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None,
        domain: str,
        task_type: str,
        rating: int,
        metadata: Mapping[str, Any] | None,
        model_used: str,
    ) -> str:
        row = importer.example_row(
            messages, tools, domain, task_type, rating, metadata or {}, model_used, datetime.now(UTC)
        )
        with self._database.write() as tx:
            examples.capture(tx, [row])
        return str(row["id"])

    def capture_task_completion(
        self, task_result: Mapping[str, Any], task_request: Mapping[str, Any], model_used: str = "gpt-4o"
    ) -> str | None:
        """Store a finished task: rating 5, 4 with `review_feedback`, 3 with `review_issues`.

        Args:
            task_result: `success` and the answer under `code`, `output` or `content`.
            task_request: the prompt under `user_request`; `domain`, `task_type`.

        Returns:
            The id; None where nothing was captured: a failure, no prompt, or an answer under 50 characters.
        """
        result, request = checks.mapping("task_result", task_result), checks.mapping("task_request", task_request)
        if not result.get("success"):
            return None
        response = next((str(result[key]) for key in ("code", "output", "content") if result.get(key)), "")
        prompt = str(request.get("user_request") or "")
        if len(response) < MIN_RESPONSE_CHARACTERS or not prompt.strip():
            return None
        rating = 3 if result.get("review_issues") else 4 if result.get("review_feedback") else 5
        return self.capture_success(
            prompt,
            response,
            domain=request.get("domain") or "data_analysis",
            task_type=request.get("task_type") or "visualization",
            rating=rating,
            metadata={key: result[key] for key in _TASK_METADATA if key in result},
            model_used=model_used,
        )

    def capture_file(self, path: str | Path, domain: str = "general", task_type: str = "chat") -> importer.ImportReport:
        """Store every call in a file; see `import_files`."""
        return self.import_files([path], domain=domain, task_type=task_type)

    def import_files(
        self,
        files: Sequence[str | Path],
        format: str | None = None,
        *,
        domain: str = "general",
        task_type: str = "chat",
        rating: int | None = None,
    ) -> importer.ImportReport:
        """Store every call in files of any format of `formats.FORMATS`; the very same rows a second time add nothing.

        Args:
            files: paths, folders, globs or addresses of JSONL, JSON, CSV or Parquet files, compressed or not.
            format: of the rows; by default each row's own is recognised.
            domain, task_type: for rows that do not say theirs.
            rating: for rows that do not say theirs; by default 5 for training data, 3 for logs of production.

        Returns:
            The counts, and each rejected row with its file, line and reason.

        Raises:
            NotFoundError, DataError: a file is missing, or breaks off; then nothing is stored.
            UsageError: an argument is wrong.
        """
        defaults = importer.Defaults(format, domain, task_type, rating)
        return importer.import_rows(self._database, sources.read_all(sources.expand(files)), defaults)

    def import_stored_completions(
        self,
        model: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        domain: str = "general",
        task_type: str = "chat",
        rating: int | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> importer.ImportReport:
        """Store the chat completions that OpenAI, or another host, has kept (`store=True`).

        Args:
            model, metadata: only the calls of this model, and with this metadata.
            base_url, api_key: of the host; by default OPENAI_BASE_URL and OPENAI_API_KEY, or OpenAI.
            domain, task_type, rating: for calls whose metadata does not say theirs; the rating is 3 by default.
            progress: told how many further calls were fetched.

        Returns:
            See `import_files`; the host is the file, the call's position the line.

        Raises:
            ConfigurationError, ProviderError: the host refuses the key, or cannot be reached; then nothing is stored.
            UsageError: an argument is wrong.
        """
        defaults = importer.Defaults(stored_completion.NAME, domain, task_type, rating)
        rows = stored_completions.fetch(base_url, api_key, model, metadata, progress)
        return importer.import_rows(self._database, rows, defaults)

    def import_table(
        self,
        table: Any,
        format: str | None = None,
        *,
        domain: str = "general",
        task_type: str = "chat",
        rating: int | None = None,
    ) -> importer.ImportReport:
        """Store every call in a pandas, Polars, Arrow, Daft or Hugging Face table; see `import_files`."""
        defaults = importer.Defaults(format, domain, task_type, rating)
        return importer.import_rows(self._database, sources.table_rows(table), defaults)

    def rate(self, example_id: str, rating: int) -> None:
        """Change an example's rating (1 to 5).

        Raises:
            UsageError: the rating is out of range.
            NotFoundError: there is no such example.
        """
        importer.check_rating(rating)
        with self._database.write() as tx:
            if not examples.rate(tx, example_id, rating):
                raise NotFoundError(f"no captured example {example_id}")

    def thumbs(self, example_id: str, up: bool) -> None:
        """Rate by thumb: up is 5, down is 1."""
        self.rate(example_id, 5 if up else 1)

    def correct(self, example_id: str, corrected_response: str) -> str:
        """Store a better answer: it becomes an example rated 5, the old one drops to 2, and the two make a preference.

        Returns:
            The id of the corrected example.

        Raises:
            NotFoundError: there is no such example.
            UsageError: the correction is empty or the same text.
        """
        with self._database.write() as tx:
            example = examples.get(tx, example_id)
            if example is None:
                raise NotFoundError(f"no captured example {example_id}")
            better = store_correction(tx, example, corrected_response)
            examples.rate(tx, example_id, min(CORRECTED_RATING, example["rating"]))
        return better

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
        """Store two answers to a prompt, of which the first is better, as a pair; they are rated 5 and 2.

        Args:
            chosen_by, rejected_by: the models that answered.

        Returns:
            The ids of the better and of the worse call.

        Raises:
            UsageError: a text is empty, or both answers are the same.
        """
        if chosen == rejected:
            raise UsageError("both answers are the same: neither is better")
        moment = datetime.now(UTC)
        better, worse = (
            importer.example_row(as_messages(prompt, answer), None, domain, task_type, rating, {}, model, moment)
            for answer, rating, model in (
                (chosen, importer.CHOSEN_RATING, chosen_by),
                (rejected, importer.REJECTED_RATING, rejected_by),
            )
        )
        with self._database.write() as tx:
            examples.capture(tx, [better, worse])
            for row in (better, worse):
                examples.rate(tx, row["id"], row["rating"])
            examples.add_preference(tx, worse, better)
        return str(better["id"]), str(worse["id"])

    def get_preferences(self) -> list[dict[str, Any]]:
        """Pairs of a worse and a better answer, from corrections and imports.

        Keys: example_id (the worse call), prompt, chosen, rejected, chosen_id (the better call; None where unknown).
        """
        with self._database.read() as tx:
            return examples.preferences(tx)

    def get_curated_examples(
        self, domain: str | None = None, min_rating: int = examples.CURATED_RATING, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Records rated at least `min_rating`, oldest first.

        Keys: id, prompt, response, domain, task_type, rating, model_used, metadata, captured_at, curated, and
        messages, tools, sightings, last_seen_at.
        """
        return self.find_examples(min_rating=min_rating, domain=domain, limit=limit)

    def find_examples(
        self,
        *,
        min_rating: int = 1,
        domain: str | None = None,
        task_type: str | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Records by rating, domain and task type, oldest first.

        Raises:
            UsageError: the rating is out of range or the limit negative.
        """
        importer.check_rating(min_rating)
        if limit is not None:
            checks.count("limit", limit)
        with self._database.read() as tx:
            return examples.find(tx, min_rating=min_rating, domain=domain, task_type=task_type, limit=limit)

    def get_dataset_stats(self) -> dict[str, Any]:
        """Counts of captured and curated examples, sightings, preferences, and the curated ones by domain."""
        with self._database.read() as tx:
            counts = examples.counts(tx)
        return {
            "teacher_examples": counts["examples"],
            "curated_examples": counts["curated"],
            "sightings": counts["sightings"],
            "preferences": counts["preferences"],
            "min_for_training": MIN_EXAMPLES_FOR_TRAINING,
            "ready_for_training": counts["curated"] >= MIN_EXAMPLES_FOR_TRAINING,
            "domain_distribution": counts["domains"],
            "min_curation_rating": examples.CURATED_RATING,
        }

    def export_for_training(self, output_path: str | Path | None = None, format: str = "alpaca") -> str:
        """Write the curated examples as one JSON array and return the path.

        Args:
            format: alpaca (instruction, input, output), sharegpt (conversations) or raw (the records).

        Raises:
            UsageError: the format is unknown.
            DataError: an example cannot be said in the format (tool calls in alpaca).
        """
        writers: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "alpaca": _row_of(alpaca.row_of),
            "sharegpt": _row_of(sharegpt.row_of),
            "raw": dict,
        }
        if format not in writers:
            raise UsageError(f"unknown export format {format!r}; use one of {', '.join(writers)}")
        stamp = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
        path = Path(output_path) if output_path is not None else self.output_dir / f"training_data_{stamp}.json"
        write_json(path, [writers[format](example) for example in self.get_curated_examples()])
        return str(path)


def _row_of(
    write: Callable[[list[Message], Any], dict[str, Any]],
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    def row(example: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return write(conversation_of(example), example["tools"])
        except DataError as error:
            raise DataError(f"example {example['id']}: {error}") from None

    return row


def capture_cloud_success(
    prompt: str, response: str, domain: str, task_type: str, model_used: str = "gpt-4o", **kwargs: Any
) -> str:
    """Store one good answer of a big model in the workspace; see `DistillationDataCollector.capture_success`."""
    return DistillationDataCollector().capture_success(
        prompt, response, domain, task_type, model_used=model_used, **kwargs
    )


def get_distillation_status() -> dict[str, Any]:
    """Counts of the workspace's captured examples; see `DistillationDataCollector.get_dataset_stats`."""
    return DistillationDataCollector().get_dataset_stats()
