"""The operations that `scripts/random_kills.py` kills, and what has to hold afterwards.

Each acknowledges a line once its caller was told that something is done: what is acknowledged must be there, whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
import uvicorn
from scripts.killed_databases import EMPTY, HOME, KEPT, RESTORED, Databases

from fine_tuning import DatasetBuilder, LocalFineTuner, ModelRegistry
from fine_tuning.data_io.content_hash import content_hash
from fine_tuning.datasets import daft_engine, manifest  # noqa: F401 - loads what a build needs
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import FineTuningError
from fine_tuning.server.app import make_app
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store import datasets, dump, integrity, jobs, tables, uploads
from fine_tuning.store.database import open_database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.maintenance import backup, backup_archive, doctor, leftovers

Acknowledge = Callable[[str], None]
Work = Callable[[Acknowledge], None]
DOCTORS_FOLDERS = ("datasets", "files", "artifacts")  # those of evaluations are kept answers, which no row names


@dataclass(frozen=True)
class Places:
    """The folders of a run; `home` is a workspace with a trained model that `reset` makes as it was.

    `databases` take the place of the workspaces' own.
    """

    root: Path
    databases: Databases | None = None

    @property
    def home(self) -> Path:
        """The workspace."""
        return self.root / "home"

    @property
    def outside(self) -> Path:
        """What is written outside of the workspace."""
        return self.root / "outside"

    def base(self, seed: int) -> Path:
        """A base model."""
        return self.root / f"base{seed}"

    def keep(self) -> None:
        """Remember the workspace as it is now."""
        shutil.copytree(self.home, self.root / "kept")
        if self.databases is not None:
            self.databases.copy(KEPT, HOME)

    def reset(self) -> None:
        """Make the workspace as it was, and the folder outside empty but for a backup."""
        for folder in (self.home, self.outside):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.root / "kept", self.home)
        self.outside.mkdir()
        shutil.copyfile(self.root / "backup.zip", self.outside / "backup.zip")
        if self.databases is not None:
            self.databases.copy(HOME, KEPT)
            self.databases.copy(RESTORED, EMPTY)

    def enter(self, home: Path) -> None:
        """Make it the workspace of this process: `home`, or another one with the other database."""
        os.environ["FINE_TUNING_HOME"] = str(home)
        if self.databases is not None:
            self.databases.enter(HOME if home == self.home else RESTORED)


class Operation(Protocol):
    """Something that writes."""

    name: str

    def run(self, places: Places) -> Work:
        """Do it, whatever is there of an earlier try."""

    def check(self, places: Places, acknowledged: list[str], *, is_over: bool) -> Iterator[str]:
        """What is wrong: acknowledged and not there, or half-made and visible."""

    def expected(self, places: Places) -> set[str]:
        """Files that are no leftovers although no row refers to them."""


def make_workspace(places: Places) -> Work:
    """A workspace with captured calls, a dataset, files and a version, and its backup."""

    def work(_: Acknowledge) -> None:
        fill(places)
        backup.write(open_workspace(), places.root / "backup.zip")
        open_database().close()

    return work


def fill(places: Places) -> str:
    """Capture calls, save a dataset, upload it and register a version. Returns the id of the file."""
    collector, builder = DistillationDataCollector(), DatasetBuilder()
    for number in range(12):
        collector.capture_success(f"Where is order {number}, please?", f"Order {number} left.", "support", "t")
    path = builder.save_dataset(builder.build_from_distillation(), "orders")
    ModelRegistry().register_model("given", str(places.base(0)), "ftjob-given", 12)
    return LocalFineTuner().upload_training_file(path)


def left_over(places: Places) -> set[str]:
    """Files that neither a row nor `ft-cli doctor` names; doctor's other findings.

    All are made old, so that none counts as being written.
    """
    for path in places.home.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    findings = doctor.check_workspace(open_workspace())
    known = [each.what for name in ("left-over files", "jobs") for each in findings[name]]
    found = {f"{each.check}: {each.what}" for name in findings for each in findings[name] if name not in KNOWN_CHECKS}
    with open_database().read() as tx:
        owned = [path for _, path in integrity.stored_paths(tx)] + [*uploads.part_paths(tx)]
        owners = {job["id"] for job in jobs.newest(tx, 1000)}
    for folder in DOCTORS_FOLDERS:
        for path, _ in leftovers.walk(places.home / folder):
            is_owned = any(path.is_relative_to(each) for each in owned) or owners & {*path.parts}
            if not is_owned and not any(str(each) in line for line in known for each in (path, path.parent)):
                found.add(f"doctor does not know {path}")
    open_database().close()
    return found


KNOWN_CHECKS = {"left-over files", "jobs"}


class Plain:
    """Leaves nothing that no row refers to."""

    def expected(self, places: Places) -> set[str]:
        return set()


class Registry(Plain):
    """Versions are registered, deployed, named and rated."""

    name = "registry change"

    def run(self, places: Places) -> Work:
        def work(acknowledge: Acknowledge) -> None:
            registry = ModelRegistry()
            for _ in range(4):
                version = registry.register_model("shop", str(places.base(0)), "ftjob-shop", 10)["version"]
                acknowledge(f"registered {version}")
                registry.set_accuracy("shop", version, 0.5)
                registry.deploy_model("shop", version)
                acknowledge(f"deployed {version}")
                registry.set_alias("shop", "best", version)
                acknowledge(f"named {version}")

        return work

    def check(self, places: Places, acknowledged: list[str], *, is_over: bool) -> Iterator[str]:
        registry = ModelRegistry()
        known = {each["version"] for each in registry.list_model_versions("shop")}
        deployed = (registry.get_deployed_version("shop") or {}).get("version", 0)
        named = registry.get_aliases("shop").get("best", 0)
        for line in acknowledged:
            what, number = line.split()
            if int(number) > {"registered": max(known, default=0), "deployed": deployed, "named": named}[what]:
                yield f"{line} was acknowledged; known {known}, deployed {deployed}, named {named}"


class Build:
    """Datasets are built and saved over those of the same name."""

    name = "dataset build"

    def run(self, places: Places) -> Work:
        def work(acknowledge: Acknowledge) -> None:
            builder = DatasetBuilder()
            for number in (0, 1, 1):
                rows = [chat(f"{number} {each}") for each in range(30)]
                file = places.outside / f"rows{number}.jsonl"
                file.write_text("".join(json.dumps(row) + "\n" for row in rows))
                made = builder.build("built", [file], validation=0.2, test=0.2)
                acknowledge(f"{made['hash']} built")
                examples = [{"prompt": f"{number} {each}", "response": "yes"} for each in range(3)]
                path = builder.save_dataset(examples, "saved")
                acknowledge(f"{_hash_of(Path(path))} saved")

        return work

    def check(self, places: Places, acknowledged: list[str], *, is_over: bool) -> Iterator[str]:
        with open_database().read() as tx:
            found = [datasets.find(tx, line.split()[0]) for line in acknowledged]
            rows = tx.execute(tables.datasets.select()).mappings().all()
        yield from (f"{line} is gone" for line, row in zip(acknowledged, found, strict=True) if row is None)
        for row in rows:
            path = Path(row["path"])
            try:
                is_same = _hash_of(path) == row["content_hash"]
            except (FineTuningError, OSError) as error:
                yield f"the dataset of {path} cannot be read: {error}"
                continue
            if not is_same:
                yield f"{path} is not what its row says"

    def expected(self, places: Places) -> set[str]:
        """A saved file that is whole before its row is written; the next one replaces it."""
        path = places.home / "datasets" / "saved.jsonl"
        return {f"doctor does not know {path}"} if path.is_file() and _hash_of(path) else set()


def _hash_of(path: Path) -> str:
    if path.is_dir():
        return manifest.read(path).hash
    return content_hash(map(json.loads, path.read_text().splitlines()))


class Backup(Plain):
    """A backup is written over an earlier one."""

    name = "backup"

    def run(self, places: Places) -> Work:
        def work(acknowledge: Acknowledge) -> None:
            backup.write(open_workspace(), places.outside / "backup.zip")
            acknowledge("written")

        return work

    def check(self, places: Places, acknowledged: list[str], *, is_over: bool) -> Iterator[str]:
        path = places.outside / "backup.zip"
        try:
            with ExitStack() as stack:
                archive = backup_archive.opened(stack, path)
                backup_archive.check(archive, backup_archive.manifest(archive, path), path)
        except FineTuningError as error:
            yield str(error)
        if is_over and (more := {each.name for each in places.outside.iterdir()} - {"backup.zip"}):
            yield f"left beside the backup: {more}"


class Restore(Plain):
    """A backup is restored into an empty workspace."""

    name = "restore"

    def run(self, places: Places) -> Work:
        def work(acknowledge: Acknowledge) -> None:
            places.enter(places.outside / "restored")
            with open_database().read() as tx:
                is_restored = tx.scalar(tables.examples.select().limit(1)) is not None
            if not is_restored:
                backup.restore(open_workspace(), places.outside / "backup.zip")
            acknowledge("restored")

        return work

    def check(self, places: Places, acknowledged: list[str], *, is_over: bool) -> Iterator[str]:
        home = places.outside / "restored"
        places.enter(home)
        with open_database().read() as tx:
            counts = {table.name: len([*dump.rows(tx, table)]) for table in dump.tables_of(tx)}
        if not counts["examples"]:
            yield from ["no row is restored"] * bool(acknowledged)
            return
        with zipfile.ZipFile(places.outside / "backup.zip") as archive:
            for name, count in counts.items():
                if count != archive.read(f"tables/{name}.jsonl").count(b"\n"):
                    yield f"{name} has {count} rows"
            for name, member in json.loads(archive.read("manifest.json"))["members"].items():
                path = home / name.removeprefix("workspace/")
                if name.startswith("workspace/") and (
                    not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != member["sha256"]
                ):
                    yield f"{name} is not whole"
        yield from (f"restored, then doctor says {each}" for each in sorted(left_over(Places(places.outside / "none"))))
        yield from (f"left: {each}" for each in home.rglob("*.partial"))


class Upload(Plain):
    """Files arrive, whole and in parts."""

    name = "upload"
    _size = 300_000

    def run(self, places: Places) -> Work:
        def work(acknowledge: Acknowledge) -> None:
            with served({}) as client:
                for number in range(4):
                    content = bytes([65 + number]) * self._size
                    sent = client.post("/files", files={"file": ("whole", content)}, data={"purpose": "batch"})
                    acknowledge(f"{told(sent)['id']} {hashlib.sha256(content).hexdigest()}")
                    begun = {"filename": "parts", "purpose": "batch", "bytes": len(content), "mime_type": "text/plain"}
                    at = f"/uploads/{told(client.post('/uploads', json=begun))['id']}"
                    halves = content[: self._size // 2], content[self._size // 2 :]
                    parts = [told(client.post(f"{at}/parts", files={"data": each}))["id"] for each in halves]
                    made = told(client.post(f"{at}/complete", json={"part_ids": parts}))["file"]["id"]
                    acknowledge(f"{made} {hashlib.sha256(content).hexdigest()}")

        return work

    def check(self, places: Places, acknowledged: list[str], *, is_over: bool) -> Iterator[str]:
        with open_database().read() as tx:
            kept = {row["id"]: row for row in tx.execute(tables.files.select()).mappings()}
            joined = {row["file_id"] for row in tx.execute(tables.uploads.select()).mappings()}
        for line in acknowledged:
            name, digest = line.split()
            if name not in kept or kept[name]["sha256"] != digest:
                yield f"{name} is gone"
        for name, row in kept.items():
            path = Path(row["path"])
            if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != row["sha256"]:
                yield f"{name} is half-made"
            if row["filename"] == "parts" and name not in joined:
                yield f"{name} is there, but its upload is not completed"


def chat(question: str) -> dict[str, Any]:
    """A training row."""
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": question.upper()}]}


def told(answer: httpx.Response) -> dict[str, Any]:
    """What a server answered to a request that it took."""
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


@contextmanager
def served(aliases: Mapping[str, str]) -> Iterator[httpx.Client]:
    """A server in this process, and its client."""
    app = make_app(ServerConfig(aliases=aliases))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/v1", timeout=60) as client:
        yield client
    server.should_exit = True
    thread.join()


OPERATIONS: tuple[Operation, ...] = (Registry(), Build(), Backup(), Restore(), Upload())
