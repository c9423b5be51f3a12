"""Azure's clients of OpenAI."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai import AzureOpenAI

from fine_tuning.server import authentication
from fine_tuning.store.workspace import open_workspace
from tests.server.conftest import ALIAS

ASKED: Any = [{"role": "user", "content": "Hi"}]
SHORT: Any = {"messages": ASKED, "max_tokens": 2, "temperature": 0}


@pytest.fixture(params=["base", "endpoint", "deployment", "root"])
def azure(request: pytest.FixtureRequest, address: str) -> Iterator[AzureOpenAI]:
    """A client of each way in which they name a server, with its key."""
    key, _ = authentication.create(open_workspace().database, "azure")
    ways: dict[str, Any] = {
        "base": {"base_url": address},
        "endpoint": {"azure_endpoint": address},
        "deployment": {"azure_endpoint": address, "azure_deployment": ALIAS},
        "root": {"azure_endpoint": address.removesuffix("/v1")},
    }
    with AzureOpenAI(**ways[request.param], api_version="2024-10-21", api_key=key, max_retries=0) as client:
        yield client


def test_azure_client_finds_its_resources(azure: AzureOpenAI) -> None:
    whole = azure.chat.completions.create(model=ALIAS, **SHORT)
    stream = azure.chat.completions.create(model=ALIAS, stream=True, **SHORT)
    streamed = [chunk.choices[0].delta.content or "" for chunk in stream]
    assert "".join(streamed) == whole.choices[0].message.content
    assert azure.completions.create(model=ALIAS, prompt="Hi", max_tokens=2).choices
    assert azure.responses.create(model=ALIAS, input="Hi", max_output_tokens=16).output_text
    file = azure.files.create(file=("a.txt", b"a"), purpose="user_data")
    assert [each.id for each in azure.files.list(purpose="user_data", limit=1)] == [file.id]
    assert azure.files.content(file.id).text == "a"
    assert ALIAS in {model.id for model in azure.models.list()}
    with pytest.raises(openai.NotFoundError, match="The model 'none' does not exist"):
        azure.models.retrieve("none")


def test_azure_client_needs_a_valid_key(azure: AzureOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError, match="Incorrect API key provided"):
        azure.with_options(api_key="other").files.list()


def test_deployment_in_the_path_names_the_model(address: str) -> None:
    for path in ("deployments", "openai/deployments"):
        url = f"{address}/{path}/{ALIAS}/chat/completions?api-version=2024-10-21"
        for model in ({}, {"model": None}, {"model": "other"}):
            assert httpx2.post(url, json=SHORT | model).json()["model"] == ALIAS
    for path, body in {
        "deployments/none/chat/completions": SHORT,
        "deployments/none/embeddings": {"input": "Hi"},
        "deployments/none": {},
        "openai/none": {},
    }.items():
        assert httpx2.post(f"{address}/{path}?api-version=1", json=body).status_code == 404


def test_api_version_alone_is_ignored(address: str) -> None:
    assert httpx2.get(f"{address}/models?api-version=2024-10-21").status_code == 200
    for query in ("api_version=1", "api-version=1&x=1", "Api-Version=1"):
        assert httpx2.get(f"{address}/models?{query}").json()["error"]["code"] == "unknown_parameter"
