"""Settings are read once, and again as soon as what they are read from has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fine_tuning.errors import ConfigurationError
from fine_tuning.settings import get_settings


def test_get_settings_changed_environment_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = get_settings()
    assert get_settings() is before
    monkeypatch.setenv("FINE_TUNING_EXPIRY_DAYS", "7")
    assert get_settings().expiry_days == 7
    monkeypatch.delenv("FINE_TUNING_EXPIRY_DAYS")
    assert get_settings() == before


def test_get_settings_changed_env_file_is_read_again() -> None:
    assert get_settings().actor is None
    Path(".env").write_text("FINE_TUNING_ACTOR=ann\n")
    assert get_settings().actor == "ann"
    Path(".env").write_text("FINE_TUNING_ACTOR=bob\n")
    assert get_settings().actor == "bob"
    Path(".env").unlink()
    assert get_settings().actor is None


def test_get_settings_invalid_setting_raises_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINE_TUNING_EXPIRY_DAYS", "soon")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="FINE_TUNING_EXPIRY_DAYS = 'soon'"):
            get_settings()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FINE_TUNING_PRICES", "{bad", r"FINE_TUNING_PRICES is not JSON: .*; it holds own prices"),
        ("FINE_TUNING_PRICES", '{"a": {"input": "x"}}', r"FINE_TUNING_PRICES in a\.input = 'x'"),
        (
            "FINE_TUNING_PRICES",
            '{"a": {"input": "1"}}',
            r"FINE_TUNING_PRICES in a\.input = '1': input should be a valid n",
        ),
        ("FINE_TUNING_PRICES", '{"a": {"batch": {"input": true}}}', r"FINE_TUNING_PRICES in a\.batch\.input = True"),
        (
            "FINE_TUNING_PRICES",
            '{"a": {"input": 1}, "a": {}}',
            "FINE_TUNING_PRICES: the key 'a' is there twice; keep one",
        ),
        ("FINE_TUNING_PRICES", '{"a": {"input": 1, "input": 2}}', "FINE_TUNING_PRICES: the key 'input' is there twice"),
        ("FINE_TUNING_ALIASES", '{"a": "b", "a": "c"}', "FINE_TUNING_ALIASES: the key 'a' is there twice"),
        ("FINE_TUNING_PRICES", '{"a": {"input": NaN}}', r"FINE_TUNING_PRICES in a\.input = nan"),
        ("FINE_TUNING_PRICES", '{"a": {"batch": {"inputs": 1}}}', r"FINE_TUNING_PRICES in a\.batch\.inputs = 1"),
        ("FINE_TUNING_PRICES", '{"a": {"provider": "azur"}}', r"a\.provider = 'azur': no prices .*such as azure"),
        ("FINE_TUNING_PRICES", "[" * 100_000, "nested too deeply"),
        ("FINE_TUNING_PRICES", '{"a": {"input": 1}, "A": {"input": 2}}', "'a' and 'A' are the same, as case"),
        (
            "FINE_TUNING_PRICES",
            '{"http://h:1/m": {"input": 1}, "H:1/m": {}}',
            "'http://h:1/m' and 'H:1/m' are the same",
        ),
        ("FINE_TUNING_PRICES", "[1]", r"FINE_TUNING_PRICES = \[1\]"),
        ("FINE_TUNING_PRICES", '{"*": {"input": 1}}', "'*' names no model; write a model, host/model or host/"),
        ("FINE_TUNING_PRICES", '{"/x": {"input": 1}}', "'/x' names no model; write a model, host/model or host/"),
        (
            "FINE_TUNING_PRICES",
            '{"gpt-4o/": {"input": 1}}',
            "'gpt-4o/' names no model; write a model, host/model or host/",
        ),
        (
            "FINE_TUNING_PRICES",
            '{"http://": {"input": 1}}',
            "'http://' names no model; write a model, host/model or host/",
        ),
        ("FINE_TUNING_ALIASES", "{bad", "FINE_TUNING_ALIASES is not JSON"),
        ("FINE_TUNING_ALIASES", '{"a": 1}', "FINE_TUNING_ALIASES in a = 1"),
        ("FINE_TUNING_DEPLOY_GATES", "expiry,x", "FINE_TUNING_DEPLOY_GATES in 1 = 'x'"),
        ("FINE_TUNING_DEPLOY_MIN_ACCURACY", "nan", "FINE_TUNING_DEPLOY_MIN_ACCURACY = 'nan'"),
        ("FINE_TUNING_EXPIRY_DAYS", "9" * 20, "FINE_TUNING_EXPIRY_DAYS"),
        ("FINE_TUNING_TRAINING_WORKERS", "0", "FINE_TUNING_TRAINING_WORKERS = '0'"),
        ("FINE_TUNING_MACHINE_USD_PER_HOUR", "inf", "FINE_TUNING_MACHINE_USD_PER_HOUR = 'inf'"),
        ("FINE_TUNING_ELECTRICITY_USD_PER_KWH", "-1", "FINE_TUNING_ELECTRICITY_USD_PER_KWH = '-1'"),
        ("FINE_TUNING_ENGINE", "x", "FINE_TUNING_ENGINE = 'x'"),
        ("FINE_TUNING_TRAINER_COMMAND", '"python', "FINE_TUNING_TRAINER_COMMAND = .*no closing quotation"),
        ("FINE_TUNING_VLLM_COMMAND", '"vllm', "FINE_TUNING_VLLM_COMMAND = .*no closing quotation"),
        ("FINE_TUNING_VLLM_OPTIONS", '"--x', "FINE_TUNING_VLLM_OPTIONS = .*no closing quotation"),
    ],
)
@pytest.mark.parametrize("is_in_file", [False, True])
def test_get_settings_any_broken_setting_is_one_line(
    name: str, value: str, said: str, is_in_file: bool, monkeypatch: pytest.MonkeyPatch, cli: Any
) -> None:
    if is_in_file:
        monkeypatch.delenv(name, raising=False)
        Path(".env").write_text(f"{name}='{value}'\n")
    else:
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=said):
        get_settings()
    code, out, err = cli("cost-summary")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert name in err
