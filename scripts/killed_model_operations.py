"""Those of the operations that `scripts/random_kills.py` kills that need a trained model and the libraries for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import peft  # noqa: F401 - loads what an export needs, as do the next
import xllamacpp  # noqa: F401
from scripts.killed_operations import Acknowledge, Operation, Places, Plain, Work, chat, fill, served, told
from tests.tiny_model import make_tiny_model
from transformers import LlamaForCausalLM  # noqa: F401

from fine_tuning import LocalFineTuner, ModelRegistry
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.store import exports, tables
from fine_tuning.store.database import open_database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.training.loop import training_prompts  # noqa: F401
from fine_tuning.workflows.maintenance import backup
from fine_tuning.workflows.model_export import ExportPlan, export_model
from fine_tuning.workflows.relocation import Plan, relocate

MODEL = "tiny"


def make_trained_workspace(places: Places) -> Work:
    """Two base models, a workspace with a trained version, and its backup."""

    def work(_: Acknowledge) -> None:
        for seed in (0, 1):
            make_tiny_model(places.base(seed), seed)
        tuner = LocalFineTuner()
        job = tuner.create_fine_tuning_job(str(places.base(0)), fill(places), n_epochs=1, max_steps=1)
        ended = tuner.wait_for_job(job["job_id"], progress_bar=False)
        assert ended["status"] == "succeeded", ended
        ModelRegistry().register_model("orders", str(places.base(0)), job["job_id"], 12)
        backup.write(open_workspace(), places.root / "backup.zip")
        open_database().close()

    return work


class Capture(Plain):
    """Calls are captured, and answers stored by a server."""

    name = "capture"

    def run(self, places: Places) -> Work:
        def work(acknowledge: Acknowledge) -> None:
            collector = DistillationDataCollector()
            with served({MODEL: str(places.base(0))}) as client:
                for number in range(5):
                    acknowledge(f"example {collector.capture_success(f'What is {number}?', 'A number.', 'shop', 't')}")
                    asked = {"model": MODEL, "messages": [{"role": "user", "content": f"Hello {number}"}]}
                    given = client.post("/chat/completions", json=asked | {"max_tokens": 4, "store": True})
                    acknowledge(f"completion {told(given)['id']}")
                    at = "/responses"
                    given = client.post(at, json={"model": MODEL, "input": f"Hi {number}", "max_output_tokens": 16})
                    acknowledge(f"response {told(given)['id']}")

        return work

    def check(self, places: Places, acknowledged: list[str], *, is_over: bool) -> Iterator[str]:
        waiting = {each.stem.partition("-")[2] for each in (places.home / "waiting_answers").glob("*.json")}
        with open_database().read() as tx:
            known = {
                kind: set(tx.scalars(table.select().with_only_columns(table.c.id)))
                for kind, table in (
                    ("example", tables.examples),
                    ("completion", tables.completions),
                    ("response", tables.responses),
                )
            }
        for line in acknowledged:
            kind, name = line.split()
            if name not in known[kind] and (is_over or name not in waiting):
                yield f"{line} is gone"


class Export(Plain):
    """A model is written for other programs."""

    name = "export"

    def run(self, places: Places) -> Work:
        def work(acknowledge: Acknowledge) -> None:
            for target in ("peft", "gguf"):
                if not (folder := places.outside / target).exists():
                    plan = ExportPlan("orders-v1", target, output=folder, prompts=1, force=True)
                    export_model(plan, workspace=open_workspace())
                acknowledge(target)

        return work

    def check(self, places: Places, acknowledged: list[str], *, is_over: bool) -> Iterator[str]:
        with open_database().read() as tx:
            recorded = {Path(each["path"]).name for each in exports.of_model(tx, "orders")}
        found = {each.name for each in places.outside.iterdir()}
        for target in acknowledged:
            if target not in found:
                yield f"{target} is gone"
        for target in found & {"peft", "gguf"}:
            if target not in recorded:
                yield f"{target} is not recorded"
            if not (places.outside / target / "README.md").is_file():
                yield f"{target} is half-written"
        if is_over and (more := found - {"peft", "gguf", "backup.zip"}):
            yield f"left beside the exports: {more}"


class Relocation(Plain):
    """A model is trained again on another base."""

    name = "relocation"

    def run(self, places: Places) -> Work:
        def work(acknowledge: Acknowledge) -> None:
            test = places.outside / "test.jsonl"
            test.write_text("".join(json.dumps(chat(f"test {number}")) + "\n" for number in range(3)))
            plan = Plan(
                *("orders", str(places.base(1))),
                test_file=test,
                n_epochs=1,
                hyperparameters={"max_steps": 1},
                max_answer_tokens=4,
            )
            outcome = relocate(plan, workspace=open_workspace())
            acknowledge(f"{outcome.new} {outcome.job_id}")

        return work

    def check(self, places: Places, acknowledged: list[str], *, is_over: bool) -> Iterator[str]:
        versions = ModelRegistry().list_model_versions("orders")
        trained = LocalFineTuner().list_jobs()
        if len(versions) > 2 or len(trained) > 2 or (is_over and (len(versions), len(trained)) != (2, 2)):
            yield f"{len(versions)} versions and {len(trained)} jobs: {[each['status'] for each in trained]}"
        for line in acknowledged:
            if line.split()[0] not in {f"orders-v{each['version']}" for each in versions}:
                yield f"{line} is gone"


OPERATIONS: tuple[Operation, ...] = (Capture(), Export(), Relocation())
