"""Settings are read once, and again as soon as what they are read from has changed."""

from __future__ import annotations

from pathlib import Path

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
