"""Exports the fine-tuning jobs, models, checkpoints and files of an OpenAI account (or of a compatible host).

It only reads from the account. Files that were fetched before are not fetched again, so that an interrupted export can
be run again; changes in the account are applied here. Several exports may run at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypedDict, TypeVar

from fine_tuning._util import hosts
from fine_tuning._util.files import atomic_write, make_folder, sha256_file, write_json
from fine_tuning._util.model_names import base_model_of, is_fine_tuned, parse_checkpoint_name, suffix_of, version_name
from fine_tuning.costs.prices import PriceList
from fine_tuning.data_io.content_hash import content_hash
from fine_tuning.data_io.rows import read_rows
from fine_tuning.errors import DataError, NotFoundError, ProviderError
from fine_tuning.settings import acting_user
from fine_tuning.store import datasets, files, jobs, relocations, shutdown_dates
from fine_tuning.store import model_versions as models
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.datasets import NewDataset
from fine_tuning.store.records.files import NewFile
from fine_tuning.store.records.jobs import NewJob
from fine_tuning.store.records.model_versions import ModelVersion, NewModelVersion
from fine_tuning.store.records.rows import JsonColumn, record
from fine_tuning.store.workspace import Workspace

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types import FileObject, Model
    from openai.types.fine_tuning import FineTuningJob

DEFAULT_CONCURRENCY = 4  # requests
MAX_RETRIES = 8  # of a request by the SDK, with exponential backoff
MAX_LISTINGS = 5  # attempts to read a list that changes while it is read
MAX_TRANSFERS = 5  # attempts to download a file completely
Item = TypeVar("Item", bound="Listed")
Outcome = TypeVar("Outcome")


class Listed(Protocol):
    """An object of the API that a list has."""

    @property
    def id(self) -> str:
        """Its id, unique in the list."""


class FetchedFile(TypedDict):
    """A file of the account, stored here."""

    id: str
    provider: str
    provider_file_id: str | None
    purpose: str
    filename: str
    path: str
    bytes: int
    sha256: str


class Checkpoints(TypedDict):
    """The result of an exported job: its checkpoints as the host lists them."""

    checkpoints: list[JsonColumn]


class ExportedJob(TypedDict):
    """A job of the account, as `store.jobs` records it."""

    id: str
    provider: str
    provider_job_id: str
    idempotency_key: str
    model: str
    training_file_id: str
    validation_file_id: str | None
    dataset_id: int | None
    suffix: str | None
    hyperparameters: JsonColumn
    status: str
    fine_tuned_model: str | None
    trained_tokens: int | None
    method: JsonColumn | None
    seed: int | None
    metadata: dict[str, str] | None
    started_at: datetime | None
    finished_at: datetime | None
    error: JsonColumn | None
    result: Checkpoints


@dataclass
class Report:
    """The result of an export.

    Attributes:
        jobs, models, checkpoints, files: counts in the account; new_jobs, new_models, new_files: of those new here.
        changed_jobs: jobs known here that have changed since.
        archived_models: models known here that the account no longer has.
        bytes: of the files that this export fetched.
        missing: what is unavailable, and why, a line each.
        inventory: path of the JSON file with the lists of the host.
    """

    host: str
    jobs: int = 0
    new_jobs: int = 0
    changed_jobs: int = 0
    models: int = 0
    new_models: int = 0
    archived_models: int = 0
    checkpoints: int = 0
    files: int = 0
    new_files: int = 0
    bytes: int = 0
    missing: list[str] = field(default_factory=list)
    inventory: str = ""


def export_account(
    workspace: Workspace,
    api_key: str | None = None,
    base_url: str | None = None,
    *,
    on_message: Callable[[str], None] = lambda _: None,
) -> Report:
    """Inventory an account, fetch its files, and register its models with lineage and shutdown dates.

    Raises:
        ConfigurationError: there is no key, or the host refuses it.
        ProviderError: a list is unavailable after all retries.
    """
    client = hosts.make_client(api_key, base_url, max_retries=MAX_RETRIES)
    return _AccountExport(workspace, client, on_message).run()


class _AccountExport:
    def __init__(self, workspace: Workspace, client: OpenAI, on_message: Callable[[str], None]) -> None:
        self._workspace, self._database = workspace, workspace.database
        self._client, self._on_message = client, on_message
        self._url = str(client.base_url).rstrip("/")
        self._report = Report(self._url)

    @contextmanager
    def _write(self) -> Iterator[Transaction]:
        """A transaction that no other export of this host interrupts between its reads and writes."""
        with self._database.write() as tx:
            relocations.lock_host(tx, self._url)
            yield tx

    def run(self) -> Report:
        """See `export_account`."""
        self._on_message("jobs")
        found = _whole_list(self._url, "the list of jobs", lambda: self._client.fine_tuning.jobs.list(limit=100))
        self._on_message("models")
        known = _whole_list(self._url, "the list of models", self._client.models.list)
        self._on_message("files")
        uploaded = _whole_list(self._url, "the list of files", lambda: self._client.files.list(limit=1000))
        with self._database.write() as tx:
            shutdown_dates.record_dates(tx, self._url, {model.id: model.shutdown_date for model in known})
        file_ids = _files_of(found)
        listed = {file.id: file for file in uploaded}
        with ThreadPoolExecutor(DEFAULT_CONCURRENCY) as pool:
            points = list(self._counted("checkpoints", pool.map(self._checkpoints, found), len(found)))
            by_job = _by_job(found, points)
            fetches = pool.map(lambda each: self._fetch(each, listed.get(each)), file_ids)
            fetched = dict(self._counted("files", fetches, len(file_ids)))
        alive = {model.id for model in known}
        self._keep(sorted(found, key=lambda job: (job.created_at, job.id)), by_job, fetched, alive)
        made = {job.fine_tuned_model for job in found if job.fine_tuned_model}
        orphans = _orphans(known, made)
        self._keep_orphans(orphans)
        self._archive_deleted({job.id for job in found}, alive)
        report = self._report
        report.jobs, report.files = len(found), len(file_ids)
        report.models = len(made) + len(orphans)
        report.checkpoints = sum(map(len, points))
        self._write_inventory(found, known, uploaded, by_job)
        return report

    def _counted(self, what: str, results: Iterable[Outcome], count: int) -> Iterator[Outcome]:
        for number, result in enumerate(results, 1):
            self._on_message(f"{what}: {number} of {count}")
            yield result

    def _checkpoints(self, job: FineTuningJob) -> list[JsonColumn]:
        if job.status != "succeeded":
            return []
        try:
            checkpoints = self._client.fine_tuning.jobs.checkpoints
            found = _whole_list(self._url, f"checkpoints of {job.id}", lambda: checkpoints.list(job.id, limit=100))
        except (NotFoundError, ProviderError) as error:
            self._report.missing.append(f"checkpoints of {job.id}: {error}")
            return []
        return [point.model_dump(mode="json") for point in found]

    def _fetch(self, file_id: str, listed: FileObject | None) -> tuple[str, FetchedFile | None]:
        """The id of a file and its record, with its bytes on this disk; None where it is unavailable."""
        with self._database.read() as tx:
            row = files.get(tx, file_id)
        if row is not None and Path(row["path"]).is_file() and sha256_file(Path(row["path"])) == row["sha256"]:
            return file_id, record(FetchedFile, row)
        path = make_folder(self._workspace.folder("files")) / f"{_safe(file_id)}.jsonl"
        try:
            listed = listed or self._file(file_id)
            size, digest = self._download(file_id, path, listed.bytes)
        except (NotFoundError, ProviderError) as error:
            self._report.missing.append(f"file {file_id}: {error}")
            return file_id, None
        self._report.bytes += size
        fetched: FetchedFile = {
            "id": file_id,
            "provider": self._url,
            "provider_file_id": file_id,
            "purpose": listed.purpose,
            "filename": Path(listed.filename).name or file_id,
            "path": str(path),
            "bytes": size,
            "sha256": digest,
        }
        with self._write() as tx:
            row = files.get(tx, file_id)
            if row is None:
                files.add(tx, record(NewFile, {**fetched, "dataset_id": self._freeze(tx, fetched)}))
                self._report.new_files += 1
            else:  # its bytes were lost here, or another export fetched it meanwhile
                files.replace_bytes(tx, row["id"], fetched)
        return file_id, fetched

    def _file(self, file_id: str) -> FileObject:
        with hosts.translated_errors(self._url, f"file {file_id}"):
            return self._client.files.retrieve(file_id)

    def _download(self, file_id: str, path: Path, expected: int | None) -> tuple[int, str]:
        """Download a file completely, with retries. Returns its size in bytes and its checksum."""
        for left in range(MAX_TRANSFERS - 1, -1, -1):
            try:
                return self._download_once(file_id, path, expected)
            except ProviderError:
                if not left:
                    raise
        raise AssertionError

    def _download_once(self, file_id: str, path: Path, expected: int | None) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        answer = self._client.files.with_streaming_response.content(file_id)
        with hosts.translated_errors(self._url, f"file {file_id}"), atomic_write(path, "wb") as out, answer as stream:
            for piece in stream.iter_bytes(1 << 16):
                digest.update(piece)
                size += len(piece)
                out.write(piece)
            if expected is not None and size != expected:
                raise ProviderError(f"received {size} of {expected} bytes; run the export again")
        return size, digest.hexdigest()

    def _freeze(self, tx: Transaction, file: FetchedFile) -> int | None:
        """The id of the dataset with the content of a training file; None for other files."""
        if file["purpose"] != "fine-tune":
            return None
        try:
            rows = [row for _, row in read_rows(file["path"])]
        except DataError:
            return None
        digest = content_hash(rows)
        if (known := datasets.find_by_hash(tx, digest)) is not None:
            return int(known["id"])
        found = {
            "name": Path(file["filename"]).stem[:200] or file["id"], "content_hash": digest, "format": "openai",
            "path": file["path"], "rows": len(rows), "recipe": {"exported_from": self._url, "file": file["id"]},
        }  # fmt: skip
        return datasets.freeze(tx, record(NewDataset, found), ())

    def _keep(
        self,
        found: Sequence[FineTuningJob],
        points: Mapping[str, list[JsonColumn]],
        fetched: Mapping[str, FetchedFile | None],
        alive: Collection[str],
    ) -> None:
        """Record the current state of jobs, oldest first, and register their models."""
        for job in found:
            with self._write() as tx:
                current, known = self._job(tx, job, points.get(job.id, [])), jobs.get(tx, job.id)
                if known is None:
                    jobs.add(tx, record(NewJob, current))
                    self._report.new_jobs += 1
                elif known["idempotency_key"] == current["idempotency_key"]:  # others belong to their trainer
                    self._report.changed_jobs += _renew(tx, known, current)
                ids = {job.id, job.id if known is None else known["id"]}  # a job started here has an id of ours, too
                if job.fine_tuned_model and not any(models.of_job(tx, each) for each in ids):
                    self._register(tx, job, fetched.get(job.training_file), is_alive=job.fine_tuned_model in alive)

    def _keep_orphans(self, orphans: Sequence[Model]) -> None:
        """Register fine-tuned models whose jobs the account does not list."""
        with self._write() as tx:
            known = {(each["provider"], each["provider_model"]) for each in models.versions(tx)}
            for model in orphans:
                if (self._url, model.id) in known:
                    continue
                base = base_model_of(model.id) or "unknown"
                version: NewModelVersion = {
                    "model_name": suffix_of(model.id) or _name_of_base(base),
                    "base_model": base,
                    "job_id": f"unknown, of {model.id}",
                    "artifact_id": None,
                    "dataset_size": 0,
                    "accuracy": None,
                    "cost": None,
                    "status": "READY",
                    "provider": self._url,
                    "provider_model": model.id,
                    "metadata": {"exported": True, "in_account": True},
                }
                models.register(tx, version, actor=acting_user())
                self._report.new_models += 1
                self._report.missing.append(f"job of {model.id}: the account does not list it; the model is registered")

    def _archive_deleted(self, job_ids: Collection[str], alive: Collection[str]) -> None:
        """Report the models that the account no longer has, and archive those that are not deployed."""
        with self._write() as tx:
            for each in models.versions(tx):
                ours = each["metadata"].get("exported") or each["job_id"] in job_ids
                if each["provider"] == self._url and ours and each["provider_model"] not in alive:
                    outcome = self._archive(tx, each)
                    missing = f"model {each['provider_model']}: the account no longer has it; {outcome}"
                    self._report.missing.append(missing)

    def _archive(self, tx: Transaction, version: ModelVersion) -> str:
        """Archive a version unless it is deployed. Returns its state in words."""
        name, number, status = version["model_name"], version["version"], version["status"]
        if status == "DEPLOYED":
            return f"{version_name(name, number)} is still deployed: deploy another (ft-cli relocate {name} trains one)"
        if status == "READY" and (row := models.locked(tx, name, number)) is not None:
            models.move(tx, row, "ARCHIVED", actor=acting_user(), reason="the account no longer has it")
            self._report.archived_models += 1
            status = "ARCHIVED"
        return f"{version_name(name, number)} is kept as {status}"

    def _job(self, tx: Transaction, job: FineTuningJob, points: list[JsonColumn]) -> ExportedJob:
        file = files.get(tx, job.training_file)
        method = job.method.model_dump(mode="json", exclude_none=True) if job.method else None
        settings = job.hyperparameters.model_dump(mode="json", exclude_none=True) if job.hyperparameters else {}
        return {
            "id": job.id,
            "provider": self._url,
            "provider_job_id": job.id,
            "idempotency_key": f"export {self._url} {job.id}"[:200],
            "model": job.model,
            "training_file_id": job.training_file,
            "validation_file_id": job.validation_file,
            "dataset_id": None if file is None else file["dataset_id"],
            "suffix": suffix_of(job.fine_tuned_model),
            "hyperparameters": settings,
            "status": job.status,
            "fine_tuned_model": job.fine_tuned_model,
            "trained_tokens": job.trained_tokens,
            "method": method,
            "seed": job.seed,
            "metadata": job.metadata,
            "started_at": _moment(job.created_at),
            "finished_at": _moment(job.finished_at),
            "error": job.error.model_dump() if job.error and job.error.message else None,
            "result": {"checkpoints": points},
        }

    def _register(self, tx: Transaction, job: FineTuningJob, file: FetchedFile | None, *, is_alive: bool) -> None:
        price = PriceList(self._workspace.settings.prices).training_price(
            job.model, at_openai=self._url == hosts.OPENAI_URL
        )
        cost = None if isnan(price) or job.trained_tokens is None else price * job.trained_tokens / 1e6
        stored = files.get(tx, job.training_file) if file else None
        dataset = datasets.get(tx, stored["dataset_id"]) if stored is not None else None
        version: NewModelVersion = {
            "model_name": suffix_of(job.fine_tuned_model) or _name_of_base(job.model),
            "base_model": job.model,
            "job_id": job.id,
            "artifact_id": None,
            "dataset_size": 0 if dataset is None else dataset["rows"],
            "accuracy": None,
            "cost": cost,
            "status": "READY" if is_alive else "ARCHIVED",
            "provider": self._url,
            "provider_model": job.fine_tuned_model,
            "metadata": {"exported": True, "in_account": is_alive},
        }
        models.register(tx, version, actor=acting_user())
        self._report.new_models += 1

    def _write_inventory(
        self,
        found: Sequence[FineTuningJob],
        known: Sequence[Model],
        uploaded: Sequence[FileObject],
        points: Mapping[str, list[JsonColumn]],
    ) -> None:
        name = "".join(letter if letter.isalnum() else "-" for letter in self._url.split("://")[1])
        path = self._workspace.folder("exports") / f"{name}.json"
        content = {
            "host": self._url,
            "exported_at": datetime.now(UTC).isoformat(),
            "jobs": [each.model_dump(mode="json") for each in found],
            "models": [each.model_dump(mode="json") for each in known],
            "files": [each.model_dump(mode="json") for each in uploaded],
            "checkpoints": dict(points),
            "missing": self._report.missing,
        }
        write_json(path, content)
        self._report.inventory = str(path)


def _whole_list(url: str, what: str, read: Callable[[], Iterable[Item]]) -> list[Item]:
    """All pages, each item once; a list that changes while it is read (an item is deleted) is read again."""
    for left in range(MAX_LISTINGS - 1, -1, -1):
        found: dict[str, Item] = {}
        try:
            with hosts.translated_errors(url, what):
                for item in read():  # further pages are fetched as needed
                    found[item.id] = item
        except (NotFoundError, ProviderError):
            if not left or not found:  # an error at the first page is no change of the list
                raise
            continue
        return list(found.values())
    raise AssertionError


def _renew(tx: Transaction, known: Mapping[str, object], current: ExportedJob) -> bool:
    """Update a job to its state at the host, except for values that are no longer given. Returns whether it changed."""
    new = {name: value for name, value in current.items() if value is not None and value != known[name]}
    if not current["result"]["checkpoints"]:  # none, or unavailable
        new.pop("result", None)
    if new:
        jobs.change(tx, str(known["id"]), **new)
    return bool(new)


def _orphans(known: Sequence[Model], made: Collection[str]) -> list[Model]:
    """The fine-tuned models that no listed job made, without the checkpoints of known models."""
    models_known = {model.id for model in known} | set(made)
    found = []
    for model in known:
        if is_fine_tuned(model.id) and model.id not in made:
            checkpoint = parse_checkpoint_name(model.id)
            if checkpoint is None or checkpoint[0] not in models_known:
                found.append(model)
    return found


def _files_of(found: Sequence[FineTuningJob]) -> list[str]:
    """The files that jobs were given or made."""
    named = [each for job in found for each in (job.training_file, job.validation_file, *(job.result_files or []))]
    return list(dict.fromkeys(each for each in named if each))


def _by_job(found: Sequence[FineTuningJob], points: Sequence[list[JsonColumn]]) -> dict[str, list[JsonColumn]]:
    """Checkpoints by job."""
    return {job.id: each for job, each in zip(found, points, strict=True) if each}


def _name_of_base(model: str) -> str:
    """A name for models without a suffix."""
    return f"{model}-fine-tuned"


def _safe(file_id: str) -> str:
    """A host's id as a file name; one that is not a plain word is hashed."""
    plain = file_id.replace("-", "").replace("_", "")
    if plain.isascii() and plain.isalnum() and len(file_id) < 100:
        return file_id
    return hashlib.sha256(file_id.encode()).hexdigest()[:32]


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
