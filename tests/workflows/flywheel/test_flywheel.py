"""The standing loop of a route: what begins a run, what each step does, and what is left after a kill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

pytest.importorskip("sklearn", reason="the extra `flywheel` is not installed")
pytest.importorskip("apprise", reason="the extra `flywheel` is not installed")
from fine_tuning.errors import ConflictError, UsageError
from fine_tuning.gateway.remembered import READ_SECONDS
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store import flywheels, routes
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database, open_database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.flywheel import run_flywheel
from fine_tuning.workflows.flywheel.flywheel_policy import FlywheelPolicy, policy_of, read_policies
from fine_tuning.workflows.flywheel.flywheel_steps import Ends, StepContext, Waits, shadow
from fine_tuning.workflows.flywheel.run_flywheel import Flywheel
from fine_tuning.workflows.flywheel.schedule import is_due
from tests import wire
from tests.gateway.conftest import Gateway
from tests.gateway.test_registered_candidates import SAID, ask, intent_of, serving, vendor
from tests.gateway.test_route_candidates import agreed, current, history
from tests.gateway.test_routes import save
from tests.waiting import wait_until

__all__ = ["vendor"]  # a fixture
PLACE = ("default", "triage")
QUESTIONS = [form.format(f"order {number}") for number in range(500, 560) for forms in SAID.values() for form in forms]
POLICY = """
[triage]
budget = 1.0
[triage.when]
ratings = 200
drift = false
[triage.bakeoff]
margin = 0.2
embeddings = ["none"]
[triage.shadow]
pairs = 12
min_agreement = 0.5
[triage.canary]
margin = 0.3
ramp = [0.5, 1.0]
ramp_samples = 20
outcome = "right"
"""


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> Iterator[wire.Host]:
    """A webhook that alerts are sent to."""
    with wire.host() as found:
        found.answers["POST /alerts"] = (200, {})
        monkeypatch.setenv("FINE_TUNING_ALERTS", f"{found.url.replace('http', 'json', 1)}/alerts")
        yield found


def rated(gateway: Gateway, question: str, unit: str) -> str:
    """Ask, and say whether the answer was right. Returns the target."""
    said, target, call_id = ask(gateway, question, unit)
    is_right = said == intent_of(question)
    body = {"call_id": call_id, "thumb": "up" if is_right else "down", "metrics": {"right": float(is_right)}}
    httpx2.post(f"{gateway.address}/v1/feedback", json=body).raise_for_status()
    return target


def state(run_id: int) -> tuple[str, str]:
    with open_database().read() as tx:
        found = flywheels.get(tx, run_id)
    assert found is not None
    return found["status"], found["step"]


def test_route_goes_from_ratings_to_its_own_model(
    cli: Any, tmp_path: Path, vendor: wire.Host, channel: wire.Host
) -> None:
    file = tmp_path / "policies.toml"
    file.write_text(POLICY)
    save()
    once = ("flywheel", "run", str(file), "--once")
    with serving(ServerConfig()) as gateway:
        for number, question in enumerate(QUESTIONS[:190]):
            rated(gateway, question, f"user {number}")
        wait_until(lambda: "no run is due" in cli("flywheel", "check", str(file))[1], 20)
        assert cli(*once)[0] == 0
        assert cli("flywheel", "list")[1].startswith("no runs")
        for number, question in enumerate(QUESTIONS[190:240]):
            rated(gateway, question, f"other {number}")
        wait_until(lambda: "new ratings" in cli("flywheel", "check", str(file))[1])

        code, _, err = cli(*once)
        assert (code, state(1)) == (0, ("waiting", "shadow")), err
        assert current()["policy"]["candidate"] == "local/triage-v1"
        for question in QUESTIONS[420:440]:
            ask(gateway, question, question)
        wait_until(lambda: agreed()["pairs"] >= 12)
        assert cli(*once)[0] == 0
        assert state(1) == ("waiting", "canary")
        assert "canary" not in current()["policy"]
        assert cli(*once)[0] == 0  # nobody is asked twice
        assert cli("flywheel", "approve", "1")[0] == 0
        code, _, err = cli("flywheel", "approve", "1")
        assert (code, err.count("\n")) == (1, 1)
        assert cli(*once)[0] == 0
        wait_until(lambda: ask(gateway, QUESTIONS[0], "user")[1] != "", READ_SECONDS)
        for number, question in enumerate(QUESTIONS[440:540]):
            rated(gateway, question, f"unit {number}")
            if number > 40 and current()["share"] == 1:
                break
        wait_until(lambda: current()["share"] == 1)
        assert cli(*once)[0] == 0
        wait_until(lambda: ask(gateway, QUESTIONS[7])[1] == "local/triage-v1")
    assert state(1) == ("succeeded", "canary")
    assert {each["changed_by"] for each in history()} == {"cli", "flywheel", "verdict"}
    found = json.loads(cli("flywheel", "show", "1", "--json")[1])
    assert [each["step"] for each in found["steps"]] == ["label", "build", "bakeoff", "gate", "shadow", "canary"]
    assert found["steps"][2]["facts"]["winner"] == "head: TF-IDF"
    assert found["steps"][5]["approved_by"]
    subjects = [each.body["title"] for each in channel.asked("POST /alerts")]
    assert subjects == [
        "triage: the flywheel begins",
        "triage: run 1 canary waits for approval",
        "triage: run 1 succeeded",
    ]
    assert all(each["is_delivered"] for each in _alerts())
    assert "succeeded" in cli("flywheel", "list")[1]


def _alerts() -> list[Any]:
    with open_database().read() as tx:
        return flywheels.alerts(tx, *PLACE)


def flywheel(lines: list[str] | None = None) -> Flywheel:
    return Flywheel(open_workspace(), (lines if lines is not None else []).append, lambda *_: {})  # type: ignore[arg-type, return-value]


def policy(**more: Any) -> FlywheelPolicy:
    return FlywheelPolicy.of({"route": "triage", "model_name": "triage", **more})


def test_step_that_fails_is_tried_again_and_ends_the_run_after_three(database: Database) -> None:
    save()
    lines: list[str] = []
    run = flywheel(lines).begin(policy(), "by hand")
    for status in ("waiting", "waiting", "failed"):
        run = flywheel(lines).advance(run)
        assert (run["status"], run["step"]) == (status, "build")
    assert "no rows" in (run["reason"] or "") or "no row" in (run["reason"] or "")
    with database.read() as tx:
        assert flywheels.steps(tx, run["id"])["build"]["failures"] == 3
    assert flywheel().begin(policy(), "again")["id"] == 2


def test_one_run_of_a_route_is_open_at_a_time(database: Database) -> None:
    save()
    first = flywheel().begin(policy(), "by hand")
    with pytest.raises(ConflictError, match="a run of route triage is open already"):
        flywheel().begin(policy(), "by hand")
    with database.write() as tx:
        assert flywheels.claim(tx, first["id"], "another")
        assert not flywheels.claim(tx, first["id"], "mine")
    lines: list[str] = []
    late = flywheel(lines)
    assert [late.advance(first)["status"] for _ in range(2)] == ["running"] * 2
    assert lines == ["triage: run 1 is another process's, until 120 s after its last sign of life"]
    with database.write() as tx:  # which was killed a while ago
        gone = now() - timedelta(seconds=1)
        tx.execute(flywheels._runs.update().values(lease_expires_at=gone))
    assert flywheel().advance(first)["step"] == "build"
    with database.read() as tx:
        assert flywheels.get(tx, first["id"])["worker"] is None  # type: ignore[index]


def test_rejected_run_ends_and_nothing_was_done(database: Database) -> None:
    save()
    run = flywheel().begin(policy(approval=("label",)), "by hand")
    assert flywheel().advance(run)["reason"] == "approval: ft-cli flywheel approve 1"
    ended = run_flywheel.answer(open_workspace(), 1, "ann", approves=False)
    assert (ended["status"], ended["reason"]) == ("stopped", "label: rejected by ann")
    assert _alerts()[0]["subject"] == "triage: run 1 label waits for approval"


def test_approved_shadow_begins_and_no_longer_waits_for_approval(database: Database) -> None:
    save()
    run = flywheel().begin(policy(approval=("shadow",)), "by hand")
    with database.write() as tx:
        flywheels.move(tx, run["id"], "shadow", "running")
    waiting = flywheel().advance(run)
    assert (waiting["status"], waiting["reason"]) == ("waiting", "approval: ft-cli flywheel approve 1")
    approved = run_flywheel.answer(open_workspace(), 1, "ann", approves=True)
    assert (approved["status"], approved["reason"]) == ("running", None)
    facts: Any = {"bakeoff": {"candidate": "openai/other"}}
    context = StepContext(open_workspace(), approved, policy_of(approved["policy"]), facts, print, lambda *_: {})  # type: ignore[arg-type, return-value]
    assert isinstance(shadow(context), Waits)  # it was taken for a candidate that somebody else had removed
    assert current()["policy"]["candidate"] == "openai/other"


def test_shadow_that_failed_is_tried_again_and_ends_where_others_change_the_route(database: Database) -> None:
    save()
    run = flywheel().begin(policy(), "by hand")
    with database.write() as tx:
        flywheels.move(tx, run["id"], "shadow", "waiting", "another attempt: the route was changed meanwhile")
        run = run_flywheel.find(tx, run["id"])
    facts: Any = {"bakeoff": {"candidate": "openai/other"}}
    context = StepContext(open_workspace(), run, policy(), facts, print, lambda *_: {})  # type: ignore[arg-type, return-value]
    assert isinstance(shadow(context), Waits)
    save(candidate="openai/third")
    assert shadow(context) == Ends("stopped", "the route was given another candidate meanwhile")


def test_budget_is_what_no_step_has_spent(database: Database) -> None:
    save()
    run = flywheel().begin(policy(budget=2.0), "by hand")

    def left(**facts: Any) -> float | None:
        chosen = policy_of(run["policy"])
        return StepContext(open_workspace(), run, chosen, facts, print, lambda *_: {}).left  # type: ignore[arg-type, return-value]

    assert left() == 2.0
    assert left(label={"spent": 0.5}, build={"rows": 3}) == 1.5
    assert left(label={"spent": 0.5}, bakeoff={"spent": 9.0}) == 0.0
    assert left(bakeoff={"spent": None}) == 0.0  # unknown is not nothing


def test_shadow_whose_budget_is_spent_ends_the_run(database: Database) -> None:
    candidate = "openai/cheap-1"
    save(candidate=candidate, shadow={"max_dollars": 0.5})
    run = {**flywheel().begin(policy(budget=2.0), "by hand"), "step": "shadow", "status": "waiting"}
    facts = {"bakeoff": {"candidate": candidate, "spent": 0.1}}

    def found() -> object:
        return shadow(StepContext(open_workspace(), run, policy_of(run["policy"]), facts, print, lambda *_: {}))  # type: ignore[arg-type, return-value]

    assert isinstance(found(), Waits)
    with database.write() as tx:
        routes.add_shadow_dollars(tx, *PLACE, 0.5)
    assert found() == Ends("stopped", "the budget is spent: 0 of 200 answers in shadow")
    assert "candidate" not in current()["policy"]


def test_schedule_is_due_once_a_time() -> None:
    monday = now().replace(year=2026, month=11, day=30, hour=3, minute=59, second=0, microsecond=0)
    assert not is_due("0 4 * * mon", monday, monday)
    assert is_due("0 4 * * mon", monday, monday + timedelta(minutes=1))
    assert not is_due("0 4 * * mon", monday + timedelta(minutes=1), monday + timedelta(days=6))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no policy"),
        ("triage = 1", "triage is no table"),
        ("[triage", "cannot be read"),
        ("[triage]\nbudget = -1", "budget = -1"),
        ("[triage.when]\nschedule = 'sometimes'", "is no schedule"),
        ("[triage.when]\nrating = 3", "unknown option 'when.rating'"),
        ("[triage.bakeoff]\nincumbent = 'x'", "bakeoff.incumbent is chosen by the flywheel"),
        ("[triage]\napproval = ['deploy']", "approval.0 = 'deploy'"),
        ("['a b']\n", "invalid name of a route"),
        ("[triage.canary]\nramp = [0.5, 0.1, 1.0]", "canary: ramp must be rising shares"),
        ("[triage.canary]\nramp = []", "canary: ramp must be rising shares"),
        ("[triage.canary]\nramp = [0.1, 0.5]", "the last share of ramp must be 1"),
        ("[triage.canary]\noutcome = ''", "canary: name must be non-empty"),
        ("[triage.shadow]\nshare = 0.0", "shadow.share = 0.0"),
        ("[triage.label]\nteacher = ' '", "label.teacher = ' '"),
        ("[triage.drift]\njudge = ''", "drift.judge = ''"),
        ("[triage.bakeoff]\nprompt_files = ['small=/nowhere']", "route triage: no such file: /nowhere"),
    ],
)
def test_wrong_policy_is_one_line(tmp_path: Path, cli: Any, text: str, words: str) -> None:
    file = tmp_path / "p.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=words):
        read_policies(file)
    code, _, err = cli("flywheel", "run", str(file), "--once")
    assert (code, err.count("\n")) == (2, 1)


def test_alert_channel_that_is_none_is_not_shown(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "p.toml"
    file.write_text("[triage]\n")
    monkeypatch.setenv("FINE_TUNING_ALERTS", "nonsense://secret-token")
    code, _, err = cli("flywheel", "run", str(file), "--once")
    assert (code, "secret-token" in err, "FINE_TUNING_ALERTS" in err) == (2, False, True)


def test_process_that_was_taken_for_dead_does_not_go_on(database: Database) -> None:
    save()
    run = flywheel().begin(policy(), "by hand")

    def take_over(line: str) -> None:
        if line == "triage: label: done":
            with database.write() as tx:
                tx.execute(flywheels._runs.update().values(worker="another"))

    with pytest.raises(ConflictError, match="run 1 has ended meanwhile, or another process has taken it over"):
        Flywheel(open_workspace(), take_over, lambda *_: {}).advance(run)  # type: ignore[arg-type, return-value]
    with database.read() as tx:
        assert flywheels.steps(tx, 1).keys() == {"label"}
        assert flywheels.get(tx, 1)["worker"] == "another"  # type: ignore[index]


def test_single_look_at_a_route_that_is_not_there_fails(cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text("[triage]\n")
    code, _, err = cli("flywheel", "run", str(file), "--once")
    assert (code, err.count("\n"), "triage" in err) == (1, 1, True)
