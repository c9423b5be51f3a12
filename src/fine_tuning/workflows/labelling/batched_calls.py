"""Calls of a host's model in batches, at the price of batches; each batch is recorded before it is made."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from itertools import islice
from math import nan
from typing import TYPE_CHECKING, Final

from fine_tuning._util import list_pages
from fine_tuning._util.bounded_http import in_time, lines_of
from fine_tuning._util.files import parse_json
from fine_tuning._util.printable import quoted
from fine_tuning.data_io.json_values import Row, is_list, is_object, object_or_empty
from fine_tuning.errors import ConflictError, DataError, NotFoundError, ProviderError, UsageError
from fine_tuning.serving.openai_engine import OpenAIEngine
from fine_tuning.store import labels
from fine_tuning.store.records.labels import LabelBatch, LabelCall, LabelKey
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs.hosted_objects import HostedBatch, HostedObject, checked
from fine_tuning.workflows.labelling.call_failures import Failure, failure_of
from fine_tuning.workflows.labelling.paid_model import BATCH
from fine_tuning.workflows.labelling.recorded_calls import NOT_ASKED, Ask, Bought, Missing, RecordedCalls, Result

if TYPE_CHECKING:
    from openai import OpenAI

MAX_CALLS = 10_000  # of a batch; hosts take 50,000 and 200 MB
ENDPOINT: Final = "/v1/chat/completions"
ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
FIRST_LOOK, LONGEST_LOOK = 0.5, 60.0  # seconds between two looks at a batch
MARK = "labelling"  # the key of the metadata by which a batch is found again
OK = 200


class BatchedCalls:
    """As `RecordedCalls`, in batches.

    Args:
        calls: of a model of a host.

    Raises:
        UsageError: the model runs on this machine.
    """

    def __init__(self, workspace: Workspace, calls: RecordedCalls) -> None:
        if not isinstance(calls.model.engine, OpenAIEngine):
            raise UsageError(f"{calls.model.name} runs on this machine, which has no batches: leave out --batch")
        self._calls, self._engine, self._database = calls, calls.model.engine, workspace.database
        self._host = calls.model.host()
        self._client: OpenAI = self._host.client(max_retries=2)
        self._reasons: dict[LabelKey, Missing] = {}

    def ask(self, asks: Sequence[Ask], on_result: Callable[[int], object] = lambda _: None) -> list[Result]:
        """As `RecordedCalls.ask`; waits until the batches have ended, those of earlier runs included.

        Raises:
            NotFoundError: the host has no batches.
            ProviderError: it refuses one.
        """
        model = self._calls.model
        with self._database.read() as tx:
            under_way = labels.open_batches(tx, model.settings_key)
        for batch in under_way:
            self._take_up(batch, on_result)
        found = self._calls.earlier(asks)
        self._calls.forget_unknown(found)
        kept = set(found)
        missing = iter({key: ask for ask in asks if (key := model.key(*ask)) not in found}.items())
        made = []
        while chosen := dict(islice(self._affordable(missing), MAX_CALLS)):
            made.append((self._make(chosen), chosen))
        for batch, chosen in made:
            self._read(batch, on_result)
            for ask in chosen.values():
                self._calls.limit.settle(model.most(ask.request, BATCH) or 0.0, 0.0)  # `earlier` counts what it was
        now = {
            key: replace(each, is_kept=key in kept) if isinstance(each, Bought) else each
            for key, each in self._calls.earlier(asks).items()
        }
        found = {**self._reasons, **now}
        return [found.get(model.key(*ask), NOT_ASKED) for ask in asks]

    def _affordable(self, missing: Iterator[tuple[LabelKey, Ask]]) -> Iterator[tuple[LabelKey, Ask]]:
        """Calls as long as they fit into the budget."""
        for key, ask in missing:
            if not self._calls.limit.reserve(self._calls.model.most(ask.request, BATCH) or 0.0, waits=False):
                return
            yield key, ask

    def _make(self, chosen: Mapping[LabelKey, Ask]) -> LabelBatch:
        """Send a batch, which is recorded before."""
        model, key = self._calls.model, uuid.uuid4().hex
        reserved = [model.most(ask.request, BATCH) for ask in chosen.values()]
        with self._database.write() as tx:
            labels.add_batch(tx, key, model.settings_key)
            if not labels.ask(tx, chosen, reserved, key):
                raise ConflictError("another run asks some of these prompts at this moment: wait for it")
            (batch,) = [each for each in labels.open_batches(tx, model.settings_key) if each["key"] == key]
        try:
            with self._host.translated_errors("batches"):
                lines = [self._line(call, ask) for call, ask in chosen.items()]
                sent = self._client.files.create(file=(f"{key}.jsonl", BytesIO(b"".join(lines))), purpose="batch")
                file = checked(HostedObject, sent, f"{self._host.url}, the file of a batch")
                made = self._client.with_options(max_retries=0).batches.create(
                    completion_window="24h", endpoint=ENDPOINT, input_file_id=file.id, metadata={MARK: key}
                )
        except NotFoundError:
            self._drop(key)
            raise NotFoundError(f"{self._host.url} has no batches: leave out --batch") from None
        except ProviderError as error:
            if failure_of(error) is not Failure.UNKNOWN:
                self._drop(key)
            raise
        return self._named(batch, self._checked(made).id)

    def _line(self, key: LabelKey, ask: Ask) -> bytes:
        """A request as a line of a batch's input file."""
        body = self._engine.body_of(ask.request.messages, self._calls.model.asked_params(ask.request))
        return json.dumps({"custom_id": _name(key), "method": "POST", "url": ENDPOINT, "body": body}).encode() + b"\n"

    def _named(self, batch: LabelBatch, host_id: str) -> LabelBatch:
        with self._database.write() as tx:
            labels.set_host_id(tx, batch["key"], host_id)
        return {**batch, "host_id": host_id}

    def _drop(self, key: str) -> None:
        with self._database.write() as tx:
            labels.drop_batch(tx, key)

    def _take_up(self, batch: LabelBatch, on_result: Callable[[int], object]) -> None:
        """Go on with a batch of an earlier run; one that was never made is removed."""
        if batch["host_id"] is None:
            with self._host.translated_errors("batches"):
                every = list_pages.listed(self._host, "batches", self._client.batches.list())
                marks = ((each, object_or_empty(getattr(each, "metadata", None)).get(MARK)) for each in every)
                found = next((each for each, mark in marks if mark == batch["key"]), None)
            if found is None:
                self._drop(batch["key"])
                return
            batch = self._named(batch, self._checked(found).id)
        self._read(batch, on_result)

    def _read(self, batch: LabelBatch, on_result: Callable[[int], object]) -> None:
        """Wait until a batch has ended, and record its answers; calls without one were not paid.

        Where a line cannot be read, nobody knows whose it is: then what has no answer may have been paid.
        """
        ended = self._ended(str(batch["host_id"]), on_result)
        with self._database.read() as tx:
            calls = labels.of_batch(tx, batch["key"])
        keys = {_name(key): key for key in (_key_of(each) for each in calls if each["answer"] is None)}
        unknown: set[LabelKey] = set()
        answered: set[LabelKey] = set()
        is_whole = True
        for file in filter(None, (ended.output_file_id, ended.error_file_id)):
            for row in self._rows(file, len(calls)):
                if row is None:
                    is_whole = False
                elif (key := keys.get(str(row.get("custom_id")))) is not None:
                    answered.add(key)
                    if not self._record(key, row):
                        unknown.add(key)
        silent = {*keys.values()} - answered
        reason = f"its batch {ended.id} has {ended.status}{_first_error(ended)}"
        self._reasons = {**dict.fromkeys(silent, Missing(reason, is_unknown=not is_whole)), **self._reasons}
        with self._database.write() as tx:
            labels.end_batch(tx, batch["key"], unknown if is_whole else unknown | silent)

    def _rows(self, file: str, calls: int) -> Iterator[Row | None]:
        """The lines of a batch's output; None for one that cannot be read.

        Raises:
            ProviderError: there are more than of as many calls.
        """
        url = self._host.url
        answer = self._client.files.with_streaming_response.content(file)
        with self._host.translated_errors(f"file {file}"), answer as stream:
            for number, line in enumerate(lines_of(in_time(stream.iter_bytes(1 << 16), url), url)):
                if number > 2 * calls:  # one may be empty after each
                    raise ProviderError(f"{url}, file {file}: it has more lines than the batch has calls")
                if not line.strip():
                    continue
                try:
                    row = parse_json(line)
                except DataError:
                    row = None
                yield row if is_object(row) else None

    def _ended(self, host_id: str, on_result: Callable[[int], object]) -> HostedBatch:
        done, pause = 0, FIRST_LOOK
        while True:
            with self._host.translated_errors(f"batch {host_id}"):
                batch = self._checked(self._client.batches.retrieve(host_id))
            counts = batch.request_counts
            if counts is not None and (now := counts.completed + counts.failed) > done:
                on_result(now - done)
                done = now
            if batch.status in ENDED:
                return batch
            time.sleep(pause)
            pause = min(LONGEST_LOOK, 1.5 * pause)

    def _checked(self, batch: object) -> HostedBatch:
        return checked(HostedBatch, batch, f"{self._host.url}, batch")

    def _record(self, key: LabelKey, row: Row) -> bool:
        """Record the answer of a line of a batch's output; a request that failed is not paid.

        Returns:
            False where it was answered, and with what is no answer.
        """
        response = object_or_empty(row.get("response"))
        body = object_or_empty(response.get("body"))
        if response.get("status_code") != OK:
            error = object_or_empty(row.get("error") or body.get("error"))
            self._reasons[key] = Missing(quoted(error.get("message") or "its host gives no reason"))
            return True
        try:
            self._calls.record(key, self._engine.completion_of(body, nan, BATCH))
        except ProviderError as error:
            self._reasons[key] = Missing(str(error), is_unknown=True)
            return False
        return True


def _key_of(call: LabelCall) -> LabelKey:
    return LabelKey(call["settings"], call["request"], call["sample"])


def _name(key: LabelKey) -> str:
    """The id of a call in a batch."""
    return f"{key.request}-{key.sample}"


def _first_error(batch: HostedBatch) -> str:
    found = object_or_empty(batch.errors).get("data")
    first = object_or_empty(found[0] if is_list(found) and found else None)
    return f": {quoted(first['message'])}" if first.get("message") else ""
