"""When the host of a model switches it off: what the host says, else what OpenAI has published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from fine_tuning._util import hosts
from fine_tuning._util.model_names import base_model_of, without_snapshot
from fine_tuning.errors import ConfigurationError, ProviderError
from fine_tuning.store import model_versions, shutdown_dates
from fine_tuning.store.database import Database, Transaction

# OpenAI's page of deprecations. Fine-tuned models end with their base.
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
Told = Mapping[tuple[str, str], str | None]


def end_of(version: Mapping[str, Any], told: Told, job_provider: str | None = None) -> date | None:
    """The day from which a version does not answer any more; None where none is announced.

    A host that lists a model without a date has not said that it stays: its base's date, and the table's, hold.

    Args:
        version: base_model, provider and provider_model of its record.
        told: what hosts say, by host and model; see `refresh`.
        job_provider: who trained it, for a version that does not say who answers for it.
    """
    provider = version["provider"] or job_provider
    if provider == "local":
        return None
    asked = [name for name in (version["provider_model"], version["base_model"]) if name]
    for name in asked:
        for form in _forms(name):
            if provider is not None and (found := told.get((provider, form))) is not None:
                return date.fromisoformat(found)
    if provider not in (None, hosts.OPENAI_URL):
        return None
    return next((date.fromisoformat(PUBLISHED[form]) for name in asked for form in _forms(name) if form in PUBLISHED),
                None)  # fmt: skip


def _forms(name: str) -> list[str]:
    """A model's own name, its base's, and that without the date of a snapshot."""
    return list(dict.fromkeys([name, base_model_of(name), without_snapshot(name)]))


def days_left(end: date | None, today: date | None = None) -> int | None:
    """Days until then, negative afterwards; None where no end is known."""
    return None if end is None else (end - (today or datetime.now(UTC).date())).days


def with_ends(tx: Transaction, versions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records with answered_by ("local" or a host's address; None where unknown), shutdown_date (ISO 8601) and
    days_left; both None where no end is announced.
    """
    told = shutdown_dates.known(tx)
    trained_by = model_versions.providers_of_jobs(tx, {version["job_id"] for version in versions})
    found = []
    for version in versions:
        trainer = trained_by.get(version["job_id"])
        end = end_of(version, told, trainer)
        shown = None if end is None else end.isoformat()
        answered_by = version["provider"] or trainer
        found.append(version | {"answered_by": answered_by, "shutdown_date": shown, "days_left": days_left(end)})
    return found


def refresh(database: Database, hosts_asked: list[str], api_key: str | None = None) -> dict[str, int | str]:
    """Ask hosts for the dates of all their models.

    Returns:
        By host how many of its models have a date, or why it could not be asked.
    """
    outcome: dict[str, int | str] = {}
    for host in hosts_asked:
        try:
            with hosts.translated_errors(host, "the list of models"):
                dates = {model.id: model.shutdown_date for model in hosts.make_client(api_key, host).models.list()}
        except (ProviderError, ConfigurationError) as error:
            outcome[host] = str(error)
            continue
        with database.write() as tx:
            shutdown_dates.note(tx, host, dates)
        outcome[host] = sum(each is not None for each in dates.values())
    return outcome
