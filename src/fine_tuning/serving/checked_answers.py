"""JSON answers are checked against the schema of their request; one that breaks its rules is asked for again, once."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, cast

from fine_tuning.data_io.usage import usage_of_both
from fine_tuning.errors import ProviderError
from fine_tuning.serving.answer_form import AnswerForm
from fine_tuning.serving.chat_types import ChatBody, Chunk, ChunkChoice, Messages, Usage, end_of, summed, usage
from fine_tuning.serving.engine import Completion
from fine_tuning.serving.engine_around import EngineAround


class CheckedAnswers(EngineAround):
    """An engine that holds the most of a schema by a grammar; requests without a schema are passed on.

    Where a grammar holds all of it, an answer streams. Else it is complete before its first piece is shown.
    """

    def complete(self, messages: Messages, *, temperature: float, max_tokens: int, **params: object) -> Completion:
        """Answer one conversation. See `Engine`."""
        form = AnswerForm.of(params.get("response_format"))
        if form is None:
            return self._engine.complete(messages, temperature=temperature, max_tokens=max_tokens, **params)
        return next(self.complete_many([messages], temperature=temperature, max_tokens=max_tokens, **params))

    def complete_many(
        self, batch: Sequence[Messages], *, temperature: float, max_tokens: int, **params: object
    ) -> Iterator[Completion]:
        """Answer many conversations in order. See `Engine`."""
        settings: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens, **params}
        form = AnswerForm.of(params.get("response_format"))
        prompts = batch if form is None else [form.prompted(messages) for messages in batch]
        for prompt, answer in zip(prompts, self._engine.complete_many(prompts, **settings), strict=True):
            problem = None if form is None else form.problem(answer.text, answer.finish_reason)
            if form is None or problem is None:
                yield answer
                continue
            second = self._engine.complete(form.again(prompt, answer.text, problem), **settings)
            self._refuse_unheld(form, second.text, second.finish_reason)
            yield with_both(answer, second)

    def stream(
        self, messages: Messages, *, temperature: float, max_tokens: int, **params: object
    ) -> Generator[str, None, Completion]:
        """Answer one conversation piece by piece. See `Engine`."""
        settings: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens, **params}
        form = AnswerForm.of(params.get("response_format"))
        if form is None or not form.rest:
            answer = yield from self._engine.stream(messages, **settings)
            if form is not None:
                self._refuse_unheld(form, answer.text, answer.finish_reason)
            return answer
        answer = self.complete(messages, **settings)
        yield answer.text
        return answer

    def chat_chunks(self, body: ChatBody) -> Generator[Chunk, None, None]:
        """Answer a request of OpenAI's chat API. See `Engine`."""
        form = AnswerForm.of(body.get("response_format"))
        if form is None:
            yield from self._engine.chat_chunks(body)
        elif not form.rest:
            yield from self._guarded(body, form)
        else:
            yield from self._checked(body, form)

    def _guarded(self, body: ChatBody, form: AnswerForm) -> Generator[Chunk, None, None]:
        """An answer as it is generated; at its end it is sure that the grammar was held."""
        text: dict[int, str] = {}
        with closing(self._engine.chat_chunks(body)) as chunks:
            for chunk in chunks:
                for choice in chunk["choices"]:
                    index = choice["index"]
                    text[index] = text.get(index, "") + (choice["delta"].get("content") or "")
                    self._refuse_unheld(form, text[index], end_of(choice))
                yield chunk

    def _checked(self, body: ChatBody, form: AnswerForm) -> Generator[Chunk, None, None]:
        """Each choice when it is complete, and valid or asked for twice."""
        prompt = form.prompted(body["messages"])
        counts: list[Usage] = []
        for index, request in enumerate(requests_of_choices(body)):
            prompted = cast("ChatBody", {**request, "messages": prompt})
            kept = yield from self._collected(prompted)
            counts.append(kept.usage)
            problem = form.problem(kept.text, kept.reason)
            if problem is not None:
                again = form.again(prompt, kept.text, problem)
                kept = yield from self._collected(cast("ChatBody", {**prompted, "messages": again}))
                counts.append(kept.usage)
                self._refuse_unheld(form, kept.text, kept.reason)
            for choice in kept.choices:
                yield {"choices": [{**choice, "index": index}]}
        yield {"choices": [], "usage": summed(counts)}

    def _collected(self, body: ChatBody) -> Generator[Chunk, None, _Answer]:
        """A whole answer; chunks without choices let the caller check whether its client is still connected."""
        found: list[ChunkChoice] = []
        counts = usage(0, 0)
        with closing(self._engine.chat_chunks(body)) as chunks:
            for chunk in chunks:
                found += chunk["choices"]
                counts = chunk.get("usage") or counts
                counted = chunk.get("prompt_tokens")
                yield {"choices": []} if counted is None else {"choices": [], "prompt_tokens": counted}
        return _Answer(found, counts)

    def _refuse_unheld(self, form: AnswerForm, answer: str, reason: str | None) -> None:
        """Raise for an invalid answer where a grammar should have held the whole form, or the form is strict."""
        if (form.is_strict or not form.rest) and (problem := form.problem(answer, reason)) is not None:
            raise ProviderError(f"the answer of {self.model} left the form that it was held to: {problem}")


class _Answer:
    """The chunks of one choice, and its usage."""

    def __init__(self, choices: list[ChunkChoice], counts: Usage) -> None:
        self.choices, self.usage = choices, counts
        self.text = "".join(choice["delta"].get("content") or "" for choice in choices)
        self.reason = next((found for choice in choices[::-1] if (found := end_of(choice))), None)


def requests_of_choices(body: ChatBody) -> Iterator[ChatBody]:
    """A request for each choice of one; their seeds differ."""
    single: dict[str, Any] = {key: value for key, value in body.items() if key != "n"}
    for index in range(body.get("n", 1)):
        seed = {"seed": body["seed"] + index} if "seed" in body else {}
        yield cast("ChatBody", {**single, **seed})


def with_both(first: Completion, second: Completion) -> Completion:
    """The second answer, with the tokens and the time of both."""
    return replace(
        second,
        prompt_tokens=_both(first.prompt_tokens, second.prompt_tokens),
        completion_tokens=_both(first.completion_tokens, second.completion_tokens),
        latency_ms=first.latency_ms + second.latency_ms,
        usage=usage_of_both(first.usage, second.usage),
    )


def _both(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second
