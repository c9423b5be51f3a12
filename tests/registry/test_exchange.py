"""Exchange with MLflow (a real registry) and with model folders."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import LLMService, ModelEvaluator, ModelRegistry
from fine_tuning.errors import ConflictError, DataError, NotFoundError, ProviderError, UsageError
from fine_tuning.store import model_aliases
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.model_export import ExportPlan, export_model

pytestmark = pytest.mark.slow


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.mark.filterwarnings("ignore")
def test_mlflow_exchange_exported_versions_import_unchanged(
    uri: str,
    cli: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry = ModelRegistry()
    for job in ("j1", "j1"):  # as the versions of several epochs of one job
        registry.register_model(
            "it's a lamp",
            "base",
            job,
            10,
            accuracy=0.5,
            cost=None,
            metadata={"a": [1]},
            provider="http://h/v1",
            provider_model=f"ft:{job}",
        )
    registry.set_tag("it's a lamp", "team", "search", 1)
    registry.set_alias("it's a lamp", "champion", 1)
    registry.deploy_model("it's a lamp", 2)
    assert cli("mlflow", "export", uri)[:2] == (0, "2 versions exported\n")
    assert registry.export_to_mlflow(uri) == 0
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    found = client.get_model_version_by_alias("it's a lamp", "deployed")
    assert (found.version, found.source, found.tags["fine_tuning.status"]) == (2, "ft:j1", "DEPLOYED")
    client.create_registered_model("other")
    client.create_model_version("other", "s3://bucket/model", tags={"team": "x"})
    client.set_registered_model_alias("other", "challenger", "1")
    client.set_model_version_tag("other", "1", "fine_tuning.dataset_size", "lots")
    for _ in range(2):  # of one run
        client.create_model_version("other", "s3://bucket/model", run_id="r")
    assert ModelRegistry().import_from_mlflow(uri) == 3  # what came from here is known
    monkeypatch.setenv("FINE_TUNING_HOME", str(tmp_path / "elsewhere"))
    assert cli("mlflow", "import", uri)[:2] == (0, "5 versions imported\n")
    assert ModelRegistry().import_from_mlflow(uri) == 0
    fresh = ModelRegistry()
    first, second = fresh.list_model_versions("it's a lamp")
    assert (first["job_id"], first["accuracy"], first["cost"], first["tags"]) == ("j1", 0.5, None, {"team": "search"})
    assert (second["provider"], second["provider_model"], second["status"]) == ("http://h/v1", "ft:j1", "DEPLOYED")
    assert fresh.get_aliases("it's a lamp") == {"champion": 1}
    assert fresh.get_aliases("other") == {"challenger": 1}
    other = fresh.get_model_version("other", 1)
    assert other is not None
    assert other["metadata"]["mlflow"]["source"] == "s3://bucket/model"
    assert other["dataset_size"] == 0
    fresh.register_model("a/b", "b", "j", 1)
    code, _, err = cli("mlflow", "export", uri)
    assert code == 1
    assert "MLflow does not accept the model name 'a/b'; all else is exported" in err
    code, _, err = cli("mlflow", "export", "nowhere://x")
    assert (code, err.count("\n")) == (1, 1)


@pytest.mark.filterwarnings("ignore")
def test_mlflow_export_again_follows_what_has_changed_here(uri: str) -> None:
    registry = ModelRegistry()
    for number in range(3):
        registry.register_model("inbox", "base", f"j{number}", 10, accuracy=0.5, provider="http://h/v1",
                                provider_model=f"ft:{number}")  # fmt: skip
    registry.deploy_model("inbox", 2)
    registry.set_alias("inbox", "challenger", 3)
    registry.set_tag("inbox", "team", "cx", 3)
    registry.set_tag("inbox", "old", "1", 3)
    assert registry.export_to_mlflow(uri) == 3
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def aliases() -> dict[str, str]:
        return {alias: str(number) for alias, number in client.get_registered_model("inbox").aliases.items()}

    assert aliases() == {"deployed": "2", "challenger": "3"}
    client.set_registered_model_alias("inbox", "theirs", "1")
    client.set_model_version_tag("inbox", "3", "their", "tag")
    registry.remove_alias("inbox", "challenger")
    registry.deploy_model("inbox", 3)
    registry.set_accuracy("inbox", 3, 0.95)
    registry.set_tag("inbox", "team", "billing", 3)
    registry.set_tag("inbox", "old", None, 3)
    assert registry.export_to_mlflow(uri) == 0
    assert aliases() == {"deployed": "3", "theirs": "1"}
    tags = client.get_model_version("inbox", "3").tags
    assert (tags["team"], tags["their"], tags["fine_tuning.accuracy"], "old" in tags) == (
        "billing",
        "tag",
        "0.95",
        False,
    )
    registry.set_model_status("inbox", "ARCHIVED", 3)
    registry.export_to_mlflow(uri)
    assert aliases() == {"theirs": "1"}  # nothing is deployed any more


@pytest.mark.filterwarnings("ignore")
def test_mlflow_export_leaves_what_others_changed(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def there() -> tuple[dict[str, str], list[str | None]]:
        aliases = client.get_registered_model("inbox").aliases
        statuses = [client.get_model_version("inbox", str(n)).tags.get("fine_tuning.status") for n in (1, 2)]
        return {alias: str(number) for alias, number in aliases.items()}, statuses

    mine = ModelRegistry()
    for number in range(2):
        mine.register_model("inbox", "base", f"j{number}", 10)
    mine.deploy_model("inbox", 1)
    mine.set_alias("inbox", "best", 1)
    mine.export_to_mlflow(uri)
    monkeypatch.setenv("FINE_TUNING_HOME", str(tmp_path / "elsewhere"))
    other = ModelRegistry()
    other.import_from_mlflow(uri)
    other.deploy_model("inbox", 2)
    other.set_alias("inbox", "best", 2)
    other.set_alias("inbox", "beta", 2)
    assert other.export_to_mlflow(uri) == 0
    deployed = ({"deployed": "2", "best": "2", "beta": "2"}, ["ARCHIVED", "DEPLOYED"])
    assert there() == deployed
    assert mine.export_to_mlflow(uri) == 0  # it has changed nothing
    assert there() == deployed
    mine.import_from_mlflow(uri)
    mine.export_to_mlflow(uri)
    assert there() == deployed
    mine.set_alias("inbox", "best", 1)
    mine.export_to_mlflow(uri)
    assert there()[0] == {"deployed": "2", "best": "1", "beta": "2"}


@pytest.mark.filterwarnings("ignore")
def test_mlflow_export_of_names_that_it_refuses_hinders_no_other(uri: str) -> None:
    registry = ModelRegistry()
    for job in ("j1", "j2"):
        registry.register_model("m", "base", job, 10)
    for alias in ("a.b", "latest", "live"):
        registry.set_alias("m", alias, 1)
    for tag in ("team=x", "team", "fine_tuning.status"):
        registry.set_tag("m", tag, "support", 1)
    registry.deploy_model("m", 1)
    with pytest.raises(ProviderError) as error:
        registry.export_to_mlflow(uri)
    refused = "the tag 'team=x' of m, the alias 'a.b' of m, the alias 'latest' of m"
    assert str(error.value) == f"MLflow does not accept {refused}; all else is exported (2 new versions)"
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    assert client.get_registered_model("m").aliases == {"live": 1, "deployed": 1}
    tags = client.get_model_version("m", "1").tags
    assert (tags["team"], tags["fine_tuning.status"]) == ("support", "DEPLOYED")
    registry.deploy_model("m", 2)
    client.delete_model_version("m", "1")
    with pytest.raises(ProviderError, match=r"1 new versions"):  # what was deleted there, with its alias
        registry.export_to_mlflow(uri)
    assert client.get_registered_model("m").aliases == {"live": 3, "deployed": 2}


@pytest.mark.filterwarnings("ignore")
def test_mlflow_import_is_not_exported_again(uri: str) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.create_registered_model("other")
    for _ in range(2):
        client.create_model_version("other", "s3://bucket/model")
    registry = ModelRegistry()
    assert registry.import_from_mlflow(uri) == 2
    registry.set_alias("other", "champion", 2)
    registry.register_model("other", "base", "own", 1)
    assert registry.export_to_mlflow(uri) == 1  # the own one
    assert len(client.search_model_versions("name='other'")) == 3
    assert client.get_model_version_by_alias("other", "champion").version in {2, "2"}
    assert (registry.import_from_mlflow(uri), registry.export_to_mlflow(uri)) == (0, 0)


@pytest.mark.filterwarnings("ignore")
def test_mlflow_model_renamed_there_stays_the_same_model(uri: str) -> None:
    from mlflow.tracking import MlflowClient

    client, registry = MlflowClient(tracking_uri=uri, registry_uri=uri), ModelRegistry()
    client.create_registered_model("theirs")
    for _ in range(2):
        client.create_model_version("theirs", "s3://bucket/model")
    registry.register_model("ours", "base", "j", 1)
    assert (registry.import_from_mlflow(uri), registry.export_to_mlflow(uri)) == (2, 1)
    copied = client.copy_model_version("models:/theirs/1", "copy")
    for name in ("theirs", "ours"):
        client.rename_registered_model(name, f"{name}-renamed")
    client.create_model_version("theirs-renamed", "s3://bucket/model")
    registry.set_alias("theirs", "champion", 2)
    registry.deploy_model("ours", 1)
    registry.register_model("ours", "base", "j", 1)
    assert registry.export_to_mlflow(uri) == 1  # the new version of ours
    assert {each.name for each in client.search_registered_models()} == {"theirs-renamed", "ours-renamed", "copy"}
    assert str(client.get_model_version_by_alias("theirs-renamed", "champion").version) == "2"
    assert str(client.get_model_version_by_alias("ours-renamed", "deployed").version) == "1"
    assert registry.import_from_mlflow(uri) == 2  # theirs is of the known model, the copy is a model of its own
    assert len(registry.list_model_versions("theirs")) == 3
    copy = registry.get_model_version("copy")
    assert copy is not None
    assert copy["metadata"]["mlflow"]["source"] == copied.source == "models:/theirs/1"
    client.create_registered_model("theirs")  # another model takes the name
    client.create_model_version("theirs", "s3://bucket/model")
    assert registry.export_to_mlflow(uri) == 0


@pytest.mark.filterwarnings("ignore")
def test_alias_deployed_is_that_of_the_status(uri: str) -> None:
    registry = ModelRegistry()
    for job in ("j1", "j2"):
        registry.register_model("m", "base", job, 10)
    registry.deploy_model("m", 1)
    with pytest.raises(UsageError, match="the alias deployed is reserved"):
        registry.set_alias("m", "deployed", 2)
    with open_workspace().database.write() as tx:  # as an earlier version let it be set
        model_aliases.set_alias(tx, "m", "deployed", 2, actor="", reason="")
    registry.export_to_mlflow(uri)
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    assert str(client.get_model_version_by_alias("m", "deployed").version) == "1"


def test_export_safetensors_folder_imports_as_version(
    trained: dict[str, Any],
    tmp_path: Path,
    cli: Any,
) -> None:
    registry = ModelRegistry()
    ModelEvaluator().evaluate_exact_match(["a", "b"], ["a", "c"], "orders", "fine_tuned")
    assert cli("export", "orders", "--to", "safetensors", "--output", str(tmp_path / "out"))[0] == 0
    card = (tmp_path / "out" / "README.md").read_text()
    for said in (
        "base_model:",
        "# orders-v1",
        "exact_match | 0.500 | 2",
        "flowchart LR",
        "12 examples",
        "| merged (f16) |",
    ):
        assert said in card
    import yaml

    front = yaml.safe_load(card.split("---")[1])
    assert front["model-index"][0]["results"][0]["metrics"][0]["value"] == 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import AutoModelForCausalLM, AutoTokenizer

        model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
        assert AutoTokenizer.from_pretrained(tmp_path / "out") is not None
    assert model.num_parameters() > 0
    with pytest.raises(ConflictError, match="not empty"):
        export_model(ExportPlan("orders", "safetensors", tmp_path / "out"), workspace=open_workspace())
    assert cli("import-model", "copy", str(tmp_path / "out"), "--base", "tiny")[0] == 0
    registry.deploy_model("copy")
    llm = LLMService(model="copy", default_temperature=0)
    assert llm.complete("Where is order 3, please?", max_tokens=4)["version"] == 1
    llm.close()


def test_import_model_invalid_folder_raises(tmp_path: Path) -> None:
    registry = ModelRegistry()
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "config.json").write_text(json.dumps({}))
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(DataError, match=r"pytorch_model\.bin may run code and is not read"):
        registry.import_model("m", tmp_path / "pickled")
    with pytest.raises(DataError, match="is not a model folder"):
        registry.import_model("m", tmp_path / "nowhere")
    registry.register_model("far", "b", "j", 1, provider="http://h/v1", provider_model="ft:x")
    with pytest.raises(NotFoundError, match="only local models have files"):
        export_model(ExportPlan("far", "safetensors", tmp_path / "out"), workspace=open_workspace())
