"""The address and key of a host."""

from __future__ import annotations

from pathlib import Path

import pytest

from fine_tuning import LLMService, ModelRegistry, OpenAIFineTuner
from fine_tuning._util.hosts import OPENAI_URL, Host, find_host, is_openai
from fine_tuning.errors import ConfigurationError
from fine_tuning.settings import Settings, get_settings
from fine_tuning.store.workspace import Workspace, open_workspace
from tests import wire


@pytest.fixture
def other(tmp_path: Path, host: wire.Host) -> Workspace:
    """A workspace whose settings name another host than the environment does."""
    changes = {"home": tmp_path / "other", "openai_base_url": host.url, "actor": "eve"}
    return open_workspace(settings=get_settings().model_copy(update=changes))


def test_find_host_takes_arguments_before_settings_before_openai() -> None:
    settings = Settings(openai_base_url="http://here:1/v1/", openai_api_key="set")
    assert find_host(settings, "http://there:2/v1//", "given") == Host("http://there:2/v1", "given")
    assert find_host(settings) == Host("http://here:1/v1", "set")
    assert find_host(Settings()) == Host(OPENAI_URL, None)


def test_host_does_not_show_its_key() -> None:
    assert "sk-secret" not in repr(Host(OPENAI_URL, "sk-secret"))


@pytest.mark.parametrize("key", ["sk-é", "sk-1\n"])
def test_key_with_invalid_characters_raises(key: str) -> None:
    with pytest.raises(ConfigurationError, match="copy it again"):
        Host("http://127.0.0.1:1/v1", key).check_key()


def test_openai_is_told_by_the_name_of_its_host() -> None:
    assert is_openai("https://api.openai.com/v1")
    assert is_openai("https://eu.api.openai.com/v1")
    assert not is_openai("https://api.openai.com.example.org/v1")
    assert not is_openai("http://localhost/api.openai.com")
    assert not is_openai("local")


def test_passed_workspace_names_host_and_actor(other: Workspace, host: wire.Host, workspace: Path) -> None:
    empty = {"object": "list", "data": [], "has_more": False}
    host.answers |= {"GET /fine_tuning/jobs": (200, empty), "GET /models": (200, empty)}
    assert OpenAIFineTuner(workspace=other).list_jobs() == []
    assert LLMService(model="gpt-x", workspace=other).get_config()["provider"] == host.url
    registry = ModelRegistry(workspace=other)
    assert registry.refresh_shutdown_dates() == {host.url: 0}
    registry.register_model("m", "b", "j", 10)
    registry.deploy_model("m")
    assert {event["actor"] for event in registry.history("m")} == {"eve"}
    assert not workspace.exists()
