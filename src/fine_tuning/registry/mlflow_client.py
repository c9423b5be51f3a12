"""A client of an MLflow registry, and what export and import agree on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from fine_tuning._util.library_errors import reason_of
from fine_tuning.errors import FineTuningError, MissingDependencyError, ProviderError

PREFIX = "fine_tuning."  # of the tags that carry our values
DEPLOYED = "deployed"  # the alias that MLflow's users load a model by
MlflowClient: TypeAlias = Any  # mlflow is not typed
MlflowVersion: TypeAlias = Any
MlflowPage: TypeAlias = Any


def open_client(uri: str) -> MlflowClient:
    """A client of the registry at an address.

    Raises:
        MissingDependencyError: the `mlflow` extra is not installed.
        ProviderError: the address is not one of a registry.
    """
    try:
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise MissingDependencyError("mlflow", "mlflow", "exchange with an MLflow registry") from error
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # its own 7 wait for minutes where nobody answers
    with translated(uri):
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """What MLflow's client raises as ProviderError, in one line with the address.

    A host that is no MLflow makes it raise the errors of the libraries that it reads responses with.
    """
    try:
        yield
    except FineTuningError:
        raise
    except Exception as error:
        raise ProviderError(
            f"MLflow at {uri.partition('?')[0]}: {reason_of(error)}; check the address of the registry"
        ) from error


def quoted(name: str) -> str:
    """A name quoted for an MLflow filter, which has no escapes."""
    return f"'{name}'" if '"' in name else f'"{name}"'


def from_tag(text: str | None, default: Any) -> Any:
    """A value that was exported; the default where there is none or somebody has replaced it by something else."""
    if text is None:
        return default
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return default
    kinds = dict if isinstance(default, dict) else (int, float)
    return value if isinstance(value, kinds) and not isinstance(value, bool) else default
