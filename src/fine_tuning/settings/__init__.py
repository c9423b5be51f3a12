"""Configuration from the environment, a `.env` file, or keyword arguments; nothing else reads environment variables."""

from __future__ import annotations

import getpass
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from fine_tuning.settings.json_sources import Environment, EnvironmentFile
from fine_tuning.settings.setting_errors import in_one_line
from fine_tuning.settings.token_prices import Price, TokenPrice

__all__ = ["Gate", "Price", "Settings", "TokenPrice", "acting_as", "acting_user", "get_settings"]

Gate = Literal["evaluation", "experiment", "expiry", "artifact"]
Private = Literal["secrets", "personal_data"]


class Settings(BaseSettings):
    """Where things are kept and how hosts are reached. Variables are prefixed `FINE_TUNING_` unless named otherwise."""

    model_config = SettingsConfigDict(
        env_prefix="FINE_TUNING_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
        frozen=True,
    )

    home: Path = Field(default=Path("data/fine_tuning"), description="workspace folder")
    database_url: str | None = Field(default=None, description="SQLAlchemy URL; SQLite inside `home` when unset")
    ray_address: str | None = Field(
        default=None, description="Ray cluster for dataset builds and training; local when unset"
    )
    training_workers: int = Field(default=1, ge=1, description="machines per training job, unless the job sets it")
    machine_usd_per_hour: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="hourly price of this machine, US dollars; the cost of local training is unknown when unset",
    )
    actor: str | None = Field(
        default=None, description="user recorded with registry changes; the system user when unset"
    )
    deploy_gates: Annotated[tuple[Gate, ...], NoDecode] = Field(
        default=("expiry",), description="checks before a deployment: evaluation, experiment, expiry, artifact"
    )
    deploy_min_accuracy: float = Field(default=0.0, ge=0, le=1, description="minimum accuracy for the evaluation gate")
    expiry_days: int = Field(
        default=30, ge=0, le=36_500, description="days before shutdown at which a base model counts as expiring"
    )
    prices: dict[str, Price] = Field(
        default_factory=dict,
        description='own prices, US dollars per million tokens, as JSON: {"model": {"input": 1, "output": 2}}',
    )
    trainer_command: str = Field(
        default="",
        description="command that trains a job, as in a shell, such as `nice -n 10 /venv/bin/python -m "
        "fine_tuning.training.jobs.worker`; the ids of each job and its worker are appended; this Python when empty",
    )
    electricity_usd_per_kwh: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="price of electricity; adds the measured energy of local training to its cost",
    )
    aliases: dict[str, str] = Field(
        default_factory=dict,
        description='model names for clients of the server, as JSON: {"name": "base model"}',
    )
    upstreams: dict[str, str] = Field(
        default_factory=dict,
        description="APIs that the gateway passes calls to, beside OpenAI, Anthropic and Gemini, as JSON: "
        '{"azure": "https://NAME.openai.azure.com"}; '
        "chat+, openai+, anthropic+ or gemini+ before an address says its wire; litellm://VENDOR asks through LiteLLM",
    )
    litellm_python: Path | None = Field(
        default=None, description="Python from 3.11 on that has LiteLLM; this one when unset"
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="key by which the gateway encrypts the vendors' keys that it holds (ft-cli vendor-keys secret); "
        "several, separated by commas: the first encrypts, all decrypt",
    )
    alerts: SecretStr | None = Field(
        default=None,
        description="where the flywheel sends alerts: addresses as apprise takes them, such as mailto:// or slack://, "
        "separated by spaces",
    )
    capture_rate: float = Field(
        default=1.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="share of the gateway's calls that become examples: all or none of a conversation or unit; the "
        "tokens and prices of all are recorded",
    )
    capture_mask: Annotated[tuple[Private, ...], NoDecode] = Field(
        default=(), description="what is masked in the gateway's calls before they are stored: secrets, personal_data"
    )
    capture_days: int | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="days for which the gateway's calls are kept; examples that were rated or used stay",
    )
    capture_mib: int | None = Field(
        default=None, ge=1, description="size of the gateway's calls that are kept, the newest, in MiB"
    )
    engine: Literal["auto", "llama.cpp", "vllm"] = Field(
        default="auto", description="inference engine of local models in the server; auto: vLLM if installed with a GPU"
    )
    vllm_command: str = Field(default="vllm", min_length=1, description="command that starts vLLM")
    vllm_options: str = Field(default="", description="additional options of `vllm serve`, as in a shell")
    ollama_host: str = Field(
        default="http://localhost:11434", validation_alias="OLLAMA_HOST", description="address of Ollama"
    )
    openai_api_key: SecretStr | None = Field(
        default=None, validation_alias="OPENAI_API_KEY", description="API key of the host"
    )
    openai_base_url: str | None = Field(
        default=None, validation_alias="OPENAI_BASE_URL", description="address of the host; OpenAI when unset"
    )

    langfuse_host: str = Field(
        default="https://cloud.langfuse.com", validation_alias="LANGFUSE_HOST", description="address of Langfuse"
    )
    langfuse_base_url: str | None = Field(
        default=None,
        validation_alias="LANGFUSE_BASE_URL",
        description="address of Langfuse; takes precedence over LANGFUSE_HOST",
    )
    langfuse_public_key: str | None = Field(
        default=None, validation_alias="LANGFUSE_PUBLIC_KEY", description="public key of a project in Langfuse"
    )
    langfuse_secret_key: SecretStr | None = Field(
        default=None, validation_alias="LANGFUSE_SECRET_KEY", description="secret key of a project in Langfuse"
    )
    phoenix_collector_endpoint: str = Field(
        default="http://localhost:6006", validation_alias="PHOENIX_COLLECTOR_ENDPOINT", description="address of Phoenix"
    )
    phoenix_api_key: SecretStr | None = Field(
        default=None, validation_alias="PHOENIX_API_KEY", description="key of Phoenix, if it needs one"
    )
    phoenix_project_name: str = Field(
        default="default", validation_alias="PHOENIX_PROJECT_NAME", description="project in Phoenix"
    )
    langsmith_endpoint: str = Field(
        default="https://api.smith.langchain.com",
        validation_alias="LANGSMITH_ENDPOINT",
        description="address of LangSmith",
    )
    langsmith_api_key: SecretStr | None = Field(
        default=None, validation_alias="LANGSMITH_API_KEY", description="key of LangSmith"
    )
    langsmith_project: str = Field(
        default="default", validation_alias="LANGSMITH_PROJECT", description="project in LangSmith"
    )
    langsmith_workspace_id: str | None = Field(
        default=None, validation_alias="LANGSMITH_WORKSPACE_ID", description="workspace of LangSmith's key, if several"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, the environment, the `.env` file; JSON in which a key is there twice is refused."""
        file = dotenv_settings.env_file if isinstance(dotenv_settings, DotEnvSettingsSource) else None
        return init_settings, Environment(settings_cls), EnvironmentFile(settings_cls, env_file=file)

    def folder(self, name: str) -> Path:
        """Path of a workspace folder (datasets, files, artifacts, models, logs, evaluations), there or not yet."""
        return self.home.absolute() / name

    @field_validator("deploy_gates", "capture_mask", mode="before")
    @classmethod
    def _listed(cls, names: object) -> object:
        """Names separated by commas, as in an environment variable; "none" for no gate, or nothing to mask."""
        if not isinstance(names, str):
            return names
        return () if names.strip() == "none" else tuple(name.strip() for name in names.split(",") if name.strip())

    @field_validator("prices")
    @classmethod
    def _of_models(cls, prices: dict[str, Price]) -> dict[str, Price]:
        """Each of a model, of a model at a host, or of all models of a host (`host/*`)."""
        known = dict[str, str]()
        for key in prices:
            folded = key.strip().rpartition("://")[2].casefold()
            if (other := known.setdefault(folded, key)) != key:
                raise ValueError(f"{other!r} and {key!r} are the same, as case and scheme do not matter; keep one")
            host, slash, model = key.strip().rpartition("/")
            is_host = bool(host.rpartition("://")[2].strip("/"))
            if not model or (slash and not is_host) or (model == "*" and not slash):
                raise ValueError(f"{key!r} names no model; write a model, host/model or host/*")
        return prices

    @field_validator("trainer_command", "vllm_command", "vllm_options")
    @classmethod
    def _splittable(cls, command: str) -> str:
        """Text that can be split into words as in a shell; ValueError for an open quotation mark."""
        shlex.split(command)
        return command

    @field_validator("home", "litellm_python")
    @classmethod
    def _expanded(cls, path: Path | None) -> Path | None:
        """A `~` from a .env file, which no shell has replaced."""
        return None if path is None else Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser fails for a user that does not exist


_acting: ContextVar[str | None] = ContextVar("acting", default=None)


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Record registry changes in the block under another name, such as that of a person at the dashboard."""
    token = _acting.set(name)
    try:
        yield
    finally:
        _acting.reset(token)


def acting_user(settings: Settings) -> str:
    """The name for registry changes: of `acting_as`, else the setting `actor`, else the system user."""
    if (name := _acting.get()) is not None:
        return name
    try:
        return settings.actor or getpass.getuser()
    except (KeyError, OSError):  # a container without a user database
        return "unknown"


_last: tuple[object, Settings] | None = None


def get_settings() -> Settings:
    """The current settings; read again only if the environment or the `.env` file has changed.

    Raises:
        ConfigurationError: a setting is invalid.
    """
    global _last
    last, sources = _last, _sources()
    if last is None or last[0] != sources:
        _last = last = (sources, _read())
    return last[1]


_PREFIXES = ("FINE_TUNING_", "OPENAI_", "OLLAMA_", "LANGFUSE_", "PHOENIX_", "LANGSMITH_")


def _sources() -> object:
    """The sources of the settings, for comparison: reading takes 2 ms, and a deployment needs them three times."""
    variables = {name: os.environ[name] for name in os.environ if name.upper().startswith(_PREFIXES)}
    try:
        file = Path(".env").stat()
    except OSError:
        return variables, None
    return variables, (file.st_dev, file.st_ino, file.st_size, file.st_mtime_ns, file.st_ctime_ns)


def _read() -> Settings:
    try:
        return Settings()
    except (OSError, ValueError, SettingsError, RecursionError) as error:
        raise in_one_line(error, Settings) from None
