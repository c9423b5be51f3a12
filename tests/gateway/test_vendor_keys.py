"""Vendors' keys that the gateway holds: encrypted, in place of its own, and never seen again."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import pytest
from openai import AuthenticationError, OpenAI
from typer.testing import CliRunner

from fine_tuning.cli import app
from fine_tuning.errors import ConfigurationError, UsageError
from fine_tuning.gateway.remembered import READ_SECONDS
from fine_tuning.gateway.vendor_keys import VendorKeys, new_secret
from fine_tuning.server import authentication
from fine_tuning.store.workspace import open_workspace
from tests.gateway.conftest import Gateway
from tests.gateway.scripted_upstream import Upstream, answer
from tests.gateway.test_pass_through import ask, request

HELD = "sk-held-by-the-gateway"
JSON = b"Content-Type: application/json"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    found = new_secret()
    monkeypatch.setenv("FINE_TUNING_SECRET_KEY", found)
    return found


def command(*arguments: str, given: str | None = None) -> str:
    done = CliRunner().invoke(app, ["vendor-keys", *arguments], input=given)
    assert done.exit_code == 0, done.output
    return done.output


def own_key(project: str = "default") -> str:
    return authentication.create(open_workspace().database, "app", project)[0]


def got(vendor: Upstream) -> bytes:
    assert b"sk-ft-" not in vendor.requests[-1]
    return vendor.requests[-1].lower()


def test_held_key_takes_the_place_of_the_gateways_where_an_sdk_sends_it(gateway: Gateway, vendor: Upstream) -> None:
    assert HELD not in command("set", "openai", given=HELD) + command("set", "anthropic", given=HELD)
    vendor.answers(answer(b"{}", JSON))
    key = own_key()
    with OpenAI(api_key=key, base_url=f"{gateway.address}/openai/v1", max_retries=0) as client:
        client.get("/models", cast_to=str)
    assert f"authorization: bearer {HELD}".encode() in got(vendor)
    for name in ("x-api-key", "api-key", "x-goog-api-key"):  # as Anthropic's, Azure's and Google's SDKs do
        ask(gateway, request("/anthropic/v1/models", b"", f"{name}: {key}".encode()))
        assert f"{name}: {HELD}".encode() in got(vendor)
        assert got(vendor).count(HELD.encode()) == 1
    ask(gateway, request("/openai/v1/files", b"", f"x-ft-key: {key}".encode()))  # which has no other
    assert f"authorization: bearer {HELD}".encode() in got(vendor)


def test_clients_own_key_goes_first(gateway: Gateway, vendor: Upstream) -> None:
    command("set", "openai", given=HELD)
    vendor.answers(answer(b"{}", JSON))
    ask(gateway, request("/openai/v1/models", b"", b"Authorization: Bearer sk-mine", f"x-ft-key: {own_key()}".encode()))
    assert b"bearer sk-mine" in got(vendor)
    assert HELD.encode() not in got(vendor)
    ask(gateway, request("/gemini/v1beta/models?key=mine", b"", f"x-ft-key: {own_key()}".encode()))
    assert HELD.encode() not in got(vendor)


def test_key_is_held_for_its_project_and_upstream_alone(gateway: Gateway, vendor: Upstream) -> None:
    command("set", "openai", "--project", "shop", given=HELD)
    for key, name in ((own_key("other"), "openai"), (own_key("shop"), "gemini")):
        bearer = f"Authorization: Bearer {key}".encode()
        response, body = ask(gateway, request(f"/{name}/v1/models", b"", bearer))
        error = json.loads(body)["error"]
        assert (response.status, error["code"]) == (401, "no_vendor_key")
        assert f"ft-cli vendor-keys set {name}" in error["message"]
    assert vendor.requests == []


@pytest.mark.parametrize("name", ["sort_key", "pageKey", "monkey"])
def test_parameter_that_is_named_like_a_key_is_none(gateway: Gateway, vendor: Upstream, name: str) -> None:
    command("set", "openai", given=HELD)
    vendor.answers(answer(b"{}", JSON))
    ask(gateway, request(f"/openai/v1/files?{name}=a", b"", f"x-ft-key: {own_key()}".encode()))
    assert f"authorization: bearer {HELD}".encode() in got(vendor)


def test_gateways_key_in_the_address_is_refused(gateway: Gateway, vendor: Upstream) -> None:
    response, _ = ask(gateway, request(f"/gemini/v1beta/models?key={own_key()}"))
    assert response.status == 400
    assert vendor.requests == []


def test_unknown_key_of_the_gateway_is_not_passed_on(gateway: Gateway, vendor: Upstream) -> None:
    own_key()
    client = OpenAI(api_key="sk-ft-wrong", base_url=f"{gateway.address}/openai/v1", max_retries=0)
    with client, pytest.raises(AuthenticationError):
        client.get("/models", cast_to=str)
    assert vendor.requests == []


def test_nothing_shows_a_held_key(workspace: Path) -> None:
    command("set", "openai", given=HELD)
    assert HELD not in command("list") + command("list", "--json")
    opened = open_workspace()
    with sqlite3.connect(opened.settings.home / "fine_tuning.db") as database:
        assert HELD not in "\n".join(database.iterdump())
    assert HELD not in repr(opened.settings) + repr(VendorKeys(opened.settings).__dict__)
    command("delete", "openai")
    assert json.loads(command("list", "--json")) == []


def test_further_secrets_go_on_reading(workspace: Path, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command("set", "openai", given=HELD)
    monkeypatch.setenv("FINE_TUNING_SECRET_KEY", f"{new_secret()}, {secret}")
    opened = open_workspace()
    assert VendorKeys(opened.settings).held(opened.database, "default", "openai") == HELD
    monkeypatch.setenv("FINE_TUNING_SECRET_KEY", new_secret())
    opened = open_workspace()
    with pytest.raises(ConfigurationError, match="encrypted by another FINE_TUNING_SECRET_KEY; store it again"):
        VendorKeys(opened.settings).held(opened.database, "default", "openai")


def test_row_of_another_project_is_no_key(workspace: Path) -> None:
    command("set", "openai", given=HELD)
    opened = open_workspace()
    with sqlite3.connect(opened.settings.home / "fine_tuning.db") as database:
        database.execute("UPDATE vendor_keys SET project = 'other'")
    with pytest.raises(ConfigurationError):
        VendorKeys(opened.settings).held(opened.database, "other", "openai")


@pytest.mark.parametrize("value", ["", "short", "x" * 44, "ü"])
def test_wrong_secret_is_one_line(workspace: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("FINE_TUNING_SECRET_KEY", value)
    with pytest.raises(ConfigurationError, match="ft-cli vendor-keys secret"):
        VendorKeys(open_workspace().settings)


@pytest.mark.parametrize("key", ["", "two words", "línea", "a\tb"])
def test_odd_keys_are_refused(workspace: Path, key: str) -> None:
    opened = open_workspace()
    with pytest.raises(UsageError, match="printable ASCII"):
        VendorKeys(opened.settings).hold(opened.database, "default", "openai", key)


def test_secret_that_is_missing_is_said_to_the_caller(
    gateway: Gateway, vendor: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("set", "openai", given=HELD)
    with sqlite3.connect(open_workspace().settings.home / "fine_tuning.db") as database:
        database.execute("UPDATE vendor_keys SET encrypted = 'x'")
    response, body = ask(gateway, request("/openai/v1/models"))
    assert (response.status, json.loads(body)["error"]["code"]) == (503, "vendor_key_unreadable")


def test_calls_pass_while_the_database_is_away(gateway: Gateway, vendor: Upstream) -> None:
    command("set", "openai", given=HELD)
    vendor.answers(answer(b"{}", JSON))
    key = own_key()

    def status(own: str) -> tuple[int, bytes]:
        response, body = ask(gateway, request("/openai/v1/chat/completions", b"{}", f"x-ft-key: {own}".encode()))
        return response.status, body

    assert status(key)[0] == 200
    database = open_workspace().database
    database.close()
    Path(str(database.url.database)).write_bytes(b"no database" * 99)
    time.sleep(READ_SECONDS)
    assert status(key)[0] == 200
    assert f"authorization: bearer {HELD}".encode() in got(vendor)
    code, body = status("sk-ft-of-nobody-that-is-known")
    assert code == 500  # a damaged one; 503 where it cannot be reached
    assert json.loads(body)["error"]["code"] == "storage_error"
    assert b"/" not in body
