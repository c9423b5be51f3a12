"""Calls of a model that are each recorded before they are sent, so that none is paid twice, whatever stops them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import NamedTuple, cast

from fine_tuning.candidates.candidate import Request
from fine_tuning.data_io.messages import Message
from fine_tuning.datasets.reasoning_blocks import without_reasoning
from fine_tuning.errors import ConfigurationError, NotFoundError, ProviderError, UsageError
from fine_tuning.serving.answered_calls import ledger_name, record_cost
from fine_tuning.serving.engine import DEFAULT_CONCURRENCY, Completion
from fine_tuning.store import budgets, labels
from fine_tuning.store.column_types import from_json, to_json
from fine_tuning.store.records.labels import LabelCall, LabelKey
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.labelling.call_failures import Failure, failure_of, seconds_to_wait
from fine_tuning.workflows.labelling.paid_model import PaidModel
from fine_tuning.workflows.labelling.spending_limit import SpendingLimit
from fine_tuning.workflows.pace import Pace

ATTEMPTS = 8  # of a call that is known not to have been answered
RECORDERS = 4  # threads beside those that ask: what is recorded takes no place at the host
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds


class Ask(NamedTuple):
    """A request, and which of several answers to it is meant."""

    request: Request
    sample: int = 0


@dataclass(frozen=True)
class Bought:
    """An answer.

    Attributes:
        message: the assistant's.
        cost: US dollars; None is unknown.
        logprobs: each token with its natural logarithm; None where they were not given.
        is_kept: it was bought in an earlier run.
    """

    message: Message
    finish_reason: str | None
    cost: float | None
    served_by: str | None = None
    logprobs: Sequence[Sequence[object]] | None = None
    completion_tokens: int | None = None
    is_kept: bool = False


@dataclass(frozen=True)
class Missing:
    """No answer, and why; is_unknown: it may have been answered and paid."""

    reason: str
    is_unknown: bool = False


Result = Bought | Missing
NOT_ASKED = Missing("the budget is spent")
IN_BATCH = Missing("a batch that it is in has not ended; go on with --batch", is_unknown=True)
STOPPED = Missing("it was not asked: the run was stopped")
TAKEN = Missing("another run asks it at this moment")
UNKNOWN = Missing("an earlier run was stopped while it was asked: it may have been answered and paid", is_unknown=True)


@dataclass(frozen=True)
class Flow:
    """How fast calls are sent, and whether those of unknown outcome are sent again."""

    concurrency: int = DEFAULT_CONCURRENCY
    per_minute: float | None = None
    repeat_unknown: bool = False


def bought_of(found: JsonColumn, cost: float | None, *, is_kept: bool = False) -> Bought:
    """A stored answer, without the reasoning that it begins with: no label has it, and no two answers agree in it."""
    stated = ("finish_reason", "served_by", "logprobs", "completion_tokens")
    message: Message = found["message"]
    text = message.get("content")
    if isinstance(text, str) and (answer := without_reasoning(text)) != text:
        message = {**message, "content": answer.lstrip()}
    return Bought(message, cost=cost, is_kept=is_kept, **{name: found.get(name) for name in stated})


def stored_of(completion: Completion) -> JsonColumn:
    """An answer as it is stored."""
    message: JsonColumn = {"role": "assistant", "content": completion.text}
    if completion.refusal is not None:
        message = {**message, "refusal": completion.refusal}
    if completion.tool_calls:
        message = {**message, "content": completion.text or None, "tool_calls": list(completion.tool_calls)}
    found: JsonColumn = {
        "message": message,
        "finish_reason": completion.finish_reason,
        "served_by": completion.served_by,
        "completion_tokens": completion.completion_tokens,
    }
    return found if completion.logprobs is None else {**found, "logprobs": completion.logprobs}


class RecordedCalls:
    """Calls of one model in a workspace, within a limit of what they may cost."""

    def __init__(self, workspace: Workspace, model: PaidModel, limit: SpendingLimit, flow: Flow) -> None:
        self.model, self.limit = model, limit
        self._database, self._flow = workspace.database, flow
        self._pace = Pace(flow.per_minute, time.monotonic, time.sleep)
        self._is_spent, self._is_stopped = threading.Event(), threading.Event()
        self._turn, self._writing = threading.Lock(), threading.Lock()
        self._places = threading.Semaphore(flow.concurrency)
        self._resume_at = 0.0  # when a busy host may be asked again
        self._counted: dict[LabelKey, float] = {}  # what the limit has of each call

    def earlier(self, asks: Iterable[Ask]) -> dict[LabelKey, Result]:
        """What is recorded of these calls, which the limit counts: what they cost, or may have."""
        keys = {self.model.key(*ask) for ask in asks}
        with self._database.read() as tx:
            calls = labels.of_requests(tx, self.model.settings_key, list({key.request for key in keys}))
        counted = {key: call for key, call in calls.items() if key in keys or key.sample < 0}
        for key, call in counted.items():
            if call["cost"] is None and (call["answer"] is not None or call["reserved"] is None):
                self.limit.add_unknown()
            cost = call["reserved"] or 0.0 if call["cost"] is None else call["cost"]
            self.limit.settle(0.0, cost - self._counted.get(key, 0.0))
            self._counted[key] = cost
        return {key: result_of(call) for key, call in counted.items() if key in keys}

    def ask(self, asks: Sequence[Ask], on_result: Callable[[int], object] = lambda _: None) -> list[Result]:
        """An answer to each, or why there is none; those of earlier runs are kept.

        Args:
            on_result: called with 1 after each call that was sent.

        Raises:
            ConfigurationError, NotFoundError: the host refuses the key, or does not know the model.
            ConflictError: a hard budget of the month is spent.
            ProviderError: the host has no credit.
        """
        found = self.earlier(asks)
        self.forget_unknown(found)
        missing = {key: ask for ask in asks if (key := self.model.key(*ask)) not in found}
        for key, result in self._send(missing):
            found[key] = result
            on_result(1)
        return [found.get(self.model.key(*ask), NOT_ASKED) for ask in asks]

    def forget_unknown(self, found: dict[LabelKey, Result]) -> None:
        """Let calls of unknown outcome be sent again: what an own model lost was free, else if that is asked for."""
        if not (self._flow.repeat_unknown or self.model.is_local):
            return
        for key in [key for key, result in found.items() if result is UNKNOWN]:
            with self._database.write() as tx:
                (labels.forget if self.model.is_local else labels.set_aside)(tx, key)
            del found[key]

    def _send(self, missing: dict[LabelKey, Ask]) -> Iterator[tuple[LabelKey, Result]]:
        """Send calls, several at once, until the first that does not fit into the budget."""
        turns = iter(missing.items())
        threads = self._flow.concurrency + RECORDERS
        with ThreadPoolExecutor(threads) as pool:
            under_way = {pool.submit(self._next, turns) for _ in range(min(threads, len(missing)))}
            try:
                while under_way:
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    for result in filter(None, [each.result() for each in done]):
                        under_way.add(pool.submit(self._next, turns))
                        yield result
            finally:  # after Ctrl-C, or an error that ends all: what is under way is still waited for and recorded
                self._is_stopped.set()
        self._is_stopped.clear()

    def _next(self, turns: Iterator[tuple[LabelKey, Ask]]) -> tuple[LabelKey, Result] | None:
        """The result of the next call; None where there is none, or the budget is spent."""
        with self._turn:
            is_over = self._is_stopped.is_set() or self._is_spent.is_set()
            turn = None if is_over else next(turns, None)
        if turn is None:
            return None
        key, ask = turn
        most = self.model.most(ask.request)
        if not self.limit.reserve(most or 0.0):
            self._is_spent.set()
            return None
        cost = 0.0
        try:
            result = self._attempts(key, ask.request, most)
            cost = self._cost_of(result, most)
        finally:
            self.limit.settle(most or 0.0, cost)
            self._counted[key] = cost
        return key, result

    def _cost_of(self, result: Result, most: float | None) -> float:
        """What a call has cost, or may have; that of one without a price is unknown."""
        if isinstance(result, Missing) and not result.is_unknown:
            return 0.0
        cost = None if isinstance(result, Missing) else result.cost
        if cost is None and (isinstance(result, Bought) or most is None):
            self.limit.add_unknown()
        return (most or 0.0) if cost is None else cost

    def _attempts(self, key: LabelKey, request: Request, most: float | None) -> Result:
        """Send a call until it is answered, rejected or lost, or the host has been busy too often."""
        reason = ""
        for attempt in range(ATTEMPTS):
            self._wait()
            try:
                with self._places:
                    if self._is_stopped.is_set():
                        return STOPPED
                    if not self._announce(key, most):
                        return TAKEN
                    completion = self.model.ask(request)
                return self.record(key, completion)
            except (ConfigurationError, NotFoundError, UsageError):
                self._forget(key)
                raise
            except ProviderError as error:
                failure, reason = failure_of(error), str(error)
                if failure is Failure.UNKNOWN and not self.model.is_local:
                    return Missing(reason, is_unknown=True)
                self._forget(key)
                if failure is Failure.NO_CREDIT:
                    self._is_stopped.set()  # at once: the others wait for their place
                    raise
                if failure is not Failure.BUSY or self._is_stopped.is_set():
                    break
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)
                self._resume_at = time.monotonic() + (seconds_to_wait(error) or pause)
        return Missing(reason)

    def _wait(self) -> None:
        self._is_stopped.wait(max(0.0, self._resume_at - time.monotonic()))
        self._pace.wait()

    def _announce(self, key: LabelKey, most: float | None) -> bool:
        """Record a call before it is sent; False where another run sends it at this moment."""
        with self._writing, self._database.write() as tx:
            budgets.check_call(tx, ledger_name(self.model.target, self.model.name))
            return labels.ask(tx, [key], [most])

    def _forget(self, key: LabelKey) -> None:
        with self._writing, self._database.write() as tx:
            labels.forget(tx, key)

    def record(self, key: LabelKey, completion: Completion) -> Bought:
        """Record an answer together with its cost in the ledger."""
        params, target = self.model.params, self.model.target
        answer = self.model.priced(completion)
        notes = {} if params.about is None else {"about": params.about}
        stored = cast(
            "JsonColumn", from_json(to_json(stored_of(completion)))
        )  # what later runs read: no half characters
        with self._writing, self._database.write() as tx:
            labels.answer(tx, key, stored, answer["cost"])
            record_cost(tx, params.purpose, target, answer, notes)
            warnings = budgets.reached(tx, ledger_name(target, self.model.name), answer["cost"] or 0.0)
        budgets.warn(warnings)
        return bought_of(stored, answer["cost"])


def result_of(call: LabelCall) -> Result:
    """What came of a call of an earlier run."""
    if call["answer"] is None:
        return IN_BATCH if call["batch"] else UNKNOWN
    return bought_of(call["answer"], call["cost"], is_kept=True)
