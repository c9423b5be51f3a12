"""The lists of an account: its jobs, models, files and checkpoints, read from the host."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from fine_tuning._util.hosts import Host
from fine_tuning._util.model_names import is_fine_tuned, parse_checkpoint_name
from fine_tuning.errors import NotFoundError, ProviderError
from fine_tuning.store.records.rows import JsonColumn

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types import FileObject, Model
    from openai.types.fine_tuning import FineTuningJob

MAX_LISTINGS = 5  # attempts to read a list that changes while it is read
Item = TypeVar("Item", bound="Listed")


class Listed(Protocol):
    """An object of the API that a list has."""

    @property
    def id(self) -> str:
        """Its id, unique in the list."""


@dataclass(frozen=True)
class AccountLists:
    """The jobs, models and files that an account lists."""

    jobs: list[FineTuningJob]
    models: list[Model]
    files: list[FileObject]

    def model_ids(self) -> set[str]:
        """The models that the account has."""
        return {model.id for model in self.models}

    def models_of_jobs(self) -> set[str]:
        """The models that the jobs made, whether or not the account still has them."""
        return {job.fine_tuned_model for job in self.jobs if job.fine_tuned_model}

    def models_without_job(self) -> list[Model]:
        """The fine-tuned models that no listed job made, without the checkpoints of known models."""
        made = self.models_of_jobs()
        known = self.model_ids() | made
        found = []
        for model in self.models:
            if is_fine_tuned(model.id) and model.id not in made:
                checkpoint = parse_checkpoint_name(model.id)
                if checkpoint is None or checkpoint[0] not in known:
                    found.append(model)
        return found

    def files_of_jobs(self) -> list[str]:
        """The ids of the files that jobs were given or made."""
        named = [
            each for job in self.jobs for each in (job.training_file, job.validation_file, *(job.result_files or []))
        ]
        return list(dict.fromkeys(each for each in named if each))


def read_lists(client: OpenAI, host: Host, on_message: Callable[[str], None]) -> AccountLists:
    """Read the lists of jobs, models and files.

    Raises:
        ProviderError: a list is unavailable after all retries.
    """
    on_message("jobs")
    jobs = read_whole_list(host, "the list of jobs", lambda: client.fine_tuning.jobs.list(limit=100))
    on_message("models")
    models = read_whole_list(host, "the list of models", client.models.list)
    on_message("files")
    files = read_whole_list(host, "the list of files", lambda: client.files.list(limit=1000))
    return AccountLists(jobs, models, files)


def read_checkpoints(client: OpenAI, host: Host, job_id: str) -> list[JsonColumn]:
    """The checkpoints of a job, as the host lists them.

    Raises:
        NotFoundError, ProviderError: they are unavailable.
    """
    checkpoints = client.fine_tuning.jobs.checkpoints
    found = read_whole_list(host, f"checkpoints of {job_id}", lambda: checkpoints.list(job_id, limit=100))
    return [point.model_dump(mode="json") for point in found]


def read_whole_list(host: Host, what: str, read: Callable[[], Iterable[Item]]) -> list[Item]:
    """All pages, each item once; a list that changes while it is read (an item is deleted) is read again."""
    for left in range(MAX_LISTINGS - 1, -1, -1):
        found: dict[str, Item] = {}
        try:
            with host.translated_errors(what):
                for item in read():  # further pages are fetched as needed
                    found[item.id] = item
        except (NotFoundError, ProviderError):
            if not left or not found:  # an error at the first page is no change of the list
                raise
            continue
        return list(found.values())
    raise AssertionError
