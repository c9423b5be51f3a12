"""Exports the fine-tuning jobs, models, checkpoints and files of an OpenAI account (or of a compatible host).

It only reads from the account. Files that were fetched before are not fetched again, so that an interrupted export can
be run again; changes in the account are applied here. Several exports may run at once.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from fine_tuning._util import hosts
from fine_tuning.errors import NotFoundError, ProviderError
from fine_tuning.store import shutdown_dates
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs.hosted_objects import HostedJob
from fine_tuning.workflows.account_export.account_lists import read_checkpoints, read_lists
from fine_tuning.workflows.account_export.export_report import Report, write_inventory
from fine_tuning.workflows.account_export.export_session import ExportSession
from fine_tuning.workflows.account_export.exported_files import fetch_file
from fine_tuning.workflows.account_export.exported_jobs import record_jobs
from fine_tuning.workflows.account_export.exported_models import (
    archive_deleted_models,
    register_models_without_job,
)

READ_CONCURRENCY = 4  # requests; hosts limit lists more than calls of a model
MAX_RETRIES = 8  # of a request by the SDK, with exponential backoff


def export_account(
    workspace: Workspace,
    api_key: str | None = None,
    base_url: str | None = None,
    *,
    on_message: Callable[[str], None] = lambda _: None,
) -> Report:
    """Inventory an account, fetch its files, and register its models with lineage and shutdown dates.

    Raises:
        ConfigurationError: there is no key, or the host refuses it.
        ProviderError: a list is unavailable after all retries.
    """
    host = hosts.find_host(workspace.settings, base_url, api_key)
    client, report = host.client(max_retries=MAX_RETRIES), Report(host.url)
    session = ExportSession(workspace, host, client, report, on_message)
    lists = read_lists(client, host, on_message)
    report.missing += lists.unusable
    with workspace.database.write() as tx:
        shutdown_dates.record_dates(tx, host.url, {model.id: model.shutdown_date for model in lists.models})
    file_ids, listed = lists.files_of_jobs(), {file.id: file for file in lists.files}
    with ThreadPoolExecutor(READ_CONCURRENCY) as pool:
        reads = pool.map(lambda job: _checkpoints(session, job), lists.jobs)
        found = list(session.counted("checkpoints", reads, len(lists.jobs)))
        checkpoints = {job.id: points for job, points in zip(lists.jobs, found, strict=True) if points}
        fetches = pool.map(lambda each: fetch_file(session, each, listed.get(each)), file_ids)
        fetched = list(session.counted("files", fetches, len(file_ids)))
    available = {file_id for file_id, is_here in zip(file_ids, fetched, strict=True) if is_here}
    record_jobs(session, lists, checkpoints, available)
    without_job = lists.models_without_job()
    register_models_without_job(session, without_job)
    archive_deleted_models(session, lists)
    report.jobs, report.files = len(lists.jobs), len(file_ids)
    report.models = len(lists.models_of_jobs()) + len(without_job)
    report.checkpoints = sum(map(len, found))
    write_inventory(workspace, report, lists, checkpoints)
    return report


def _checkpoints(session: ExportSession, job: HostedJob) -> list[JsonColumn]:
    """The checkpoints of a job that succeeded; the report names those that are unavailable."""
    if job.status != "succeeded":
        return []
    try:
        return read_checkpoints(session.client, session.host, job.id, session.report.missing)
    except (NotFoundError, ProviderError) as error:
        session.report.missing.append(f"checkpoints of {job.id}: {error}")
        return []
