"""What calls of this server's own models cost, which the ledger, A/B tests and guardrails go by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import CostTracker, ModelRegistry
from fine_tuning.costs.published_prices import CallPrice
from fine_tuning.distillation.imported_costs import PricedCall
from fine_tuning.gateway.call_prices import CallPrices
from fine_tuning.gateway.recorder import Recorder
from fine_tuning.gateway.stored_calls import store_spool
from fine_tuning.serving.cascade_engine import CascadeSettings
from fine_tuning.serving.instructions import Instructions
from fine_tuning.serving.part_model import PartModel
from fine_tuning.store import gateway_calls
from fine_tuning.store.column_types import now
from fine_tuning.store.database import open_database
from fine_tuning.store.workspace import open_workspace
from tests.gateway.test_recording import CHAT, MESSAGES, exchange, kept

HOST = PartModel("https://api.openai.com/v1", "gpt-4o-mini")


@pytest.fixture(autouse=True)
def priced_machine(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINE_TUNING_MACHINE_USD_PER_HOUR", "0.36")


def registered(name: str, made: Any = None) -> str:
    """A version whose files are what is saved, or none."""
    folder = open_workspace().folder("artifacts") / name
    folder.mkdir(parents=True)
    if made is not None:
        made.save(folder)
    version = ModelRegistry().register_model(name, "base", "job", 10, provider="local", provider_model=str(folder))
    return f"{name}-v{version['version']}"


def price(model: str, host: str = "local", seconds: float | None = 2.0) -> CallPrice:
    call = PricedCall(model, {"prompt_tokens": 1_000_000, "completion_tokens": 0}, host, now())
    return CallPrices(open_workspace()).of(call, seconds)


def test_weights_here_cost_the_time_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert price(registered("own")) == (pytest.approx(0.0002), None)
    assert price("smollm2-135m-instruct").usd == pytest.approx(0.0002)
    assert price("own-v1", seconds=None).usd is None
    monkeypatch.setenv("FINE_TUNING_MACHINE_USD_PER_HOUR", "")
    found = price("own-v1")
    assert found.usd is None
    assert "FINE_TUNING_MACHINE_USD_PER_HOUR" in str(found.note)


def test_prompt_costs_what_the_model_costs_that_is_asked() -> None:
    assert price(registered("asked", Instructions("Be brief.", HOST))).usd == pytest.approx(0.15)
    assert price("gpt-4o-mini", HOST.provider).usd == pytest.approx(0.15)
    here = Instructions("Be brief.", PartModel("local", "smollm2-135m-instruct"))
    assert price(registered("here", here)).usd == pytest.approx(0.0002)


def test_prompt_of_itself_has_no_price() -> None:
    folder = open_workspace().folder("artifacts") / "loop"
    name = registered("loop", Instructions("Be brief.", PartModel("local", str(folder))))
    assert price(name) == (None, "loop is a part of itself")


def test_cascade_has_a_price_where_all_of_it_is_here() -> None:
    here, apart = CascadeSettings(0.9, PartModel("local", "smollm2-135m-instruct")), CascadeSettings(0.9, HOST)
    assert price(registered("here", here)).usd == pytest.approx(0.0002)
    assert price(registered("apart", apart)) == (None, "which model of a cascade has answered is not recorded")


def test_models_of_which_nothing_is_known_have_no_price() -> None:
    ModelRegistry().register_model("lost", "base", "job", 10)
    for model, why in (("mine", "an alias"), ("lost", "no deployed version"), ("lost-v1", "no provider")):
        found = price(model)
        assert found.usd is None
        assert why in str(found.note)


def test_routed_calls_of_a_version_are_its_measured_price(tmp_path: Path) -> None:
    model, spool = registered("own"), Recorder(tmp_path)
    for number in range(12):
        made = exchange(number)
        made.upstream = made.address = "local"
        made.request = kept(json.dumps({"model": model, "messages": MESSAGES}).encode())
        made.response = kept(json.dumps(CHAT | {"model": model}).encode())
        made.seconds = 2.0
        spool.record(made)
    spool.close()
    assert store_spool(open_workspace(), tmp_path) == 12
    with open_database().read() as tx:
        found = gateway_calls.newest(tx, limit=20)
    assert [each["cost"] for each in found] == [pytest.approx(0.0002)] * 12
    assert CostTracker().calculate_roi("own", 0.001, 1000).inference_cost_per_call == pytest.approx(0.0002)
