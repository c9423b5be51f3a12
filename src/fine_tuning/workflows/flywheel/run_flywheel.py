"""Advance the flywheel: begin runs that are due, and take each open one from step to step."""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fine_tuning.errors import ConfigurationError, ConflictError, FineTuningError, NotFoundError
from fine_tuning.gateway import route_changes
from fine_tuning.store import database_clock, flywheels
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.flywheels import EndStatus, FlywheelRun, FlywheelStep
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.bakeoff.fine_tune_candidate import WaitForJob
from fine_tuning.workflows.flywheel import alerts, drift_watch, triggers
from fine_tuning.workflows.flywheel.drift_watch import DriftFound
from fine_tuning.workflows.flywheel.flywheel_policy import STEPS, FlywheelPolicy, StepName, policy_of
from fine_tuning.workflows.flywheel.flywheel_steps import (
    STEP_FUNCTIONS,
    Ends,
    OnMessage,
    Outcome,
    StepContext,
    Waits,
)

_log = logging.getLogger(__name__)
ATTEMPTS = 3  # of a step that fails
DRIFT_EVERY = timedelta(minutes=15)  # a look embeds thousands of texts
RENEW_SECONDS = flywheels.LEASE_SECONDS / 4


@dataclass
class Flywheel:
    """The standing loop of a workspace.

    Args:
        on_message: called with a line about each step.
        wait_for_job: waits until the job of a fine-tune has ended.
    """

    workspace: Workspace
    on_message: OnMessage
    wait_for_job: WaitForJob
    _looked: dict[tuple[str, str], datetime] = field(default_factory=dict)
    _left: set[int] = field(default_factory=set)
    _worker: str = field(default_factory=lambda: f"{socket.gethostname()[:40]} {os.getpid()} {uuid.uuid4().hex[:8]}")

    def tick(self, policies: Sequence[FlywheelPolicy]) -> bool:
        """Begin what is due, and advance what is open; a route whose policy cannot be followed is told.

        Returns whether all could be followed.
        Nothing is done while this machine's clock is wrong: schedules and leases are times.
        """
        are_followed = True
        for policy in policies:
            try:
                self._check_clock()
                run = self.open_run(policy) or self._begun(policy)
                if run is not None:
                    self.advance(run)
            except FineTuningError as error:
                self.on_message(f"{policy.route}: {error}")
                are_followed = False
        return are_followed

    def _check_clock(self) -> None:
        with self.workspace.database.read() as tx:
            if (problem := database_clock.problem(tx)) is not None:
                raise ConfigurationError(f"{problem}: set it (by NTP, for example); until then nothing is done")

    def open_run(self, policy: FlywheelPolicy) -> FlywheelRun | None:
        """The run of a route that has not ended."""
        with self.workspace.database.read() as tx:
            found = flywheels.newest(tx, *policy.place, limit=1)
        return found[0] if found and found[0]["status"] in flywheels.OPEN else None

    def _begun(self, policy: FlywheelPolicy) -> FlywheelRun | None:
        reason = triggers.due(self.workspace, policy, self._look)
        return None if reason is None else self.begin(policy, reason)

    def _look(self, policy: FlywheelPolicy, since: datetime | None) -> list[DriftFound]:
        """Look for drift, not at every tick."""
        last = self._looked.get(policy.place)
        if last is not None and now() - last < DRIFT_EVERY:
            return []
        self._looked[policy.place] = now()
        found, (project, route) = drift_watch.look(self.workspace, policy, since), policy.place
        kept: list[JsonColumn] = [{**each} for each in found]
        with self.workspace.database.write() as tx:
            flywheels.add_look(tx, {"project": project, "route": route, "found": kept, "created_at": now()})
        return found

    def begin(self, policy: FlywheelPolicy, trigger: str) -> FlywheelRun:
        """Begin a run.

        Raises:
            NotFoundError: there is no such route.
            ConflictError: a run of it is open.
        """
        with self.workspace.database.write() as tx:
            route_changes.find(tx, *policy.place)
            stored = policy.model_dump(mode="json", exclude_unset=True)
            run = flywheels.begin(tx, policy.place, trigger, stored, STEPS[0])
        self.on_message(f"{policy.route}: run {run['id']} begins: {trigger}")
        alerts.send(self.workspace, policy.place, f"{policy.route}: the flywheel begins", trigger)
        return run

    def advance(self, run: FlywheelRun) -> FlywheelRun:
        """Take a run as far as it goes now: until it waits or has ended. One process at a time does so."""
        with self.workspace.database.write() as tx:
            is_ours = flywheels.claim(tx, run["id"], self._worker)
        if not is_ours:
            return self._left_to_another(self._read(run["id"]))
        with _renewed(self.workspace, run["id"], self._worker):
            while self._takes_step(run := self._read(run["id"])):
                pass
        return self._read(run["id"])

    def _left_to_another(self, run: FlywheelRun) -> FlywheelRun:
        """Say so, once, of a run that is open."""
        if run["status"] in flywheels.OPEN and run["id"] not in self._left:
            self._left.add(run["id"])
            most = f"{flywheels.LEASE_SECONDS:.0f} s after its last sign of life"
            self.on_message(f"{run['route']}: run {run['id']} is another process's, until {most}")
        return run

    @contextmanager
    def _writes(self, run: FlywheelRun) -> Iterator[Transaction]:
        """A transaction of the process that has a run.

        Raises:
            ConflictError: it has ended, or this process was taken for dead and another one has it.
        """
        with self.workspace.database.write() as tx:
            if not flywheels.claim(tx, run["id"], self._worker):
                raise ConflictError(f"run {run['id']} has ended meanwhile, or another process has taken it over")
            yield tx

    def _takes_step(self, run: FlywheelRun) -> bool:
        """Take the step at which a run is. Returns whether there is a next one now."""
        if run["status"] not in flywheels.OPEN:
            return False
        policy, step = policy_of(run["policy"]), next(each for each in STEPS if each == run["step"])
        with self._writes(run) as tx:
            steps = flywheels.steps(tx, run["id"])
            needs_approval = _needs_approval(policy, step, steps)
            if not needs_approval:
                flywheels.begin_step(tx, run["id"], step)
        if needs_approval:
            return self._waits(run, step, f"approval: ft-cli flywheel approve {run['id']}", is_new=True)
        facts = {name: each["facts"] for name, each in steps.items() if each["facts"] is not None}
        context = StepContext(self.workspace, run, policy, facts, self.on_message, self.wait_for_job)
        try:
            return self._after(run, step, STEP_FUNCTIONS[step](context))
        except FineTuningError as error:
            failures = 1 + (steps[step]["failures"] if step in steps else 0)
            return self._failed(run, step, str(error), failures)

    def _after(self, run: FlywheelRun, step: StepName, outcome: Outcome) -> bool:
        if isinstance(outcome, Ends):
            return self._ended(run, step, outcome.status, outcome.reason)
        if isinstance(outcome, Waits):
            return self._waits(run, step, outcome.reason)
        following = STEPS[STEPS.index(step) + 1 :]
        with self._writes(run) as tx:
            flywheels.end_step(tx, run["id"], step, outcome.facts)
            if following:
                flywheels.move(tx, run["id"], following[0], "running")
        self.on_message(f"{run['route']}: {step}: done")
        return bool(following) or self._ended(run, step, "succeeded", "the winner answers all calls")

    def _waits(self, run: FlywheelRun, step: StepName, reason: str, *, is_new: bool = False) -> bool:
        """Note what a run waits for; whoever must act is told once."""
        if run["status"] == "waiting" and run["reason"] == reason:
            return False
        with self._writes(run) as tx:
            flywheels.move(tx, run["id"], step, "waiting", reason)
        self.on_message(f"{run['route']}: {step} waits for {reason}")
        if is_new:
            self._alert(run, f"{step} waits for approval", reason)
        return False

    def _failed(self, run: FlywheelRun, step: StepName, error: str, failures: int) -> bool:
        """Note a failure; the step is tried again at the next tick, a few times."""
        with self._writes(run) as tx:
            flywheels.fail_step(tx, run["id"], step)
        if failures >= ATTEMPTS:
            return self._ended(run, step, "failed", error)
        return self._waits(run, step, f"another attempt: {error}")

    def _ended(self, run: FlywheelRun, step: StepName, status: EndStatus, reason: str) -> bool:
        with self._writes(run) as tx:
            flywheels.end(tx, run["id"], status, f"{step}: {reason}")
        self.on_message(f"{run['route']}: {status}: {step}: {reason}")
        self._alert(run, status, f"{step}: {reason}")
        return False

    def _alert(self, run: FlywheelRun, what: str, body: str) -> None:
        alerts.send(self.workspace, (run["project"], run["route"]), f"{run['route']}: run {run['id']} {what}", body)

    def _read(self, run_id: int) -> FlywheelRun:
        with self.workspace.database.read() as tx:
            return find(tx, run_id)


def _needs_approval(policy: FlywheelPolicy, step: str, steps: Mapping[str, FlywheelStep]) -> bool:
    """Whether somebody has to let a step begin, and has not."""
    return step in policy.approval and (step not in steps or steps[step]["approved_by"] is None)


def find(tx: Transaction, run_id: int) -> FlywheelRun:
    """A run.

    Raises:
        NotFoundError: there is none.
    """
    if (found := flywheels.get(tx, run_id)) is None:
        raise NotFoundError(f"no run {run_id} of the flywheel; see ft-cli flywheel list")
    return found


def answer(workspace: Workspace, run_id: int, by: str, *, approves: bool) -> FlywheelRun:
    """Approve or reject the step for which a run waits.

    Raises:
        NotFoundError: there is no such run.
        ConflictError: it waits for no approval.
    """
    with workspace.database.write() as tx:
        run = find(tx, run_id)
        policy, step = policy_of(run["policy"]), run["step"]
        is_asked = _needs_approval(policy, step, flywheels.steps(tx, run_id))
        if run["status"] not in flywheels.OPEN or not is_asked:
            raise ConflictError(f"run {run_id} waits for no approval: it is {run['status']} at {step}")
        if approves:
            flywheels.approve(tx, run_id, step, by)
            flywheels.move(tx, run_id, step, "running")  # it waits for nobody any more
        else:
            flywheels.end(tx, run_id, "stopped", f"{step}: rejected by {by}")
        return find(tx, run_id)


@contextmanager
def _renewed(workspace: Workspace, run_id: int, worker: str) -> Iterator[None]:
    """Keep the lease of a run while the block runs, which may take hours."""
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(RENEW_SECONDS):
            try:
                with workspace.database.write() as tx:
                    if not flywheels.claim(tx, run_id, worker):
                        return
            except FineTuningError as error:  # the next time may succeed; until then the lease runs on
                _log.warning("run %s: %s", run_id, error)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        with workspace.database.write() as tx:
            flywheels.release(tx, run_id, worker)
