"""A hostile MLflow registry: its lists end, and what it says of a version is checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from fine_tuning.errors import FineTuningError
from fine_tuning.registry import mlflow_import
from fine_tuning.store import model_aliases, model_versions
from fine_tuning.store.workspace import open_workspace

pytest.importorskip("mlflow")
Answers = dict[str, dict[str, Any]]


@pytest.fixture
def registry(workspace: object) -> Iterator[tuple[str, Answers]]:
    """The address of a registry, and what it answers; each list by its key."""
    answers: Answers = {"registered_models": {}, "model_versions": {}}

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            key = "registered_models" if "registered-models" in self.path else "model_versions"
            body = json.dumps(answers[key]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", answers
    server.shutdown()
    server.server_close()


def fill(answers: Answers, tags: dict[str, str], **version: str) -> None:
    name = version.get("name", "m")
    listed = [{"key": f"fine_tuning.{key}", "value": value} for key, value in tags.items()]
    answers["registered_models"] = {"registered_models": [{"name": name}]}
    answers["model_versions"] = {"model_versions": [{"name": name, "version": "1", "tags": listed, **version}]}


FORGED = (
    {"accuracy": "NaN", "cost": "Infinity", "dataset_size": "NaN"},
    {"accuracy": "-7", "cost": "-1e300", "dataset_size": "-5"},
    {"accuracy": "2", "cost": "1" + "0" * 400, "dataset_size": "1" + "0" * 30},
    {"dataset_size": "1.5", "base_model": "a\nb", "job_id": "x" * 1000, "provider": " ", "status": "RUNNING"},
    {"metadata": '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"},
)


@pytest.mark.parametrize("tags", FORGED)
def test_values_that_no_version_has_are_unknown(registry: tuple[str, Answers], tags: dict[str, str]) -> None:
    uri, answers = registry
    fill(answers, tags)
    database = open_workspace().database
    assert mlflow_import.import_versions(database, uri, actor="me") == 1
    with database.read() as tx:
        [found] = model_versions.versions(tx, "m")
    values = [found[key] for key in ("accuracy", "cost", "dataset_size", "base_model", "job_id", "provider", "status")]
    assert values == [None, None, 0, "unknown", "mlflow-m-1", None, "READY"]


def test_aliases_that_no_model_has_are_left_out(registry: tuple[str, Answers]) -> None:
    uri, answers = registry
    fill(answers, {})
    names = ("good", "a@b", "a\nb", "x" * 1000, "deployed")
    answers["registered_models"]["registered_models"][0]["aliases"] = [{"alias": n, "version": "1"} for n in names]
    database = open_workspace().database
    assert mlflow_import.import_versions(database, uri, actor="me") == 1
    with database.read() as tx:
        assert model_aliases.of_model(tx, "m") == {"good": 1}


@pytest.mark.parametrize("endless", ["registered_models", "model_versions"])
def test_list_without_end_is_one_line(registry: tuple[str, Answers], endless: str) -> None:
    uri, answers = registry
    fill(answers, {})
    answers[endless]["next_page_token"] = "again"
    assert "has no end" in refused(uri)


@pytest.mark.parametrize(
    "version", [{"version": "abc"}, {"name": "a\x1b[2Jb"}, {"name": "x" * 1000}, {"description": "\ud800"}]
)
def test_version_that_is_none_is_one_line(registry: tuple[str, Answers], version: dict[str, str]) -> None:
    uri, answers = registry
    fill(answers, {}, **version)
    refused(uri)


def refused(uri: str) -> str:
    with pytest.raises(FineTuningError) as caught:
        mlflow_import.import_versions(open_workspace().database, uri, actor="me")
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    return message
