"""An application on a vendor's model is moved to its own, which answers when the vendor is gone: real weights."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from fine_tuning import ABTestFramework, FineTuningCLI
from fine_tuning.base_models.catalogue import DEFAULT_BASE_MODEL
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError
from fine_tuning.store import gateway_calls, routes
from fine_tuning.store.database import open_database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.training.jobs.fine_tuner import FineTuner
from fine_tuning.training.jobs.job_view import JobView
from fine_tuning.workflows.demo.application import Question
from fine_tuning.workflows.demo.recorded_questions import recorded_questions
from fine_tuning.workflows.demo.run_gateway_demo import GatewayDemo, GatewayPlan, why
from fine_tuning.workflows.demo.served_workspace import SERVE_EXTRA
from fine_tuning.workflows.pipeline import Pipeline, Plan
from tests.conftest import PROJECT
from tests.gateway.test_routes import BASE, save
from tests.waiting import wait_until

CAPTURED, SHADOWED = 600, 8
COMPLAINTS = (
    "I want my money back for order {}.",
    "Please refund order {}, it was cancelled.",
    "Where is parcel {}?",
    "Has order {} left the warehouse?",
    "Order {} came broken.",
    "The lid of order {} is cracked.",
)


def questions(count: int) -> list[Question]:
    rng, found = random.Random(3), dict[str, Question]()
    while len(found) < count:
        order = str(rng.randrange(100, 1000))
        text = rng.choice(COMPLAINTS).format(order)
        found[text] = Question("Which order?", text, order)
    return list(found.values())


def ended(tuner: FineTuner, job_id: str) -> JobView:
    return tuner.wait_for_job(job_id)


@pytest.mark.real_weights
def test_an_application_moves_from_a_vendor_to_its_own_model(
    workspace: Path, with_real_model: Callable[[Path], None], warm_trainer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_real_model(workspace)
    monkeypatch.setenv("FINE_TUNING_TRAINER_COMMAND", warm_trainer)
    asked = questions(800)
    training = {"max_steps": 8, "hyperparameters": {"batch_size": 4}}
    plan = Plan(DEFAULT_BASE_MODEL, "triage", train_ratio=0.99, max_tokens=4, **training)  # type: ignore[arg-type]
    said: list[str] = []
    route = GatewayPlan(captured=CAPTURED / len(asked), shadowed=SHADOWED, margin=0.4, ramp_samples=8)
    found = GatewayDemo(Pipeline(open_workspace(), plan, said.append, ended), route).run(asked)

    assert found.candidate == "local/triage-v1"
    assert (found.agreement["pairs"], found.agreement["not_compared"]) == (SHADOWED, 0)
    assert (found.last_change["action"], found.last_change["share"]) == ("advance", 1.0)
    assert "not worse by more than 0.4" in found.last_change["reason"]
    assert found.answer == asked[-1].expected  # though nobody had trained on it, and the vendor is gone
    assert said[-1] == "the vendor is switched off"
    with open_workspace().database.read() as tx:
        calls = gateway_calls.newest(tx, limit=2_000)
    roles = [call["role"] for call in calls]
    assert roles.count("shadow") == SHADOWED
    assert roles.count(None) == CAPTURED
    assert {call["status"] for call in calls if call["role"] == "incumbent"} == {200}
    rated = DistillationDataCollector().find_examples(min_rating=5)
    assert len(rated) == CAPTURED  # of the vendor's answers; those of the test have a score, and no rating


def test_test_without_a_verdict_says_how_far_it_is(workspace: Path) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "openai/gpt-4o", "local/triage-v1", margin=0.2)
    sample = {"score": 1.0, "prediction": None, "reference": None, "latency_ms": 1.0, "cost": None}
    arms = ("model_a", "model_b") * 10
    framework.record_samples("t", [{**sample, "model": arm, "sample_id": f"{n}"} for n, arm in enumerate(arms)])
    save(candidate=BASE)
    with open_database().read() as tx:
        (change,) = routes.history(tx, "default", "triage")
    said = why(open_workspace(), "t", change)
    assert re.fullmatch(r"no verdict: not worse by more than 0\.\d+ \(estimate \+0\), and the margin is 0\.2; .*", said)
    assert why(open_workspace(), "t", {**change, "changed_by": "guardrail", "reason": "too slow"}) == "too slow"


def test_server_of_a_killed_demo_ends(workspace: Path) -> None:
    code = (
        "import time; from fine_tuning.store.workspace import open_workspace; "
        "from fine_tuning.workflows.demo.served_workspace import served\n"
        "with served(open_workspace(), {}) as address: print(address, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert httpx2.get(f"{address}/healthz").status_code == 200
        process.kill()
    wait_until(lambda: not _answers(address))


def _answers(address: str) -> bool:
    try:
        return bool(httpx2.get(f"{address}/healthz"))
    except httpx2.TransportError:
        return False


def test_the_packaged_inbox_has_enough_questions() -> None:
    found = recorded_questions(None)
    assert len(found) == len({each.text for each in found}) == 660
    assert all(each.system and each.expected.startswith("{") for each in found)


def test_too_few_questions_are_said(tmp_path: Path, workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "few.jsonl"
    file.write_text('{"system_prompt": "s", "prompt": "p", "response": "r", "rating": 5}\n')
    with pytest.raises(DataError, match="1 well-rated calls"):
        recorded_questions(file)
    assert FineTuningCLI().run(["demo", "--gateway", "--data", str(file)]) == 1
    assert "needs 200" in capsys.readouterr().err


def test_packages_that_are_checked_are_those_of_the_servers_extra() -> None:
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {re.split(r"[^\w-]", each)[0].replace("-", "_") for each in extras["serve"]}
    assert names - {"xllamacpp"} == set(SERVE_EXTRA)
