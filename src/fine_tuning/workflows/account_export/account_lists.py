"""The lists of an account: its jobs, models, files and checkpoints, read from the host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from fine_tuning._util.hosts import Host
from fine_tuning._util.list_pages import MAX_PAGES, ListPages, endless, objects_of
from fine_tuning._util.model_names import is_fine_tuned, parse_checkpoint_name
from fine_tuning.errors import NotFoundError, ProviderError
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.training.jobs.hosted_objects import (
    HostedFile,
    HostedJob,
    HostedModel,
    HostedObject,
    checked,
)

if TYPE_CHECKING:
    from openai import OpenAI

MAX_LISTINGS = 5  # attempts to read a list that changes while it is read
Item = TypeVar("Item", bound=HostedObject)


@dataclass(frozen=True)
class AccountLists:
    """The jobs, models and files that an account lists; `unusable` says what is left out, a line each."""

    jobs: list[HostedJob]
    models: list[HostedModel]
    files: list[HostedFile]
    unusable: list[str]

    def model_ids(self) -> set[str]:
        """The models that the account has."""
        return {model.id for model in self.models}

    def models_of_jobs(self) -> set[str]:
        """The models that the jobs made, whether or not the account still has them."""
        return {job.fine_tuned_model for job in self.jobs if job.fine_tuned_model}

    def models_without_job(self) -> list[HostedModel]:
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
    unusable: list[str] = []
    on_message("jobs")
    jobs = _usable(HostedJob, host, "job", lambda: client.fine_tuning.jobs.list(limit=100), unusable)
    on_message("models")
    models = _usable(HostedModel, host, "model", client.models.list, unusable)
    on_message("files")
    files = _usable(HostedFile, host, "file", lambda: client.files.list(limit=1000), unusable)
    return AccountLists(jobs, models, files, unusable)


def read_checkpoints(client: OpenAI, host: Host, job_id: str, unusable: list[str]) -> list[JsonColumn]:
    """The checkpoints of a job, as the host lists them; what is left out is added to `unusable`.

    Raises:
        NotFoundError, ProviderError: they are unavailable.
    """
    checkpoints = client.fine_tuning.jobs.checkpoints
    what = f"checkpoint of {job_id}"
    found = _usable(HostedObject, host, what, lambda: checkpoints.list(job_id, limit=100), unusable)
    return [point.model_dump(mode="json") for point in found]


def _usable(kind: type[Item], host: Host, what: str, read: Callable[[], ListPages], unusable: list[str]) -> list[Item]:
    """The objects of a list that are what the API describes."""
    found: dict[str, Item] = {}
    for number, each in enumerate(read_whole_list(host, f"the list of {what}s", read), 1):
        try:
            item = checked(kind, each, f"{what} {getattr(each, 'id', number)!r:.100}")
        except ProviderError as error:
            unusable.append(str(error))
        else:
            found[item.id] = item
    return list(found.values())


def read_whole_list(host: Host, what: str, read: Callable[[], ListPages], max_pages: int = MAX_PAGES) -> list[object]:
    """The objects of all pages, each once; a list that changes while it is read (one is deleted) is read again.

    Raises:
        ProviderError: it is unavailable, has no end, or is none.
    """
    for left in range(MAX_LISTINGS - 1, -1, -1):
        found: dict[str, object] = {}
        unnamed: list[object] = []
        pages = 0
        try:
            with host.translated_errors(what):
                for page in islice(read().iter_pages(), max_pages + 1):
                    pages, count = pages + 1, len(found)
                    for each in objects_of(host, what, page):
                        if isinstance(item_id := getattr(each, "id", None), str):
                            found[item_id] = each
                        else:
                            unnamed.append(each)
                    if len(found) == count:  # nothing new: it is empty, or repeats itself
                        break
        except (NotFoundError, ProviderError):
            if not left or not found:  # an error at the first page is no change of the list
                raise
            continue
        if pages > max_pages:
            raise endless(host, what, max_pages)
        return [*found.values(), *unnamed]
    raise AssertionError
