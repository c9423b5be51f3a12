"""What a host says of its jobs, files and models, checked before it is used: the SDK takes every value as it comes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from fine_tuning.errors import ProviderError
from fine_tuning.store.records.jobs import JobStatus
from fine_tuning.store.records.rows import JsonColumn

_MAX_NAME = 1_000  # characters
_MAX_ID, _MAX_MODEL = 80, 200  # of the store's columns of ids, and of models' names
_MAX_COUNT = 2**53  # what JSON's readers can hold
_FIRST_MOMENT, _LAST_MOMENT = 0, 253_402_300_799  # seconds: 1970, and the end of the year 9999


def _checked_name(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has characters that cannot be printed")
    return text


def _checked_id(text: str) -> str:
    if not text.strip("."):  # no path of the API
        raise ValueError("is no identifier")
    return _checked_name(text)


Name = Annotated[str, Field(max_length=_MAX_NAME), AfterValidator(_checked_name)]
Id = Annotated[str, Field(max_length=_MAX_ID), AfterValidator(_checked_id)]
ModelName = Annotated[str, Field(max_length=_MAX_MODEL), AfterValidator(_checked_id)]
Count = Annotated[int, Field(ge=0, le=_MAX_COUNT)]
Moment = Annotated[float, Field(ge=_FIRST_MOMENT, le=_LAST_MOMENT, allow_inf_nan=False)]  # seconds since 1970


class HostedObject(BaseModel):
    """An object of a host: what the pipeline uses is checked, the rest is kept."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    id: Id


class HostedModel(HostedObject):
    """A model; the format of its shutdown date is up to the host."""

    id: ModelName
    shutdown_date: Any = None


class HostedFile(HostedObject):
    """A file; `bytes` is None where the host does not say its size."""

    filename: Name
    purpose: Name
    bytes: Count | None = None


class HostedEvent(HostedObject):
    """An event of a job."""

    created_at: Moment | None = None
    level: str = "info"
    type: str | None = None
    message: str = ""
    data: JsonColumn | None = None


class HostedCheckpoint(HostedObject):
    """A checkpoint of a job."""

    created_at: Moment | None = None
    step_number: Count | None = None
    fine_tuned_model_checkpoint: Name = ""
    metrics: JsonColumn | None = None


class HostedJob(HostedObject):
    """A fine-tuning job."""

    model: Name
    status: JobStatus
    training_file: Id
    validation_file: Id | None = None
    result_files: list[Id] | None = None
    fine_tuned_model: Name | None = None
    created_at: Moment | None = None
    finished_at: Moment | None = None
    trained_tokens: Count | None = None
    seed: Annotated[int, Field(ge=-_MAX_COUNT, le=_MAX_COUNT)] | None = None
    hyperparameters: JsonColumn | None = None
    method: JsonColumn | None = None
    metadata: JsonColumn | None = None
    error: JsonColumn | None = None


class _BatchCounts(BaseModel):
    completed: Count = 0
    failed: Count = 0


class HostedBatch(HostedObject):
    """A batch; its errors and metadata are read as far as they have the usual form."""

    status: Name
    metadata: Any = None
    request_counts: _BatchCounts | None = None
    output_file_id: Id | None = None
    error_file_id: Id | None = None
    errors: Any = None


Kind = TypeVar("Kind", bound=BaseModel)


def checked(kind: type[Kind], given: object, what: str) -> Kind:
    """An object of the SDK, or its JSON, checked.

    Args:
        what: it is, for the message, e.g. "http://localhost/v1, job ftjob-1".

    Raises:
        ProviderError: it is not what the API describes.
    """
    import openai

    if not isinstance(given, openai.BaseModel | dict):
        raise ProviderError(f"{what}: it is no object, but {given!r:.100}")
    try:
        return kind.model_validate(given if isinstance(given, dict) else given.to_dict(warnings=False))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise ProviderError(f"{what}: {field} is {first['input']!r:.100} ({first['msg']})") from None
    except (ValueError, RecursionError):
        raise ProviderError(f"{what}: it is nested too deeply") from None


def moment_of(seconds: float | None) -> datetime | None:
    """A time in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def iso_of(seconds: float | None) -> str | None:
    """As `moment_of`, in ISO 8601."""
    moment = moment_of(seconds)
    return None if moment is None else moment.isoformat()
