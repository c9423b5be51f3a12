"""Sources of settings whose JSON has each key once: of two values under one key, one would be dropped silently."""

from __future__ import annotations

import json
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource, NoDecode


class _UniqueKeys(EnvSettingsSource):
    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:  # noqa: ARG002
        """Parse the JSON of a setting; ValueError where a key is there twice."""
        if NoDecode in field.metadata:
            return value
        return json.loads(value, object_pairs_hook=_unique)


class Environment(_UniqueKeys):
    """The variables of the environment."""


class EnvironmentFile(_UniqueKeys, DotEnvSettingsSource):
    """The lines of a `.env` file."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} is there twice; keep one")
        found[key] = value
    return found
