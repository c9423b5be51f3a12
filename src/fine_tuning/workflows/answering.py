"""A model's answers to a file of questions: several at once, paced, each kept, so that a second run goes on."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from fine_tuning._util import checks
from fine_tuning._util.files import explained, make_folder
from fine_tuning._util.model_names import parse_version_name, version_name
from fine_tuning.data_io.rows import conversation, conversation_of, read_rows
from fine_tuning.errors import DataError, ProviderError, UsageError
from fine_tuning.llm_service import LLMService
from fine_tuning.settings import get_settings

Messages = Sequence[Mapping[str, Any]]
AT_ONCE = 8  # calls of a host
RATINGS = (1, 2, 3, 4, 5)
SLICES = ("domain", "task_type", "slice")  # of a row, by which results are also shown apart


class Answer(NamedTuple):
    """What a model said to one question, or why it said nothing; None is unknown.

    Attributes:
        text: None where the call failed.
        latency_ms: milliseconds; cost: US dollars.
        kept: whether it was answered in an earlier run.
    """

    text: str | None
    error: str | None = None
    latency_ms: float | None = None
    cost: float | None = None
    kept: bool = False


@dataclass(frozen=True)
class Question:
    """What is asked, and the answer that is wanted.

    Attributes:
        messages: empty where the file holds a prediction instead.
        answer: that prediction.
        human: what people think of that answer, 0 to 1: a row's `human_rating` of 1 to 5.
        cluster: the conversation that the row belongs to, if it says.
    """

    messages: Messages
    reference: str
    slices: Mapping[str, str] = field(default_factory=dict)
    answer: Answer | None = None
    human: float | None = None
    cluster: str | None = None

    @property
    def text(self) -> str:
        """What is asked, for people; of a conversation all of it."""
        said = [_text(message.get("content")) for message in self.messages]
        if len(said) < 2:
            return "".join(said)
        return "\n".join(f"{message.get('role')}: {text}" for message, text in zip(self.messages, said, strict=True))


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def read_questions(path: Path) -> list[Question]:
    """The rows of a test file: chat, alpaca or prompt/response rows, or rows with prediction and reference.

    Raises:
        NotFoundError, DataError: the file is missing or a row cannot be used; the message names the line.
    """
    return [_question(row, f"{path}, row {number}") for number, row in read_rows(path)]


def clusters(questions: Sequence[Question]) -> list[str] | None:
    """The conversation of each question, one without any by itself; None where no two share one."""
    found = [question.cluster or f"row={number}" for number, question in enumerate(questions)]
    return found if len(set(found)) < len(found) else None


def _question(row: Mapping[str, Any], where: str) -> Question:
    slices = {name: str(row[name]) for name in SLICES if row.get(name) is not None}
    if "prediction" in row:
        asked = _predicted(row, where, slices)
    else:
        messages, reference = conversation(row, where)
        asked = Question(messages, reference, slices)
    return replace(asked, cluster=conversation_of(row))


def _predicted(row: Mapping[str, Any], where: str, slices: Mapping[str, str]) -> Question:
    prediction, reference, failed = row["prediction"], row.get("reference"), row.get("error")
    if not isinstance(prediction, str | None) or not isinstance(reference, str):
        raise DataError(f"{where}: prediction and reference must be text")
    if failed:
        prediction = None
    asked, rating = row.get("prompt"), row.get("human_rating")
    if rating is not None and (isinstance(rating, bool) or rating not in RATINGS):
        raise DataError(f"{where}: human_rating must be a number from 1 to 5, not {rating!r}")
    try:
        answer = Answer(
            prediction,
            str(failed or "no prediction") if prediction is None else None,
            checks.amount("latency_ms", row.get("latency_ms")),
            checks.amount("cost", row.get("cost")),
        )
    except UsageError as error:
        raise DataError(f"{where}: {error}") from None
    messages = [{"role": "user", "content": asked}] if isinstance(asked, str) else []
    human = None if rating is None else (rating - RATINGS[0]) / (RATINGS[-1] - RATINGS[0])
    return Question(messages, reference, slices, answer, human)


def answers(
    model: str,
    questions: Sequence[Question],
    max_tokens: int,
    *,
    at_once: int = AT_ONCE,
    per_minute: float | None = None,
    fresh: bool = False,
    progress: Callable[[int], None] = lambda _: None,
    purpose: str = "evaluation",
    **options: Any,
) -> list[Answer]:
    """A model's greedy answers in the order of the questions; those of an earlier run are not asked again.

    A call that fails (after the host's client has tried again) is an answer with an error, and asked again next time.

    Args:
        at_once: calls of a host that are under way together; a local model decides itself.
        per_minute: calls of a host at most; None for no limit.
        fresh: ask again what was answered before.
        progress: told how many further questions have their answer.
        purpose: what the ledger calls these calls.
        options: passed to the model.

    Raises:
        NotFoundError, ConfigurationError: there is no such model, or its host refuses the key.
        ProviderError: no call at all was answered.
    """
    checks.name("model", model)
    checks.count("max_tokens", max_tokens, 1)
    checks.count("at_once", at_once, 1, 1000)
    if per_minute is not None and not (checks.amount("per_minute", per_minute) or 0) > 0:
        raise UsageError("per_minute must be more than 0")
    service = LLMService(model=model, default_temperature=0.0, purpose=purpose)
    found: list[Answer | None] = [question.answer for question in questions]
    open_ones = [place for place, answer in enumerate(found) if answer is None]
    if open_ones:
        kept = _kept(service, max_tokens, options, fresh=fresh)
        for place in open_ones:
            found[place] = kept.find(questions[place].messages)
        missing = [place for place in open_ones if found[place] is None]
        progress(len(open_ones) - len(missing))
        asked = [questions[place].messages for place in missing]
        ask = _Asking(service, max_tokens, options)
        made = ask.here(asked) if service.is_local() else ask.host(asked, at_once, per_minute)
        try:
            for number, answer in made:
                found[missing[number]] = answer
                kept.keep(asked[number], answer)
                progress(1)
        finally:
            service.close()
    given = [answer for answer in found if answer is not None]
    if given and all(answer.error is not None for answer in given):
        raise ProviderError(f"no question was answered: {given[0].error}")
    return given


def kept_answers(
    model: str, questions: Sequence[Question], max_tokens: int, missing: str, **options: Any
) -> list[Answer]:
    """What `answers` of earlier runs has, without asking; each other question has `missing` as its error."""
    service = LLMService(model=model, default_temperature=0.0)
    kept = _kept(service, max_tokens, options, fresh=False)
    return [each.answer or kept.find(each.messages) or Answer(None, missing) for each in questions]


def _kept(service: LLMService, max_tokens: int, options: Mapping[str, Any], *, fresh: bool) -> _Kept:
    """The kept answers of a service's model, which from here on is one version of it."""
    config = service.get_config()
    if config["version"] is not None and parse_version_name(config["model"]) is None:
        # A deployment meanwhile must not mix two versions.
        service.set_model(version_name(config["model"], config["version"]))
    return _Kept(service.get_config(), {"max_tokens": max_tokens, **options}, fresh=fresh)


class _Asking:
    """Calls of a service."""

    def __init__(self, service: LLMService, max_tokens: int, options: Mapping[str, Any]) -> None:
        self._service, self._options = service, {"max_tokens": max_tokens, **options}

    def here(self, asked: Sequence[Messages]) -> Iterator[tuple[int, Answer]]:
        """Each answer with the place of its question, in order."""
        for number, answer in enumerate(self._service.complete_many(asked, **self._options)):
            yield number, Answer(answer["content"], None, answer["latency_ms"], answer["cost"])

    def host(self, asked: Sequence[Messages], at_once: int, per_minute: float | None) -> Iterator[tuple[int, Answer]]:
        """Each answer with the place of its question, as they come."""
        pace = _Pace(per_minute)

        def one(messages: Messages) -> Answer:
            pace.wait()
            try:
                answer = self._service.complete(messages, **self._options)
            except ProviderError as error:
                return Answer(None, str(error))
            return Answer(answer["content"], None, answer["latency_ms"], answer["cost"])

        with ThreadPoolExecutor(at_once) as pool:
            calls = {pool.submit(one, messages): number for number, messages in enumerate(asked)}
            try:
                for call in as_completed(calls):
                    yield calls[call], call.result()
            finally:  # after Ctrl-C, or where the host does not know the model: what has not begun is not asked
                pool.shutdown(wait=True, cancel_futures=True)


class _Pace:
    """Lets so many pass a minute, evenly."""

    def __init__(self, per_minute: float | None) -> None:
        self._seconds = 60 / per_minute if per_minute else 0.0
        self._next = time.monotonic()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait for one's turn."""
        with self._lock:
            turn = max(self._next, time.monotonic())
            self._next = turn + self._seconds
        time.sleep(max(0.0, turn - time.monotonic()))


class _Kept:
    """Answers on disk, of one model with one set of options: a line each."""

    def __init__(self, target: Mapping[str, Any], options: Mapping[str, Any], *, fresh: bool) -> None:
        asked_of = {name: target[name] for name in ("provider", "provider_model", "version")}
        name = _hash([asked_of, dict(options)])[:24]
        self._file = make_folder(get_settings().folder("evaluations")) / f"{name}.jsonl"
        self._known = {} if fresh else dict(self._read())

    def _read(self) -> Iterator[tuple[str, Answer]]:
        if not self._file.is_file():
            return
        for line in self._file.read_text("utf-8", "replace").split("\n"):  # answers may hold other line separators
            try:
                row = json.loads(line)
                yield row["question"], Answer(row["text"], None, row["latency_ms"], row["cost"], kept=True)
            except (ValueError, KeyError, TypeError):
                continue  # the last line of a run that was killed

    def find(self, messages: Messages) -> Answer | None:
        """The answer of an earlier run."""
        return self._known.get(_hash(list(messages)))

    def keep(self, messages: Messages, answer: Answer) -> None:
        """Write an answer down; one that failed is asked again next time."""
        if answer.error is None:
            row = {"question": _hash(list(messages)), "text": answer.text, "latency_ms": answer.latency_ms,
                   "cost": answer.cost}  # fmt: skip
            with explained(self._file, "write"), self._file.open("a", encoding="utf-8") as stream:
                stream.write("\n" + json.dumps(row))  # ASCII: a half surrogate pair is no UTF-8


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()
