"""Everything of an OpenAI account (or of a host that speaks its API) that fine-tuning left there, brought home.

Only reads. What was fetched before is not fetched again, so that an interrupted export is simply begun anew; what has
changed there since is changed here. Several at once do no harm: each looks for what another has stored meanwhile.
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
from typing import TYPE_CHECKING, Any, cast

from fine_tuning._util import hosts
from fine_tuning._util.files import atomic_write, make_folder, sha256_file, write_json
from fine_tuning.costs.prices import PriceList
from fine_tuning.data_io.rows import content_hash, read_rows
from fine_tuning.errors import DataError, NotFoundError, ProviderError
from fine_tuning.settings import acting_user, get_settings
from fine_tuning.store import datasets, files, jobs, relocations, shutdown_dates
from fine_tuning.store import model_versions as models
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.records import NewFile, NewJob

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types import FileObject, Model
    from openai.types.fine_tuning import FineTuningJob

AT_ONCE = 4  # requests
RETRIES = 8  # of each request, by the SDK: it waits longer each time, as the host asks
LISTINGS = 5  # times that a list is begun anew when it changes while it is read
TRANSFERS = 5  # of one file, until it comes whole
ENDED_WELL = "succeeded"
Told = Callable[[str], None]


@dataclass
class Report:
    """What an export brought home.

    Attributes:
        jobs, models, checkpoints, files: how many there are; new_jobs, new_models, new_files: of them new here.
        changed_jobs: that were known here and have gone on since.
        archived_models: that were known here and are in the account no more.
        bytes: of the files that were fetched now.
        missing: what could not be had, and why, a line each.
        inventory: the file with all that the host said.
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


def export(
    database: Database, api_key: str | None = None, base_url: str | None = None, told: Told = lambda _: None
) -> Report:
    """Inventory an account, fetch its files, and register its models with lineage and dates of shutdown.

    Raises:
        ConfigurationError: there is no key, or the host refuses it.
        ProviderError: a list cannot be had, also after trying again.
    """
    return _Export(database, hosts.make_client(api_key, base_url, max_retries=RETRIES), told).run()


class _Export:
    def __init__(self, database: Database, client: OpenAI, told: Told) -> None:
        self._database, self._client, self._told = database, client, told
        self._url = str(client.base_url).rstrip("/")
        self._report = Report(self._url)

    @contextmanager
    def _write(self) -> Iterator[Transaction]:
        """A transaction to look in and to write by what was found: what other exports have stored is seen."""
        with self._database.write() as tx:
            relocations.take_turns(tx, self._url)
            yield tx

    def run(self) -> Report:
        """See `export`."""
        self._told("jobs")
        found = _whole_list(self._url, "the list of jobs", lambda: self._client.fine_tuning.jobs.list(limit=100))
        self._told("models")
        known = _whole_list(self._url, "the list of models", self._client.models.list)
        self._told("files")
        uploaded = _whole_list(self._url, "the list of files", lambda: self._client.files.list(limit=1000))
        with self._database.write() as tx:
            shutdown_dates.note(tx, self._url, {model.id: model.shutdown_date for model in known})
        wanted = _files_of(found)
        listed = {file.id: file for file in uploaded}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            points = list(self._counted("checkpoints", pool.map(self._checkpoints, found), len(found)))
            by_job = _by_job(found, points)
            fetched = dict(self._counted("files", pool.map(lambda each: self._fetch(each, listed.get(each)), wanted),
                                         len(wanted)))  # fmt: skip
        alive = {model.id for model in known}
        self._keep(sorted(found, key=lambda job: (job.created_at, job.id)), by_job, fetched, alive)
        made = {job.fine_tuned_model for job in found if job.fine_tuned_model}
        orphans = _orphans(known, made)
        self._keep_orphans(orphans)
        self._say_gone({job.id for job in found}, alive)
        report = self._report
        report.jobs, report.files = len(found), len(wanted)
        report.models = len(made) + len(orphans)
        report.checkpoints = sum(map(len, points))
        self._write_inventory(found, known, uploaded, by_job)
        return report

    def _counted(self, what: str, results: Iterable[Any], count: int) -> Iterator[Any]:
        for number, result in enumerate(results, 1):
            self._told(f"{what}: {number} of {count}")
            yield result

    def _checkpoints(self, job: FineTuningJob) -> list[dict[str, Any]]:
        if job.status != ENDED_WELL:
            return []
        try:
            found = _whole_list(self._url, f"checkpoints of {job.id}",
                                lambda: self._client.fine_tuning.jobs.checkpoints.list(job.id, limit=100))  # fmt: skip
        except (NotFoundError, ProviderError) as error:
            self._report.missing.append(f"checkpoints of {job.id}: {error}")
            return []
        return [point.model_dump(mode="json") for point in found]

    def _fetch(self, file_id: str, listed: FileObject | None) -> tuple[str, Mapping[str, Any] | None]:
        """A file's row, with its bytes on this disk; None where it could not be had."""
        with self._database.read() as tx:
            row = files.get(tx, file_id)
        if row is not None and Path(row["path"]).is_file() and sha256_file(Path(row["path"])) == row["sha256"]:
            return file_id, row
        path = make_folder(get_settings().folder("files")) / f"{_safe(file_id)}.jsonl"
        try:
            listed = listed or self._file(file_id)
            size, digest = self._download(file_id, path, listed.bytes)
        except (NotFoundError, ProviderError) as error:
            self._report.missing.append(f"file {file_id}: {error}")
            return file_id, None
        self._report.bytes += size
        record = {
            "id": file_id, "provider": self._url, "provider_file_id": file_id, "purpose": listed.purpose,
            "filename": Path(listed.filename).name or file_id, "path": str(path), "bytes": size,
            "sha256": digest,
        }  # fmt: skip
        with self._write() as tx:
            row = files.get(tx, file_id)
            if row is None:
                files.add(tx, cast("NewFile", {**record, "dataset_id": self._freeze(tx, record)}))
                self._report.new_files += 1
            else:  # its bytes were lost here, or another export fetched it meanwhile
                files.replace_bytes(tx, row["id"], record)
        return file_id, record

    def _file(self, file_id: str) -> FileObject:
        with hosts.translated_errors(self._url, f"file {file_id}"):
            return self._client.files.retrieve(file_id)

    def _download(self, file_id: str, path: Path, wanted: int | None) -> tuple[int, str]:
        """Bytes and checksum of a file that is whole; a transfer that breaks off is begun again."""
        for left in range(TRANSFERS - 1, -1, -1):
            try:
                return self._download_once(file_id, path, wanted)
            except ProviderError:
                if not left:
                    raise
        raise AssertionError

    def _download_once(self, file_id: str, path: Path, wanted: int | None) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        answer = self._client.files.with_streaming_response.content(file_id)
        with hosts.translated_errors(self._url, f"file {file_id}"), atomic_write(path, "wb") as out, answer as stream:
            for piece in stream.iter_bytes(1 << 16):
                digest.update(piece)
                size += len(piece)
                out.write(piece)
            if wanted is not None and size != wanted:
                raise ProviderError(f"{size} bytes came of {wanted}; run the export again")
        return size, digest.hexdigest()

    def _freeze(self, tx: Transaction, file: Mapping[str, Any]) -> int | None:
        """The data set whose content a training file is; None for files that are none."""
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
        return datasets.freeze(tx, found, ())

    def _keep(
        self,
        found: Sequence[FineTuningJob],
        points: Mapping[str, list[dict[str, Any]]],
        fetched: Mapping[str, dict[str, Any] | None],
        alive: Collection[str],
    ) -> None:
        """Record jobs as they are now, oldest first, and register the models they made."""
        for job in found:
            with self._write() as tx:
                told, record = self._job(tx, job, points.get(job.id, [])), jobs.get(tx, job.id)
                if record is None:
                    jobs.add(tx, cast("NewJob", told))
                    self._report.new_jobs += 1
                elif record["idempotency_key"] == told["idempotency_key"]:  # others are their trainer's to change
                    self._report.changed_jobs += _renew(tx, record, told)
                ids = {job.id, job.id if record is None else record["id"]}  # a job begun here has an id of ours, too
                if job.fine_tuned_model and not any(models.of_job(tx, each) for each in ids):
                    self._register(tx, job, fetched.get(job.training_file), is_alive=job.fine_tuned_model in alive)

    def _keep_orphans(self, orphans: Sequence[Model]) -> None:
        """Register fine-tuned models whose jobs the account does not list."""
        with self._write() as tx:
            known = {(each["provider"], each["provider_model"]) for each in models.versions(tx)}
            for model in orphans:
                if (self._url, model.id) in known:
                    continue
                base = model.id.split(":")[1] or "unknown"
                version = {
                    "model_name": suffix_of(model.id) or _name_of_base(base), "base_model": base,
                    "job_id": f"unknown, of {model.id}", "artifact_id": None, "dataset_size": 0, "accuracy": None,
                    "cost": None, "status": "READY", "provider": self._url, "provider_model": model.id,
                    "metadata": {"exported": True, "in_account": True},
                }  # fmt: skip
                models.register(tx, version, actor=acting_user())
                self._report.new_models += 1
                self._report.missing.append(f"job of {model.id}: the account does not list it; the model is registered")

    def _say_gone(self, job_ids: Collection[str], alive: Collection[str]) -> None:
        """Name the models of the account that it has no more, and archive those that are not in use."""
        with self._write() as tx:
            for each in models.versions(tx):
                ours = each["metadata"].get("exported") or each["job_id"] in job_ids
                if each["provider"] == self._url and ours and each["provider_model"] not in alive:
                    self._report.missing.append(f"model {each['provider_model']}: the account has it no more; "
                                                f"{self._archived(tx, each)}")  # fmt: skip

    def _archived(self, tx: Transaction, version: Mapping[str, Any]) -> str:
        """What becomes of a version whose model is gone."""
        name, number, status = version["model_name"], version["version"], version["status"]
        if status == "DEPLOYED":
            return f"{name}-v{number} is still deployed: deploy another (ft-cli relocate {name} makes one)"
        if status == "READY" and (row := models.locked(tx, name, number)) is not None:
            models.move(tx, row, "ARCHIVED", actor=acting_user(), reason="the account has it no more")
            self._report.archived_models += 1
            status = "ARCHIVED"
        return f"{name}-v{number} is kept as {status}"

    def _job(self, tx: Transaction, job: FineTuningJob, points: list[dict[str, Any]]) -> dict[str, Any]:
        file = files.get(tx, job.training_file)
        method = job.method.model_dump(mode="json", exclude_none=True) if job.method else None
        settings = job.hyperparameters.model_dump(mode="json", exclude_none=True) if job.hyperparameters else {}
        return {
            "id": job.id, "provider": self._url, "provider_job_id": job.id,
            "idempotency_key": f"export {self._url} {job.id}"[:200], "model": job.model,
            "training_file_id": job.training_file, "validation_file_id": job.validation_file,
            "dataset_id": None if file is None else file["dataset_id"], "suffix": suffix_of(job.fine_tuned_model),
            "hyperparameters": settings, "status": job.status, "fine_tuned_model": job.fine_tuned_model,
            "trained_tokens": job.trained_tokens, "method": method, "seed": job.seed, "metadata": job.metadata,
            "started_at": _moment(job.created_at), "finished_at": _moment(job.finished_at),
            "error": job.error.model_dump() if job.error and job.error.message else None,
            "result": {"checkpoints": points},
        }  # fmt: skip

    def _register(self, tx: Transaction, job: FineTuningJob, file: Mapping[str, Any] | None, *, is_alive: bool) -> None:
        price = PriceList(get_settings().prices).training_price(job.model, at_openai=self._url == hosts.OPENAI_URL)
        cost = None if isnan(price) or job.trained_tokens is None else price * job.trained_tokens / 1e6
        stored = files.get(tx, job.training_file) if file else None
        dataset = None if stored is None else datasets.get(tx, stored["dataset_id"])
        version = {
            "model_name": suffix_of(job.fine_tuned_model) or _name_of_base(job.model), "base_model": job.model,
            "job_id": job.id, "artifact_id": None, "dataset_size": 0 if dataset is None else dataset["rows"],
            "accuracy": None, "cost": cost, "status": "READY" if is_alive else "ARCHIVED", "provider": self._url,
            "provider_model": job.fine_tuned_model, "metadata": {"exported": True, "in_account": is_alive},
        }  # fmt: skip
        models.register(tx, version, actor=acting_user())
        self._report.new_models += 1

    def _write_inventory(
        self, found: Sequence[Any], known: Sequence[Any], uploaded: Sequence[Any], points: Mapping[str, Any]
    ) -> None:
        name = "".join(letter if letter.isalnum() else "-" for letter in self._url.split("://")[1])
        path = get_settings().folder("exports") / f"{name}.json"
        said = {"jobs": found, "models": known, "files": uploaded}
        content: dict[str, Any] = {key: [each.model_dump(mode="json") for each in value] for key, value in said.items()}
        write_json(path, {"host": self._url, "exported_at": datetime.now(UTC).isoformat(), **content,
                          "checkpoints": dict(points), "missing": self._report.missing})  # fmt: skip
        self._report.inventory = str(path)


def _whole_list(url: str, asked: str, begin: Callable[[], Iterable[Any]]) -> list[Any]:
    """All pages, each item once. A list that changes while it is read (the item that a page follows is deleted) is
    begun anew.
    """
    for left in range(LISTINGS - 1, -1, -1):
        found: dict[str, Any] = {}
        try:
            with hosts.translated_errors(url, asked):
                for item in begin():  # further pages are fetched as needed
                    found[item.id] = item
        except (NotFoundError, ProviderError):
            if not left or not found:  # what fails at its first page does not change, it fails
                raise
            continue
        return list(found.values())
    raise AssertionError


def _renew(tx: Transaction, record: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """Bring a job to what its host says now, less what it does not say any more. Returns whether it has changed."""
    new = {name: value for name, value in told.items() if value is not None and value != record[name]}
    if not told["result"]["checkpoints"]:  # none, or they could not be had
        new.pop("result", None)
    if new:
        jobs.change(tx, record["id"], **new)
    return bool(new)


def _orphans(known: Sequence[Model], made: Collection[str]) -> list[Model]:
    """The fine-tuned models that no listed job made, less the checkpoints of models that are known."""
    whole = {model.id for model in known} | set(made)
    return [
        model for model in known
        if model.id.startswith("ft:") and model.id not in made
        and (":ckpt-step-" not in model.id or model.id.partition(":ckpt-step-")[0] not in whole)
    ]  # fmt: skip


def _files_of(found: Sequence[FineTuningJob]) -> list[str]:
    """The files that jobs were given or made."""
    named = [each for job in found for each in (job.training_file, job.validation_file, *(job.result_files or []))]
    return list(dict.fromkeys(each for each in named if each))


def _by_job(found: Sequence[FineTuningJob], points: Sequence[list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Checkpoints by job."""
    return {job.id: each for job, each in zip(found, points, strict=True) if each}


def suffix_of(fine_tuned_model: str | None) -> str | None:
    """The suffix in `ft:<base>:<organisation>:<suffix>:<id>`; None without one."""
    parts = (fine_tuned_model or "").split(":")
    return parts[3] if len(parts) > 4 and parts[3] else None


def _name_of_base(model: str) -> str:
    """A name for models without a suffix."""
    return f"{model}-fine-tuned"


def _safe(file_id: str) -> str:
    """A host's id as the name of a file of ours: an id that is no plain word is hashed."""
    plain = file_id.replace("-", "").replace("_", "")
    if plain.isascii() and plain.isalnum() and len(file_id) < 100:
        return file_id
    return hashlib.sha256(file_id.encode()).hexdigest()[:32]


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
