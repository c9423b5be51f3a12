"""What is wrong with a setting, in one line."""

from __future__ import annotations

import re
from json import JSONDecodeError
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsError

from fine_tuning.errors import ConfigurationError

_SHOWN = 80  # characters of an invalid value


def in_one_line(error: Exception, settings: type[BaseSettings]) -> ConfigurationError:
    """The error of reading settings as a line that names the setting or the file, and what to do."""
    if isinstance(error, ValidationError):
        return _invalid(error, settings)
    if isinstance(error, SettingsError):
        return _not_json(error, settings)
    if isinstance(error, RecursionError):
        return ConfigurationError("FINE_TUNING_PRICES or FINE_TUNING_ALIASES is nested too deeply")
    file = Path(".env").absolute()
    if isinstance(error, OSError):
        reason = (error.strerror or str(error)).lower()
        return ConfigurationError(f"cannot read {file}: {reason}; change its owner or mode")
    return ConfigurationError(f"{file} is not UTF-8 text; save it as UTF-8")


def _invalid(error: ValidationError, settings: type[BaseSettings]) -> ConfigurationError:
    problem = error.errors()[0]
    field, *within = problem["loc"]
    inside = f" in {'.'.join(map(str, within))}" if within else ""
    reason = problem["msg"].removeprefix("Value error, ")
    value = repr(problem["input"])
    value = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}..."
    return ConfigurationError(f"setting {_variable(str(field), settings)}{inside} = {value}: {_lower(reason)}")


def _not_json(error: SettingsError, settings: type[BaseSettings]) -> ConfigurationError:
    field = next(iter(re.findall(r'field "(\w+)"', str(error))), "")
    cause = _lower(str(error.__cause__ or error))
    if not isinstance(error.__cause__, JSONDecodeError):
        return ConfigurationError(f"setting {_variable(field, settings)}: {cause}")
    holds = known.description if (known := settings.model_fields.get(field)) else "JSON"
    return ConfigurationError(f"setting {_variable(field, settings)} is not JSON: {cause}; it holds {holds}")


def _variable(field: str, settings: type[BaseSettings]) -> str:
    """The environment variable of a field, or of a field's alias."""
    known = settings.model_fields.get(field)
    if known is None:
        return field
    return str(known.validation_alias or f"{settings.model_config.get('env_prefix', '')}{field.upper()}")


def _lower(text: str) -> str:
    """A sentence as a part of another one."""
    return text[:1].lower() + text[1:]
