"""The calls of a bake-off, and its three parts: none shares a conversation with another."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from fine_tuning._util.same_model import is_same
from fine_tuning.candidates.candidate import LabelledCall, Request
from fine_tuning.costs.data_costs import price_of_answer
from fine_tuning.costs.prices import PriceList
from fine_tuning.data_io import sources
from fine_tuning.data_io.messages import compared_text, length_of_request, messages_of_example
from fine_tuning.data_io.rows import conversation_key
from fine_tuning.datasets import conversations, dataset_catalogue
from fine_tuning.distillation.import_report import Defaults
from fine_tuning.distillation.row_reader import Import
from fine_tuning.errors import DataError
from fine_tuning.store.examples import CURATED_RATING
from fine_tuning.store.records.examples import NewExample
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.bakeoff.bakeoff_plan import BakeoffPlan

PARTS = ("train", "validation", "test")
MIN_ROWS = 20  # of the test part, for a verdict


@dataclass(frozen=True)
class Row:
    """A call with what is recorded about it.

    Attributes:
        model: that gave the answer; "unknown", or "human".
        cost: of that answer, US dollars; None is unknown.
        slices: fields by which results are grouped.
        conversation: its number; rows of one may be correlated.
    """

    call: LabelledCall
    model: str = "unknown"
    cost: float | None = None
    slices: Mapping[str, str] = field(default_factory=dict)
    conversation: int = 0


@dataclass(frozen=True)
class BakeoffData:
    """The parts of a dataset.

    Attributes:
        badly_rated: calls that were left out because of the rating of their answer.
        leaked: calls that were left out because their conversation is in a part that judges, too.
        of_others: calls of these parts that were left out because their answers are not the incumbent's.
    """

    name: str
    train: Sequence[Row]
    validation: Sequence[Row]
    test: Sequence[Row]
    badly_rated: int = 0
    leaked: int = 0
    of_others: int = 0

    def judged_by(self, model: str) -> BakeoffData:
        """The parts for a score of agreement with a model: only its own answers judge, where any are recorded as such.

        Raises:
            DataError: these are too few to test on.
        """
        validation, test = ([row for row in part if is_same(row.model, model)] for part in (self.validation, self.test))
        if not test:
            return self
        check_enough(test)
        of_others = len(self.validation) - len(validation) + len(self.test) - len(test)
        return replace(self, validation=validation, test=test, of_others=of_others)

    @property
    def test_hash(self) -> str:
        """Names the test part, whatever it is called: of the questions and answers in it."""
        return hashlib.sha256("\n".join(sorted(map(_line, self.test))).encode()).hexdigest()

    @property
    def test_calls(self) -> set[str]:
        """Names each call of the test part likewise."""
        return {hashlib.sha256(_line(each).encode()).hexdigest()[:16] for each in self.test}


def _line(row: Row) -> str:
    return json.dumps([row.call.request.messages, row.call.answer], sort_keys=True)


def read(workspace: Workspace, name: str, plan: BakeoffPlan) -> BakeoffData:
    """The calls of a dataset: its own parts where it has a test part, else parts that are drawn at random.

    Args:
        name: of a dataset, its folder, or a file of calls in any format that imports read.

    Raises:
        NotFoundError, DataError: there is no such dataset, or too few calls.
    """
    files = dataset_catalogue.files_of(workspace.database, name)
    prices = PriceList(workspace.settings.prices)
    rows = {file: list(_rows(file, prices)) for file in files}
    good = {file: [each for each in found if each.record["rating"] >= CURATED_RATING] for file, found in rows.items()}
    left_out = sum(map(len, rows.values())) - sum(map(len, good.values()))
    own = {Path(file).stem: file for file in files}
    leaked = 0
    if "test" in own and "train" in own:
        given = {part: good[own[part]] if part in own else [] for part in PARTS}
        parts = _apart(given)
        leaked = sum(len(given[part]) - len(parts[part]) for part in PARTS)
        if not parts["validation"]:
            share = plan.validation_share / (1 - plan.test_share)
            parts["train"], parts["validation"] = _drawn(parts["train"], [share], plan.seed)
    else:
        every = [each for found in good.values() for each in found]
        train, validation, test = _drawn(every, [plan.validation_share, plan.test_share], plan.seed)
        parts = {"train": train, "validation": validation, "test": test}
    numbered = {part: _numbered(found) for part, found in parts.items()}
    check_enough(numbered["test"])
    return BakeoffData(name, numbered["train"], numbered["validation"], numbered["test"], left_out, leaked)


def check_enough(test: Sequence[Row]) -> None:
    """Check that there are calls enough for a verdict.

    Raises:
        DataError: there are not.
    """
    if len(test) < MIN_ROWS:
        raise DataError(
            f"{len(test)} calls to test on are too few: a bake-off needs {MIN_ROWS}, better hundreds, of "
            "several conversations (calls with the same question are of one)"
        )


@dataclass(frozen=True)
class _Read:
    record: NewExample
    row: Row
    key: str | None


def _rows(file: str, prices: PriceList) -> Iterator[_Read]:
    for call in Import(Defaults(), sources.read(file)).all_calls():
        record = call.better
        messages = messages_of_example(record)
        at = length_of_request(messages)
        request = Request(messages[:at], record["tools"] or ())
        price = price_of_answer({**record, "captured_at": ""}, prices)  # type: ignore[typeddict-item]
        row = Row(
            LabelledCall(request, compared_text(messages[-1])),
            record["model_used"],
            price.usd,
            {"domain": record["domain"], "task_type": record["task_type"]},
        )
        yield _Read(record, row, conversation_key(record["metadata"]))


def _groups(rows: Sequence[_Read]) -> list[int]:
    chats = [messages_of_example(each.record) for each in rows]
    return conversations.groups(chats, [each.key for each in rows])


def _apart(parts: Mapping[str, Sequence[_Read]]) -> dict[str, list[_Read]]:
    """Given parts without what a later one has a conversation of: what was learnt from is no test."""
    groups = iter(_groups([row for part in PARTS for row in parts[part]]))
    numbered = {part: [(next(groups), row) for row in parts[part]] for part in PARTS}
    found: dict[str, list[_Read]] = {}
    judging: set[int] = set()
    for part in reversed(PARTS):
        found[part] = [row for group, row in numbered[part] if group not in judging]
        judging |= {group for group, _ in numbered[part]}
    return found


def _drawn(rows: Sequence[_Read], shares: Sequence[float], seed: int) -> list[list[_Read]]:
    """The rest, then a part for each share: whole conversations, at random."""
    members: dict[int, list[_Read]] = {}
    for row, group in zip(rows, _groups(rows), strict=True):
        members.setdefault(group, []).append(row)
    groups = list(members.values())
    random.Random(seed).shuffle(groups)  # noqa: S311 - chance, no secret
    parts: list[list[_Read]] = [[], *([] for _ in shares)]
    for rows_of_one in groups:
        short = (at for at, share in enumerate(shares, 1) if len(parts[at]) + len(rows_of_one) / 2 < share * len(rows))
        parts[next(short, 0)] += rows_of_one
    return parts


def _numbered(rows: Sequence[_Read]) -> list[Row]:
    """The rows with their conversations, each by a number."""
    return [
        Row(each.row.call, each.row.model, each.row.cost, each.row.slices, group)
        for each, group in zip(rows, _groups(rows), strict=True)
    ]
