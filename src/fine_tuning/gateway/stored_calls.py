"""Calls of the spool, stored in the database; a file is deleted when all of its calls are."""

from __future__ import annotations

import logging
from itertools import islice
from pathlib import Path

from fine_tuning._util.locks import try_lock
from fine_tuning.errors import UsageError
from fine_tuning.gateway import feedback
from fine_tuning.gateway.call_prices import CallPrices
from fine_tuning.gateway.call_records import SHADOW, CallRecords, records_of
from fine_tuning.gateway.canary_samples import CanarySamples
from fine_tuning.gateway.capture_policy import CapturePolicy
from fine_tuning.gateway.spooled_calls import SpooledCall, read_calls
from fine_tuning.gateway.telemetry import Telemetry
from fine_tuning.store import costs, examples, gateway_calls, routes
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.gateway_calls import GatewayCall
from fine_tuning.store.workspace import Workspace

_log = logging.getLogger(__name__)
BLOCK_CALLS = 200


def store_spool(workspace: Workspace, folder: Path, telemetry: Telemetry | None = None) -> int:
    """Store every complete file of the spool, and delete it. Returns the number of new calls.

    A file that is stored again, after a kill between the two, adds nothing.

    Args:
        telemetry: is given each new call.

    Raises:
        FineTuningError: the database cannot be written; the files stay.
    """
    files = complete_files(folder)
    count = 0
    if files:
        storing = _Storing(workspace, telemetry)
        count = sum(storing.store_file(path) for path in files)
    feedback.store_kept(workspace)
    feedback.apply_waiting(workspace)
    return count


def complete_files(folder: Path) -> list[Path]:
    """The files that nobody writes any more, oldest first: those of a process that was killed are among them."""
    if not folder.is_dir():
        return []
    return sorted([*folder.glob("*.jsonl"), *(path for path in folder.glob("*.part") if not _is_written(path))])


def _is_written(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return not try_lock(file.fileno())
    except FileNotFoundError:  # it has just been completed
        return True


class _Storing:
    """Stores files by the prices and the policy of a workspace."""

    def __init__(self, workspace: Workspace, telemetry: Telemetry | None) -> None:
        self._database = workspace.database
        self._prices = CallPrices(workspace)
        self._policy = CapturePolicy.of(workspace.settings)
        self._telemetry = telemetry
        self._samples = CanarySamples(workspace)

    def store_file(self, path: Path) -> int:
        """Store the calls of a file, and delete it. Returns the number of new ones."""
        calls, count = read_calls(path), 0
        while block := list(islice(calls, BLOCK_CALLS)):
            try:
                count += self._store(block)
            except UsageError:  # one of them cannot be kept, such as for metadata that is nested too deeply
                count += sum(map(self._store_alone, block))
        path.unlink(missing_ok=True)
        return count

    def _store_alone(self, call: SpooledCall) -> int:
        try:
            return self._store([call])
        except UsageError as error:
            _log.warning("%s was not stored: %s", call.facts["id"], error)
            return 0

    def _store(self, calls: list[SpooledCall]) -> int:
        found = [records_of(call, self._prices, self._policy) for call in calls]
        self._samples.record(found)  # first: repeated after a crash, it adds nothing
        with self._database.write() as tx:
            new = _add(tx, found)
        if self._telemetry is not None:
            spooled = {call.facts["id"]: call for call in calls}
            self._telemetry.add((spooled[each.call["id"]], each.call) for each in new)
        return len(new)


def _add(tx: Transaction, block: list[CallRecords]) -> list[CallRecords]:
    """Add those that are new."""
    known = gateway_calls.known(tx, [each.call["id"] for each in block])
    new = [each for each in block if each.call["id"] not in known]
    examples.capture(tx, [each.example for each in new if each.example is not None], are_rated=False)
    gateway_calls.add(tx, [each.call for each in new])
    for each in new:
        if each.cost is not None:
            costs.add(tx, each.cost)
            _count_shadow(tx, each.call)
    return new


def _count_shadow(tx: Transaction, call: GatewayCall) -> None:
    """Count what a call in shadow cost, of the budget of its route."""
    if call["role"] == SHADOW and call["route"] is not None and call["cost"] is not None:
        routes.add_shadow_dollars(tx, call["project"], call["route"], call["cost"])
