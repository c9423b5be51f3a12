"""Routes: policies that can be followed are kept with their history, others are refused by name."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from fine_tuning import ABTestFramework
from fine_tuning.errors import ConflictError, NotFoundError, StorageError, UsageError
from fine_tuning.gateway import route_changes
from fine_tuning.gateway.route_changes import Change
from fine_tuning.gateway.route_policy import RoutePolicy
from fine_tuning.server import authentication
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store import routes, tables
from fine_tuning.store.database import Database, open_database
from fine_tuning.store.records.routes import Route
from fine_tuning.store.workspace import open_workspace
from tests.server.conftest import listening

BASE = "local/smollm2-135m-instruct"
BY_ME = Change("cli", "me", "try it")


def save(name: str = "triage", project: str = "default", **policy: Any) -> Route:
    policy.setdefault("incumbent", "openai/gpt-4o")
    return route_changes.save(open_workspace(), project, name, RoutePolicy.of(policy), BY_ME)


def test_route_keeps_its_history(database: Database) -> None:
    save()
    save(candidate=BASE, shadow={"share": 0.5})
    route_changes.promote(database, "default", "triage", Change("api", "you", "it is good"))
    route_changes.give_back(database, "default", "triage", Change("guardrail", "gateway", "errors"))
    with pytest.raises(ConflictError, match=r"openai/gpt-4o has 100% of the calls"):
        route_changes.give_back(database, "default", "triage", BY_ME)
    route_changes.remove(database, "default", "triage", BY_ME)
    save()
    with database.read() as tx:
        found = route_changes.history(tx, "default", "triage")
        assert routes.get(tx, "default", "triage") == routes.listed(tx)[0]
        with pytest.raises(NotFoundError, match="which has triage"):
            route_changes.find(tx, "default", "other")
    assert [(each["revision"], each["action"], each["share"], each["changed_by"]) for each in found] == [
        (1, "set", 0.0, "cli"),
        (2, "set", 0.0, "cli"),
        (3, "promote", 1.0, "api"),
        (4, "return", 0.0, "guardrail"),
        (5, "delete", 0.0, "cli"),
        (6, "set", 0.0, "cli"),
    ]
    with pytest.raises((StorageError, DBAPIError, IntegrityError)), database.write() as tx:
        tx.execute(tables.route_revisions.delete())


def test_routes_of_projects_are_apart(database: Database) -> None:
    save(project="shop", incumbent="anthropic/claude")
    save(project="mail")
    with database.read() as tx:
        assert routes.get(tx, "default", "triage") is None
        assert [each["policy"]["incumbent"] for each in routes.listed(tx)] == ["openai/gpt-4o", "anthropic/claude"]


def test_canary_begins_with_the_first_share_and_keeps_it(database: Database) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "openai/gpt-4o", "smollm2-135m-instruct")
    policy: dict[str, Any] = {"candidate": BASE, "canary": "t", "ramp": [0.1, 0.5, 1.0]}
    assert save(**policy)["share"] == 0.1
    assert framework.get_share("t") == pytest.approx(0.2)
    route_changes.advance(database, "default", "triage", 0.5, Change("verdict", "gateway", "not worse"))
    assert framework.get_share("t") == 1
    assert save(**policy, cache={"seconds": 5})["share"] == 0.5
    route_changes.give_back(database, "default", "triage", BY_ME)
    assert (save(**policy)["share"], framework.get_share("t")) == (0.1, pytest.approx(0.2))
    route_changes.promote(database, "default", "triage", BY_ME)
    assert framework.get_share("t") == 0
    framework.conclude_test("t", even_empty=True)
    assert save(**policy, cache={"seconds": 5})["share"] == 1
    assert save(candidate=BASE)["share"] == 1
    assert save(incumbent="openai/other", candidate=BASE)["share"] == 0


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"incumbent": "gpt-4o"}, "no target; write UPSTREAM/MODEL"),
        ({"incumbent": "nowhere/m"}, "no upstream nowhere; there are anthropic, gemini, local, openai"),
        ({"incumbent": "local/nothing"}, "neither an alias"),
        ({"incumbent": "local/ft:no:job::x"}, "neither an alias"),
        ({"incumbent": "local/triage"}, "routes could lead in a circle"),
        ({"candidate": "openai/gpt-4o"}, "both openai/gpt-4o"),
        ({"shadow": {"share": 0.1}}, "name one: candidate"),
        ({"candidate": BASE, "shadow": {"part": 0.1}}, "unknown option 'shadow.part'; known are max_calls"),
        ({"candidate": BASE, "canary": "none"}, "no A/B test none"),
        ({"candidate": BASE, "canary": "other"}, "has a in place of the incumbent"),
        ({"candidate": BASE, "canary": "even", "ramp": [0.7, 1]}, "gives the candidate 0.5 of the units, not 0.7"),
        ({"candidate": BASE, "canary": "auto"}, "leave out auto"),
        ({"ramp": [0.5, 0.1]}, "rising shares"),
        ({"fallback": {"retries": -1}}, "retries"),
        ({"fallback": {"targets": [BASE, BASE]}}, "twice"),
        ({"model": "x"}, "unknown option 'model'"),
        ({"cache": {}}, "seconds"),
    ],
)
def test_policy_that_cannot_be_followed_says_why(workspace: object, policy: dict[str, Any], words: str) -> None:
    save()
    framework = ABTestFramework()
    framework.create_test("other", "a", "b")
    framework.create_test("even", "gpt-4o", BASE)
    with open_database().write() as tx:
        design = tx.execute(tables.experiments.select().where(tables.experiments.c.id == "other")).mappings().one()
        row = {**design, "id": "auto", "model_a": "gpt-4o", "model_b": BASE}
        tx.execute(tables.experiments.insert(), {**row, "design": {**row["design"], "auto": True}})
    with pytest.raises((UsageError, NotFoundError)) as refused:
        save("other", **policy)
    assert words in str(refused.value)


def test_route_is_set_and_changed_by_commands(cli: Any) -> None:
    assert cli("route", "set", "triage", "openai/gpt-4o", "--candidate", BASE, "--option", "shadow.share=0.1")[0] == 0
    assert "openai/gpt-4o answers all calls" in cli("route", "show", "triage")[1]
    assert cli("route", "promote", "triage", "--reason", "better")[1] == f"triage: {BASE} answers all calls\n"
    assert json.loads(cli("route", "list", "--json")[1])[0]["share"] == 1
    assert "openai/gpt-4o answers" in cli("route", "return", "triage")[1]
    assert cli("route", "delete", "triage")[1] == "deleted triage\n"
    assert [each["reason"] for each in json.loads(cli("route", "history", "triage", "--json")[1])][1] == "better"
    code, _, error = cli("route", "set", "other name", "openai/gpt-4o")
    assert (code, "invalid name of a route" in error) == (2, True)
    assert cli("route", "show", "other")[0] == 1
    code, _, error = cli("route", "set", "deep", "openai/gpt-4o", "--option", f"fallback={'[' * 5000}")
    assert (code, "fallback" in error) == (2, True)


def test_route_is_set_and_changed_by_the_api(workspace: object) -> None:
    key, _ = authentication.create(open_database(), "app", "shop")
    other, _ = authentication.create(open_database(), "app", "mail")
    with (
        listening(ServerConfig(aliases={"mine": "smollm2-135m-instruct"})) as address,
        httpx2.Client(base_url=f"{address}/", headers={"authorization": f"Bearer {key}"}, timeout=60) as client,
    ):
        policy = {"incumbent": "openai/gpt-4o", "candidate": "local/mine", "ramp": [1]}
        made = client.post("routes", json={"name": "triage", "policy": policy})
        assert (made.status_code, made.json()["revision"]) == (200, 1)
        assert client.post("routes/triage/promote", json={}).json()["share"] == 1
        assert client.post("routes/triage/return", json={"reason": "no"}).json()["share"] == 0
        assert [each["name"] for each in client.get("routes").json()["data"]] == ["triage"]
        models = {each["id"]: each["owned_by"] for each in client.get("models").json()["data"]}
        assert (models["triage"], client.get("models/triage").json()["owned_by"]) == ("route", "route")
        ask = {"model": "triage", "training_file": "file-none"}
        refused = client.post("fine_tuning/jobs", json=ask)
        assert (refused.status_code, "triage is a route" in refused.json()["error"]["message"]) == (400, True)
        reasons = [each["reason"] for each in client.get("routes/triage/history").json()["data"]]
        assert reasons == ["set", "promoted", "no"]
        refused = client.post("routes", json={"name": "triage", "policy": {"incumbent": "x"}})
        assert (refused.status_code, "no target" in refused.json()["error"]["message"]) == (400, True)
        for path in ("routes/triage", "models/triage"):
            assert client.get(path, headers={"authorization": f"Bearer {other}"}).status_code == 404
        assert client.delete("routes/triage").json()["deleted"]
        assert client.get("routes/triage").status_code == 404
