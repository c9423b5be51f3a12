"""Shutdown dates of models: as announced by the host, else as published by OpenAI; which models are about to expire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

from fine_tuning._util import hosts
from fine_tuning._util.list_pages import listed
from fine_tuning._util.model_names import base_model_of, without_snapshot
from fine_tuning.errors import ConfigurationError, ProviderError
from fine_tuning.settings import Settings
from fine_tuning.store import model_versions, named_versions, shutdown_dates
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.records.model_versions import DatedModelVersion, ModelVersion

# OpenAI's deprecations page. Fine-tuned models are shut down with their base.
PUBLISHED_AS_OF = "2026-10-31"
PUBLISHED = {
    "babbage-002": "2026-09-28",
    "davinci-002": "2026-09-28",
    "gpt-3.5-turbo-1106": "2026-09-28",
    "gpt-3.5-turbo-instruct": "2026-09-28",
    "gpt-3.5-turbo": "2026-10-23",
    "gpt-4": "2026-10-23",
    "gpt-4-turbo": "2026-10-23",
    "gpt-4.1-nano": "2026-10-23",
    "gpt-4o-2024-05-13": "2026-10-23",
    "o1": "2026-10-23",
    "o3-mini": "2026-10-23",
    "o4-mini": "2026-10-23",
    "gpt-5": "2026-12-11",
    "gpt-5-mini": "2026-12-11",
    "gpt-5-nano": "2026-12-11",
    "o3": "2026-12-11",
    "gpt-4.1": "2027-01-14",
    "gpt-4.1-mini": "2027-01-14",
    "gpt-4o": "2027-01-14",
    "gpt-4o-mini": "2027-01-14",
}
Announced = Mapping[tuple[str, str], str | None]  # shutdown dates by host and model


def shutdown_date(version: ModelVersion, announced: Announced, job_provider: str | None = None) -> date | None:
    """The day from which the model of a version no longer answers; None where none is announced.

    A host that lists a model without a date has not promised to keep it: the date of its base, and the published
    one, still apply.

    Args:
        announced: by the hosts; see `refresh`.
        job_provider: the provider of the version's job, for a version without a provider.
    """
    provider = version["provider"] or job_provider
    if provider == "local":
        return None
    names = [name for name in (version["provider_model"], version["base_model"]) if name]
    forms = [form for name in names for form in _forms(name)]
    for form in forms:
        if provider is not None and (found := announced.get((provider, form))) is not None:
            return date.fromisoformat(found)
    if provider is not None and not hosts.is_openai(provider):
        return None
    return _published(forms)


def _forms(name: str) -> list[str]:
    """A model's own name, the name of its base, and that without the date of its snapshot."""
    return list(dict.fromkeys([name, base_model_of(name), without_snapshot(name)]))


def _published(forms: Sequence[str]) -> date | None:
    """The published day of the first form that has one."""
    return next((date.fromisoformat(PUBLISHED[form]) for form in forms if form in PUBLISHED), None)


def days_until(shutdown: date | None, today: date | None = None) -> int | None:
    """Days until a shutdown, negative afterwards; None where none is announced."""
    return None if shutdown is None else (shutdown - (today or datetime.now(UTC).date())).days


def days_left_of(tx: Transaction, name: str) -> int | None:
    """Days until the model of a name is shut down: a registered one, or a host's; None where none is announced."""
    version = named_versions.find(tx, name)
    if version is not None:
        return with_shutdown_dates(tx, [version])[0]["days_left"]
    forms, announced = _forms(name), shutdown_dates.known(tx)
    days = [day for (_, model), day in announced.items() if model in forms and day is not None]
    return days_until(date.fromisoformat(min(days)) if days else _published(forms))


def is_expiring(version: DatedModelVersion, within_days: int) -> bool:
    """Whether the model of a version is about to expire or retired: its shutdown is at most so many days ahead."""
    return version["days_left"] is not None and version["days_left"] <= within_days


def is_retired(days_left: int) -> bool:
    """Whether a model with so many days left is shut down already."""
    return days_left <= 0


def time_left(days_left: int) -> str:
    """The days until a shutdown in words: "in 12 days", or "retired"."""
    return "retired" if is_retired(days_left) else f"in {days_left:,} days"


def with_shutdown_dates(tx: Transaction, versions: Sequence[ModelVersion]) -> list[DatedModelVersion]:
    """The versions with the host that answers for them, its shutdown date and the days left."""
    announced = shutdown_dates.known(tx)
    job_providers = model_versions.providers_of_jobs(tx, {version["job_id"] for version in versions})
    found: list[DatedModelVersion] = []
    for version in versions:
        job_provider = job_providers.get(version["job_id"])
        day = shutdown_date(version, announced, job_provider)
        found.append(
            {
                **version,
                "answered_by": version["provider"] or job_provider,
                "shutdown_date": None if day is None else day.isoformat(),
                "days_left": days_until(day),
            }
        )
    return found


def expiring_versions(tx: Transaction, within_days: int, *, deployed_only: bool) -> list[DatedModelVersion]:
    """The versions whose model is about to expire or retired."""
    return [
        each
        for each in with_shutdown_dates(tx, model_versions.versions(tx))
        if is_expiring(each, within_days) and (not deployed_only or each["status"] == "DEPLOYED")
    ]


def refresh(database: Database, settings: Settings, addresses: Sequence[str] | None = None) -> dict[str, int | str]:
    """Fetch the shutdown dates of all models of hosts, and record them.

    Args:
        addresses: of the hosts; by default those that versions use, and the one in force.

    Returns:
        By host how many of its models have a date, or the error.
    """
    if addresses is None:
        with database.read() as tx:
            used = {each["provider"] for each in model_versions.versions(tx) if each["provider"] is not None}
        found = sorted((used - {"local"}) | {hosts.find_host(settings).url})
        chosen = [hosts.find_host(hosts.settings_for(settings, address), address) for address in found]
    else:
        chosen = [hosts.find_host(settings, address) for address in addresses]
    outcome: dict[str, int | str] = {}
    for host in chosen:
        try:
            with host.translated_errors("the list of models"):
                dates = _dates(listed(host, "models", host.client().models.list()))
        except (ProviderError, ConfigurationError) as error:
            outcome[host.url] = str(error)
            continue
        with database.write() as tx:
            shutdown_dates.record_dates(tx, host.url, dates)
        outcome[host.url] = sum(each is not None for each in dates.values())
    return outcome


def _dates(models: Iterable[object]) -> dict[str, str | None]:
    """The announced shutdown date of each model that a host lists by its id."""
    found = ((getattr(each, "id", None), getattr(each, "shutdown_date", None)) for each in models)
    return {name: day for name, day in found if isinstance(name, str)}
