"""Statuses, aliases, tags and the history, and that they hold whoever writes at once."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from fine_tuning import ModelRegistry
from fine_tuning.errors import ConfigurationError, ConflictError, NotFoundError, StorageError, UsageError
from fine_tuning.store import integrity
from fine_tuning.store.database import Database, open_database
from fine_tuning.store.model_versions import MOVES
from fine_tuning.store.tables import MODEL_STATUSES


@pytest.fixture
def registry(database: Database) -> ModelRegistry:
    found = ModelRegistry()
    for job in ("j1", "j2", "j3"):
        found.register_model("lamp", "base", job, 10)
    return found


def test_register_model_by_the_name_of_a_version_or_alias_is_refused(registry: ModelRegistry) -> None:
    registry.set_alias("lamp", "best", 1)
    for name, version in (("lamp-v2", 2), ("lamp@best", 1)):
        with pytest.raises(ConflictError, match=f"^{name} is version {version} of lamp; register the next version"):
            registry.register_model(name, "base", "j4", 10)
    assert registry.register_model("lamp-v9", "base", "j4", 10)["version"] == 1  # lamp has no version 9
    assert registry.register_model("lamp-v9", "base", "j5", 10)["version"] == 2


def test_version_never_has_the_name_of_another_model(registry: ModelRegistry) -> None:
    registry.register_model("lamp-v4", "base", "j4", 10)
    assert registry.register_model("lamp", "base", "j5", 10)["version"] == 5
    assert [each["job_id"] for each in registry.list_model_versions("lamp-v4")] == ["j4"]
    registry.register_model("lamp@best", "base", "j6", 10)
    with pytest.raises(ConflictError, match="^a model is called lamp@best; choose another alias"):
        registry.set_alias("lamp", "best", 1)


@pytest.mark.parametrize("status", MODEL_STATUSES)
def test_set_model_status_allows_legal_moves_only(workspace: Path, status: str) -> None:
    assert MOVES.keys() == set(MODEL_STATUSES)
    registry = ModelRegistry()
    for wanted in MODEL_STATUSES:
        version = registry.register_model("m", "base", "job", 1, status=status if status != "DEPLOYED" else "READY")
        if status == "DEPLOYED":
            registry.set_model_status("m", "DEPLOYED")
        if wanted in MOVES[status] or wanted == status:
            assert registry.set_model_status("m", wanted, version["version"])
        else:
            with pytest.raises(ConflictError, match=f"is {status}; from there it can become {MOVES[status][0]}"):
                registry.set_model_status("m", wanted, version["version"])


def test_deploy_deployed_version_records_no_change(registry: ModelRegistry) -> None:
    registry.deploy_model("lamp", 1)
    before = registry.history("lamp")
    registry.deploy_model("lamp", 1)
    assert registry.history("lamp") == before


def test_rollback_without_target_deploys_previous_version(registry: ModelRegistry) -> None:
    with pytest.raises(NotFoundError, match="no version of lamp was deployed before"):
        registry.rollback_model("lamp")
    for version in (1, 3, 2):
        registry.deploy_model("lamp", version)
    registry.rollback_model("lamp")
    deployed = registry.get_deployed_version("lamp")
    assert deployed is not None
    assert deployed["version"] == 3
    with pytest.raises(NotFoundError, match="no model sofa is registered; registered: lamp"):
        registry.rollback_model("sofa")


def test_rollback_twice_goes_back_two_deployments(registry: ModelRegistry) -> None:
    for version in (1, 2, 3):
        registry.deploy_model("lamp", version)
    for expected in (2, 1):
        registry.rollback_model("lamp")
        deployed = registry.get_deployed_version("lamp")
        assert deployed is not None
        assert deployed["version"] == expected
    with pytest.raises(NotFoundError, match="no version of lamp was deployed before"):
        registry.rollback_model("lamp")


def test_rollback_skips_versions_that_somebody_archived(registry: ModelRegistry) -> None:
    def deployed() -> int | None:
        found = registry.get_deployed_version("lamp")
        return None if found is None else found["version"]

    for number in (1, 2, 3):
        registry.deploy_model("lamp", number)
        if number == 2:
            registry.set_model_status("lamp", "ARCHIVED", 2)  # it was bad
    registry.rollback_model("lamp")
    assert deployed() == 1
    registry.deploy_model("lamp", 2)  # by its number it still can be
    registry.rollback_model("lamp")
    assert deployed() == 1


def test_rollback_skips_a_version_archived_again_after_its_successor(registry: ModelRegistry) -> None:
    for number in (1, 2, 3):
        registry.deploy_model("lamp", number)
    for _ in range(3):  # version 2 is archived already, since 3 was deployed; now it is because it was bad
        assert registry.set_model_status("lamp", "ARCHIVED", 2, "it was bad")
    changes = [each for each in registry.history("lamp") if each["version"] == 2]
    reasons = [each["reason"] for each in changes if each["after"] == "ARCHIVED"]
    assert reasons == ["version 3 was deployed", "it was bad"]
    registry.rollback_model("lamp")
    assert [each["status"] for each in registry.list_model_versions("lamp")] == ["DEPLOYED", "ARCHIVED", "ARCHIVED"]
    registry.set_model_status("lamp", "READY", 2)  # it was not bad after all
    registry.deploy_model("lamp", 3)
    registry.deploy_model("lamp", 1)
    registry.rollback_model("lamp")
    deployed = registry.get_deployed_version("lamp")
    assert deployed is not None
    assert deployed["version"] == 3


def test_rollback_after_the_deployed_version_was_archived(registry: ModelRegistry) -> None:
    for number in (1, 2):
        registry.deploy_model("lamp", number)
    for _ in range(2):
        registry.set_model_status("lamp", "ARCHIVED", 2, "it was bad")
    for _ in range(2):
        with contextlib.suppress(NotFoundError):
            registry.rollback_model("lamp")
        deployed = registry.get_deployed_version("lamp")
        assert deployed is not None
        assert deployed["version"] == 1
    registry.deploy_model("lamp", 2, "mended")
    registry.deploy_model("lamp", 3)
    registry.rollback_model("lamp")
    assert [each["status"] for each in registry.list_model_versions("lamp")] == ["ARCHIVED", "DEPLOYED", "ARCHIVED"]


def test_repeated_deployment_is_one_line(database: Database, cli: Any) -> None:
    for _ in range(2):
        ModelRegistry().register_model("lamp", "small", "j", 1)
    assert cli("deploy", "lamp", "1")[1] == "deployed lamp v1\n"
    assert cli("deploy", "lamp", "1")[1] == "lamp v1 is deployed already\n"
    assert cli("rollback-model", "lamp", "1")[1] == "lamp v1 is deployed already\n"
    assert cli("rollback-model", "lamp", "2")[1] == "rolled back lamp to v2\n"


def test_rollback_to_version_made_ready_again(registry: ModelRegistry) -> None:
    registry.deploy_model("lamp", 1)
    registry.set_model_status("lamp", "READY", 1)
    registry.deploy_model("lamp", 2)
    registry.rollback_model("lamp")
    assert [each["status"] for each in registry.list_model_versions("lamp")] == ["DEPLOYED", "ARCHIVED", "READY"]


def test_deploy_archives_current_version_first(registry: ModelRegistry) -> None:
    for version in (1, 2):
        registry.deploy_model("lamp", version)
    moves = [(change["version"], change["after"]) for change in registry.history("lamp")[-3:]]
    assert moves == [(1, "DEPLOYED"), (1, "ARCHIVED"), (2, "DEPLOYED")]


def test_register_model_invalid_values_raise(registry: ModelRegistry) -> None:
    with pytest.raises(UsageError, match="a new version cannot be DEPLOYED"):
        registry.register_model("lamp", "b", "j", 1, status="DEPLOYED")
    with pytest.raises(NotFoundError, match="no artifact 99"):
        registry.register_model("lamp", "b", "j", 1, artifact_id=99)
    with pytest.raises(ConfigurationError, match="'openai' is not the address of a host"):
        registry.register_model("lamp", "b", "j", 1, provider="openai", provider_model="x")
    record = registry.register_model("lamp", "b", "j", 1, provider="https://api.openai.com/v1/", provider_model="x")
    assert record["provider"] == "https://api.openai.com/v1"


def test_history_records_aliases_tags_and_accuracy(registry: ModelRegistry) -> None:
    assert registry.set_alias("lamp", "champion", 1) == 1
    assert registry.set_alias("lamp", "challenger") == 3
    assert registry.set_alias("lamp", "champion", 2, "won") == 2
    assert registry.get_aliases("lamp") == {"challenger": 3, "champion": 2}
    assert registry.remove_alias("lamp", "challenger")
    assert not registry.remove_alias("lamp", "challenger")
    assert registry.set_tag("lamp", "team", "search", 2)
    assert registry.set_tag("lamp", "team", None, 2)
    assert not registry.set_tag("lamp", "team", "x", 9)
    assert registry.set_accuracy("lamp", 2, 0.75)
    told = [(c["kind"], c["name"], c["before"], c["after"], c["reason"]) for c in registry.history("lamp")[3:]]
    assert told == [
        ("alias", "champion", None, "1", "set by hand"),
        ("alias", "challenger", None, "3", "set by hand"),
        ("alias", "champion", "1", "2", "won"),
        ("alias", "challenger", "3", None, "removed by hand"),
        ("tag", "team", None, "search", "set by hand"),
        ("tag", "team", "search", None, "set by hand"),
        ("accuracy", "accuracy", None, "0.75", "evaluated"),
    ]
    by_version = {each["version"]: each for each in registry.describe_models()}
    assert by_version[2]["aliases"] == ["champion"]
    assert by_version[1]["aliases"] == []
    assert {each["answered_by"] for each in by_version.values()} == {None}  # their job is not known here


def test_set_alias_and_tag_invalid_values_raise(registry: ModelRegistry) -> None:
    for wrong in ("", "a@b", "x" * 300, "two\nlines"):
        with pytest.raises(UsageError):
            registry.set_alias("lamp", wrong, 1)
    with pytest.raises(NotFoundError, match="lamp has no version 9; it has 1, 2, 3"):
        registry.set_alias("lamp", "champion", 9)
    with pytest.raises(UsageError, match="must be text"):
        registry.set_tag("lamp", "size", 3)  # type: ignore[arg-type]
    assert registry.get_aliases("sofa") == {}


@pytest.mark.parametrize("statement", ["UPDATE deployment_events SET reason = 'x'", "DELETE FROM deployment_events"])
def test_deployment_events_cannot_be_changed(registry: ModelRegistry, statement: str) -> None:
    before = registry.history("lamp")
    with pytest.raises((StorageError, DBAPIError), match="only added"), open_database().write() as tx:
        tx.execute(text(statement))
    assert registry.history("lamp") == before


_WRITER = """
import sys, time
from fine_tuning import ModelRegistry
registry, name, until = ModelRegistry(), sys.argv[1], time.time() + float(sys.argv[2])
while time.time() < until:
    version = registry.register_model(name, "base", "job", 1)["version"]
    registry.set_alias(name, "newest", version)
    registry.deploy_model(name, version)
    registry.rollback_model(name, max(1, version - 1))
"""


def test_deployment_events_cannot_be_replaced(workspace: Path) -> None:
    registry = ModelRegistry()
    registry.register_model("lamp", "b", "j", 1)
    rewritten = "INSERT OR REPLACE INTO deployment_events SELECT * FROM deployment_events WHERE id = 1"
    with pytest.raises((StorageError, DBAPIError), match="only added"), open_database().write() as tx:
        tx.execute(text(rewritten))


@pytest.mark.slow
def test_concurrent_writers_keep_registry_consistent(database: Database) -> None:
    seconds = 2.0
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, f"m{number % 2}", str(seconds)], stderr=subprocess.PIPE)
        for number in range(6)
    ]
    errors = [writer.communicate(timeout=120)[1].decode() for writer in writers]
    assert errors == [""] * 6
    with database.read() as tx:
        assert integrity.registry(tx) == []
    assert sum(len(ModelRegistry().list_model_versions(name)) for name in ("m0", "m1")) > 10
