"""The bake-off that `scripts/random_kills.py` kills, and what has to hold afterwards."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

from scripts.killed_operations import Acknowledge, Places, Plain, Work

from fine_tuning import LLMService, ModelRegistry
from fine_tuning.errors import FineTuningError
from fine_tuning.serving.heads import head_engine  # noqa: F401 - loads what an answer needs
from fine_tuning.store import bakeoffs
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.bakeoff.bakeoff_page import write_page
from fine_tuning.workflows.bakeoff.bakeoff_plan import NO_EMBEDDING, BakeoffPlan
from fine_tuning.workflows.bakeoff.register_winner import register_winner
from fine_tuning.workflows.bakeoff.run_bakeoff import BakeoffRun

WORDS = ("refund", "delivery", "invoice")
NAME, PAGE = "baked", "page.html"


class Bakeoff(Plain):
    """A head is fitted, registered as a version, and reported."""

    name = "bake-off"

    def run(self, places: Places) -> Work:
        """See `Operation`."""

        def work(acknowledge: Acknowledge) -> None:
            chance, file = random.Random(1), places.outside / "calls.jsonl"
            words = [chance.choice(WORDS) for _ in range(300)]
            rows = [{"prompt": f"{each}, please: {n}", "response": each.upper()} for n, each in enumerate(words)]
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
            plan = BakeoffPlan(embeddings=(NO_EMBEDDING,))
            run = BakeoffRun(open_workspace(), plan, lambda _: None, lambda tuner, job: tuner.wait_for_job(job))
            outcome = run.run(str(file))
            acknowledge(f"{outcome.id} decided")
            outcome.winner = next(iter(outcome.fitted))  # the only candidate, which nothing is compared with
            version = register_winner(open_workspace(), outcome, NAME)
            acknowledge(f"{version['version']} registered")
            write_page(outcome, plan, places.outside / PAGE)
            acknowledge("0 reported")

        return work

    def check(self, places: Places, acknowledged: list[str], *, is_over: bool) -> Iterator[str]:
        """See `Operation`."""
        versions = {each["version"] for each in ModelRegistry().list_model_versions(NAME)}
        for line in acknowledged:
            number, what = line.split()
            with open_workspace().database.read() as tx:
                is_lost = what == "decided" and bakeoffs.get(tx, int(number)) is None
            if is_lost or (what == "registered" and int(number) not in versions):
                yield f"{line}, and is gone"
        page = places.outside / PAGE
        if page.exists() and not page.read_text().endswith("</html>\n"):
            yield "the report is half-written"
        if is_over and not page.exists():
            yield "there is no report"
        for number in versions:
            try:
                LLMService(model=f"{NAME}-v{number}").complete("refund, please")
            except FineTuningError as error:
                yield f"version {number} is visible, and does not answer: {error}"
