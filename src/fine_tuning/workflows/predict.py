"""Predictions of a model for a list of questions: concurrent, paced, and kept, so that a second run resumes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from fine_tuning._util import checks
from fine_tuning.data_io.answers import as_words
from fine_tuning.data_io.messages import compared_text
from fine_tuning.errors import ConfigurationError, ProviderError, UsageError
from fine_tuning.llm_service import LLMService
from fine_tuning.serving.answered_calls import Answer
from fine_tuning.serving.engine import DEFAULT_CONCURRENCY
from fine_tuning.serving.model_resolution import LOCAL
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.answering import answering
from fine_tuning.workflows.evaluation_questions import Prediction, Question
from fine_tuning.workflows.pace import Pace
from fine_tuning.workflows.prediction_cache import PredictionCache

_log = logging.getLogger(__name__)
UNNAMED = ""  # the model of a host that answers without saying which one does


@dataclass(frozen=True)
class CallOptions:
    """How the questions are sent to the model.

    Attributes:
        max_tokens: longest prediction.
        concurrency: concurrent calls to a host; local engines choose their own.
        per_minute: maximum calls to a host per minute; None for no limit.
        fresh: repeat calls whose predictions are kept.
        purpose: of the calls in the cost ledger; about: the model whose answers they grade.

    Raises:
        UsageError: a number is out of range.
    """

    max_tokens: int
    concurrency: int = DEFAULT_CONCURRENCY
    per_minute: float | None = None
    fresh: bool = False
    purpose: str = "evaluation"
    about: str | None = None

    def __post_init__(self) -> None:
        checks.count("max_tokens", self.max_tokens, 1)
        checks.count("concurrency", self.concurrency, 1, 1000)
        if self.per_minute is not None and not (checks.amount("per_minute", self.per_minute) or 0) > 0:
            raise UsageError("per_minute must be more than 0")


def predict(
    model: str,
    questions: Sequence[Question],
    options: CallOptions,
    *,
    workspace: Workspace,
    on_progress: Callable[[int], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Prediction]:
    """A model's greedy predictions in the order of the questions; kept ones are not requested again.

    One question of those that a host has answered before is asked again: where the host reports another model or
    fingerprint than then, or none any more, all that the former has answered are asked again, too. A call that fails
    (after the retries of the host's client) is a prediction with an error, and repeated next time.

    Args:
        on_progress: called with the number of predictions since the last call.
        clock, sleep: the seconds by which calls are spaced (`per_minute`), and what waits for them.

    Raises:
        NotFoundError, ConfigurationError: there is no such model, or its host refuses the key.
        ProviderError: every call failed.
    """
    checks.name("model", model)
    service = LLMService(
        model=model, default_temperature=0.0, purpose=options.purpose, about=options.about, workspace=workspace
    )
    found: list[Prediction | None] = [question.prediction for question in questions]
    unanswered = [position for position, prediction in enumerate(found) if prediction is None]
    if unanswered:
        cache = _open_cache(service, workspace, options.max_tokens, fresh=options.fresh)
        for position in unanswered:
            found[position] = cache.find(questions[position])
        missing = [position for position in unanswered if found[position] is None]
        on_progress(len(unanswered) - len(missing))
        call = partial(_host_call, service, options, Pace(options.per_minute, clock, sleep))
        try:
            served_by = None if service.is_local() or missing else _served_now(questions, found, call)
            while missing or (missing := _drop_former(found, served_by, on_progress)):
                for number, prediction in _calls(service, [questions[at] for at in missing], options, call):
                    found[missing[number]] = prediction
                    cache.add(questions[missing[number]], prediction)
                    if prediction.error is None and not service.is_local():
                        served_by = prediction.served_by or served_by or UNNAMED
                    on_progress(1)
                missing = []
        finally:
            service.close()
    predictions = [prediction for prediction in found if prediction is not None]
    if predictions and all(prediction.error is not None for prediction in predictions):
        raise ProviderError(f"no question was answered: {predictions[0].error}")
    return predictions


def _served_now(
    questions: Sequence[Question], found: Sequence[Prediction | None], call: Callable[[Question], Prediction]
) -> str | None:
    """What the host has behind the name now, by asking a question whose answer is kept.

    `UNNAMED` where the host does not say, None where nobody answers.
    """
    kept = next((at for at, each in enumerate(found) if each is not None and each.is_cached and each.served_by), None)
    if kept is None:
        return None
    try:
        now = call(questions[kept])
    except ConfigurationError:
        return None
    before = found[kept]
    if before is not None and now.error is None and now.served_by == before.served_by and now.text != before.text:
        _log.warning("the host answers a question of an earlier run differently now: it may have another model")
    return None if now.error is not None else now.served_by or UNNAMED


def _drop_former(
    found: list[Prediction | None], served_by: str | None, on_progress: Callable[[int], object]
) -> list[int]:
    """Drop kept predictions of another model than the host now has behind the name. Returns their places."""
    if served_by is None:
        return []
    kept = [(at, each) for at, each in enumerate(found) if each is not None and each.is_cached]
    former = [at for at, each in kept if each.served_by not in (None, served_by)]
    if former and served_by == UNNAMED:
        _log.warning("the host no longer says which model answers: %d kept predictions are asked again", len(former))
    for at in former:
        found[at] = None
    on_progress(-len(former))
    return former


def cached_predictions(
    model: str, questions: Sequence[Question], max_tokens: int, error: str, *, workspace: Workspace
) -> list[Prediction]:
    """The kept predictions of earlier runs, without calls; each other question has `error`."""
    service = LLMService(model=model, default_temperature=0.0, workspace=workspace)
    cache = _open_cache(service, workspace, max_tokens, fresh=False)
    return [each.prediction or cache.find(each) or Prediction(None, error) for each in questions]


def _open_cache(service: LLMService, workspace: Workspace, max_tokens: int, *, fresh: bool) -> PredictionCache:
    """The cache of the service's model, which is pinned to its version."""
    service.set_model(answering(service.get_model(), workspace).pinned)
    folder, config = workspace.folder("evaluations"), service.get_config()
    options: dict[str, object] = {"max_tokens": max_tokens}
    if config["provider"] == LOCAL and (weights := _weights(Path(config["provider_model"]))):
        options["weights"] = weights
    return PredictionCache(folder, config, options, fresh=fresh)


def _weights(path: Path) -> list[tuple[str, int, int]]:
    """What tells weights that were written anew under the same path: names, sizes and times; none where it is none."""
    # A GGUF file beside other weights is made of them, at the first answer.
    files = [path] if path.is_file() else sorted(path.glob("*.safetensors")) or sorted(path.glob("*.gguf"))
    facts = [(each.name, each.stat()) for each in files]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in facts]


def _calls(
    service: LLMService, batch: Sequence[Question], options: CallOptions, call: Callable[[Question], Prediction]
) -> Iterator[tuple[int, Prediction]]:
    return (
        _local_calls(service, batch, options) if service.is_local() else _host_calls(call, batch, options.concurrency)
    )


def _local_calls(
    service: LLMService, batch: Sequence[Question], options: CallOptions
) -> Iterator[tuple[int, Prediction]]:
    """Each prediction with the position of its question, in order."""
    for number, answer in enumerate(answers(service, batch, options.max_tokens)):
        yield number, _prediction(answer, batch[number])


def answers(service: LLMService, questions: Sequence[Question], max_tokens: int) -> Iterator[Answer]:
    """A model's answers in order, concurrently where the engine can."""
    for _, group in groupby(questions, lambda question: question.tools):
        alike = list(group)
        messages = [question.messages for question in alike]
        yield from service.complete_many(messages, max_tokens=max_tokens, **alike[0].params)


def answer_text(answer: Answer, question: Question) -> str:
    """What an answer is compared by; of a question with tools, text alone is no call."""
    text = compared_text(answer)
    return as_words(text) if question.tools and not answer["tool_calls"] else text


def _prediction(answer: Answer, question: Question) -> Prediction:
    return Prediction(answer_text(answer, question), None, answer["latency_ms"], answer["cost"], answer["served_by"])


def _host_call(service: LLMService, options: CallOptions, pace: Pace, question: Question) -> Prediction:
    pace.wait()
    try:
        answer = service.complete(question.messages, max_tokens=options.max_tokens, **question.params)
    except ProviderError as error:
        return Prediction(None, str(error))
    return _prediction(answer, question)


def _host_calls(
    call: Callable[[Question], Prediction], batch: Sequence[Question], concurrency: int
) -> Iterator[tuple[int, Prediction]]:
    """Each prediction with the position of its question, as they arrive."""
    with ThreadPoolExecutor(concurrency) as pool:
        calls = {pool.submit(call, question): number for number, question in enumerate(batch)}
        try:
            for done in as_completed(calls):
                yield calls[done], done.result()
        finally:  # after Ctrl-C, or where the host does not know the model: calls that have not begun are not made
            pool.shutdown(wait=True, cancel_futures=True)
