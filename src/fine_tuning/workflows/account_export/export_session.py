"""What every step of an account export needs: the workspace, the host, and the report that the steps fill in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from fine_tuning._util.hosts import Host
from fine_tuning.settings import acting_user
from fine_tuning.store import relocations
from fine_tuning.store.database import Transaction
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.account_export.export_report import Report

if TYPE_CHECKING:
    from openai import OpenAI

Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class ExportSession:
    """One run of an export.

    Attributes:
        host, client: of the account.
        report: counts and problems; the steps add to it.
        on_message: called with each step.
    """

    workspace: Workspace
    host: Host
    client: OpenAI
    report: Report
    on_message: Callable[[str], None]

    @property
    def url(self) -> str:
        """The address of the host, which is the provider of the records."""
        return self.host.url

    @property
    def actor(self) -> str:
        """The name for changes of the registry."""
        return acting_user(self.workspace.settings)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that no other export of this host interrupts between its reads and writes."""
        with self.workspace.database.write() as tx:
            relocations.lock_host(tx, self.url)
            yield tx

    def counted(self, what: str, results: Iterable[Outcome], count: int) -> Iterator[Outcome]:
        """The results, with a message about each."""
        for number, result in enumerate(results, 1):
            self.on_message(f"{what}: {number} of {count}")
            yield result
