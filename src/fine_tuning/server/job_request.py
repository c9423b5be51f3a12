"""The parameters of a fine-tuning job, as OpenAI's API takes them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fine_tuning.server.api_errors import invalid
from fine_tuning.server.chat_request import Metadata
from fine_tuning.server.request_model import Listed, RequestModel
from fine_tuning.store.records.rows import JsonColumn

AUTO = {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": 1.0, "beta": 0.1}
DEFAULT_SEED = 42

Auto = Literal["auto"]


class Hyperparameters(RequestModel):
    """Of supervised fine-tuning; "auto" is resolved and reported back."""

    n_epochs: Auto | Annotated[int, Field(ge=1, le=50, strict=True)] = "auto"
    batch_size: Auto | Annotated[int, Field(ge=1, le=256, strict=True)] = "auto"
    learning_rate_multiplier: Auto | Annotated[float, Field(gt=0, le=1e6, strict=True)] = "auto"


class DpoHyperparameters(Hyperparameters):
    """Of direct preference optimization."""

    beta: Auto | Annotated[float, Field(gt=0, le=2)] = "auto"


class Supervised(RequestModel):
    """Supervised fine-tuning."""

    hyperparameters: Hyperparameters = Hyperparameters()


class Dpo(RequestModel):
    """Direct preference optimization."""

    hyperparameters: DpoHyperparameters = DpoHyperparameters()


class Method(RequestModel):
    """The training method, with its hyperparameters under the name of its type."""

    type: Literal["supervised", "dpo", "reinforcement"]
    supervised: Supervised | None = None
    dpo: Dpo | None = None
    reinforcement: JsonColumn | None = None

    @model_validator(mode="after")
    def _fits(self) -> Method:
        for name in ("supervised", "dpo", "reinforcement"):
            if name != self.type and getattr(self, name) is not None:
                raise ValueError(f"{name} goes with type {name!r}, and the type is {self.type!r}")
        return self


class Wandb(RequestModel):
    """A run at Weights & Biases; recorded with the job, nothing is sent."""

    project: str
    name: str | None = None
    entity: str | None = None
    tags: Listed[str] | None = None


class Integration(RequestModel):
    """A service that a job is reported to."""

    type: Literal["wandb"]
    wandb: Wandb


class CreateJob(RequestModel):
    """A fine-tuning job as OpenAI's API takes it."""

    model: str = Field(min_length=1, max_length=200)
    training_file: str = Field(min_length=1)
    validation_file: str | None = None
    suffix: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,64}$")
    seed: int | None = Field(default=None, ge=0, le=2**31 - 1)
    hyperparameters: Hyperparameters | None = None
    method: Method | None = Field(
        default=None, json_schema_extra={"support": "supported", "why": "supervised and dpo; reinforcement is refused"}
    )
    metadata: Metadata | None = None
    integrations: list[Integration] | None = Field(
        default=None,
        max_length=5,
        json_schema_extra={"support": "ignored", "why": "recorded with the job, nothing is sent"},
    )


def hyperparameters_of(body: CreateJob) -> tuple[str, Hyperparameters]:
    """The method and its hyperparameters, which older clients send outside the method."""
    method = body.method or Method(type="supervised")
    if method.type == "reinforcement":
        message = "method 'reinforcement' is not supported by this server; use 'supervised' or 'dpo'"
        raise invalid(message, "method.type", "unsupported_method")
    given = method.dpo if method.type == "dpo" else method.supervised
    if given is not None and body.hyperparameters is not None:
        raise invalid("set hyperparameters inside or outside method, not both", "hyperparameters")
    if given is not None:
        return method.type, given.hyperparameters
    outside = (body.hyperparameters or Hyperparameters()).model_dump()
    return method.type, DpoHyperparameters(**outside) if method.type == "dpo" else Hyperparameters(**outside)
