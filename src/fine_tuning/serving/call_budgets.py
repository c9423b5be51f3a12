"""Budgets of calls: those that refuse a call before it is sent, and warnings of what is spent afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from fine_tuning.serving.answered_calls import Answer, ledger_name, record_cost
from fine_tuning.serving.engine import DEFAULT_CONCURRENCY
from fine_tuning.serving.model_resolution import Target
from fine_tuning.store import budgets
from fine_tuning.store.database import Database, Transaction

Item = TypeVar("Item")


class CallBudgets:
    """The budgets of a database, as the calls of one service meet them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: set[str] = set()  # names of which what was spent before has been told

    def check(self, target: Target, model: str) -> None:
        """Check the hard budgets before a call is sent.

        Raises:
            ConflictError: one of them is spent.
        """
        with self._database.read() as tx:
            budgets.check_call(tx, ledger_name(target, model))

    def batches(self, target: Target, model: str, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
        """The items of a batch, in parts that are each checked where a hard budget limits them.

        Raises:
            ConflictError: a hard budget is spent before this part.
        """
        with self._database.read() as tx:
            is_limited = budgets.has_hard(tx, ledger_name(target, model))
        size = DEFAULT_CONCURRENCY if is_limited else max(1, len(items))
        for start in range(0, len(items), size):
            self.check(target, model)
            yield items[start : start + size]

    def record(self, purpose: str, target: Target, answer: Answer, notes: Mapping[str, str]) -> None:
        """Add a call to the cost ledger, and warn of budgets that it has brought near their end; see `record_cost`."""
        with self._database.write() as tx:
            record_cost(tx, purpose, target, answer, notes)
            warnings = self._reached(tx, target, answer)
        budgets.warn(warnings)

    def _reached(self, tx: Transaction, target: Target, answer: Answer) -> list[str]:
        """What to warn of after a recorded call: budgets that reached 80 % or 100 % with it, or before this service."""
        name, cost = ledger_name(target, answer["model"]), answer["cost"]
        is_first = name not in self._seen
        self._seen.add(name)
        lines = budgets.reached(tx, name, None if is_first else cost or 0.0)
        if is_first and cost is None and budgets.has_hard(tx, name):
            lines.append(f"a call of {name} has no known price and no budget counts it: {answer['cost_note']}")
        return lines
