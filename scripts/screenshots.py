"""Pictures of every page of the dashboard, light and dark, into docs/images: python scripts/screenshots.py

The workspace they show is made here: calls of a support inbox, a dataset, a trained model, a test that runs.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

PROJECT = Path(__file__).parent.parent
IMAGES = PROJECT / "docs" / "images"
TOPICS = ("a late parcel", "a double charge", "a broken screen", "a lost password", "an open invoice", "a wrong size")
FIRST_DAY = 30  # days ago that costs begin


def fill() -> dict[str, str]:
    """Make something to see on every page. Returns the pages with something of their own."""
    from tests.tiny_model import make_tiny_model

    from fine_tuning import ABTestFramework, CostTracker, DatasetBuilder, LocalFineTuner, ModelRegistry
    from fine_tuning.distillation import DistillationDataCollector
    from fine_tuning.distillation.review_inbox import ReviewInbox
    from fine_tuning.store.workspace import open_workspace

    chance = random.Random(5)
    collector = DistillationDataCollector()
    for number in range(160):
        topic = TOPICS[number % len(TOPICS)]
        question = f"Customer {number} writes about {topic}. Which queue does it belong to, and how urgent is it?"
        answer = f"Queue: {topic.split()[-1]}. Urgency: {('low', 'normal', 'high')[number % 3]}. It is about {topic}."
        collector.capture_success(question, answer, "support", "triage", rating=chance.choice((3, 4, 4, 5, 5)))
    for reviewer, second in (("ann", False), ("bob", True)):
        inbox = ReviewInbox(reviewer, second_opinions=second, database=open_workspace().database)
        for row in inbox.take(limit=20 - 5 * second):
            inbox.rate(row["id"], chance.choice((4, 5, 5)) if reviewer == "ann" else 5)
        inbox.leave()
    built = DatasetBuilder().build("support-triage", tokens_of="gpt-4o-mini")
    model = make_tiny_model(Path("base-model"))
    tuner = LocalFineTuner()
    folder = Path(os.environ["FINE_TUNING_HOME"]) / "datasets" / "support-triage"
    file = folder / built["parts"]["train"]["file"]
    registry = ModelRegistry()
    for epochs in (6, 30):
        uploaded = tuner.upload_training_file(file)
        job = tuner.create_fine_tuning_job(str(model), uploaded, suffix="triage", n_epochs=epochs)
        job = tuner.wait_for_job(job["job_id"], progress_bar=False)
        registry.register_job("triage", job["job_id"])
    registry.deploy_model("triage", 1, reason="first that was good enough")
    host, base = "https://api.openai.com/v1", "gpt-4o-mini-2024-07-18"
    registry.register_model("tagger", base, "ftjob-9x", 812, 0.91, 4.3, provider=host, provider_model=f"ft:{base}:t:9x")
    registry.deploy_model("tagger", reason="won its test", force=True)
    framework = ABTestFramework()
    framework.create_test("triage-2", "triage-v1", "triage-v2", split=0.5,
                          guardrails=[{"measure": "latency", "margin": 0.2}])  # fmt: skip
    for start in range(0, 1200, 20):
        framework.record_samples("triage-2", [
            {"model": arm, "prediction": "x", "reference": "x" if chance.random() < rate else "y",
             "latency_ms": chance.gauss(mean, 30), "cost": price}
            for _ in range(start, start + 20)
            for arm, rate, mean, price in (("model_a", 0.78, 410, 0.0021), ("model_b", 0.83, 380, 0.0007))
        ])  # fmt: skip
    tracker = CostTracker()
    for _ in range(400):
        tracker.record_inference("triage", 300, chance.uniform(0.0005, 0.0009), True)
        tracker.record_inference(str(model), 300, chance.uniform(0.0018, 0.0026), False)
    tracker.set_budget("*", 50.0)
    return {"job": f"/jobs/{job['job_id']}", "model": "/models/triage", "experiment": "/experiments/triage-2",
            "dataset": f"/datasets/{built['hash']}"}  # fmt: skip


def shoot(page: Page, address: str, path: str, name: str) -> None:
    """One picture, once what the page draws is drawn."""
    page.goto(address + path)
    page.get_by_role("heading", level=1).wait_for()
    page.wait_for_timeout(1500)
    page.screenshot(path=IMAGES / f"{name}.png")


def main() -> None:
    """Fill a workspace, look at it, throw it away."""
    sys.path.insert(0, str(PROJECT))
    from tests.dashboard.conftest import serving

    with tempfile.TemporaryDirectory() as home:
        os.environ.update(FINE_TUNING_HOME=home, FINE_TUNING_ACTOR="ann")
        os.chdir(home)  # the screenshots must not show folders of this machine
        pages = {"overview": "/", "review": "/review", "datasets": "/datasets", "jobs": "/jobs", "models": "/models",
                 "experiments": "/experiments", "costs": "/costs", "playground": "/playground", **fill()}  # fmt: skip
        with serving("ui") as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for scheme in ("light", "dark"):
                context = browser.new_context(color_scheme=scheme, viewport={"width": 1200, "height": 900})
                page = context.new_page()
                for name, path in pages.items():
                    shoot(page, address, path, f"dashboard-{name}-{scheme}")
            browser.close()


if __name__ == "__main__":
    main()
