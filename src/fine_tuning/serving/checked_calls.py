"""Tool calls are checked against what no grammar holds of their schemas; calls that break it are asked for again, once.

Others than strict tools are checked where the answer has to call one. A strict one that is called wrongly again ends
the answer: its caller relies on valid arguments.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, cast

from fine_tuning.data_io.held_schema import held_schema
from fine_tuning.data_io.messages import ToolCall
from fine_tuning.errors import ProviderError
from fine_tuning.serving.answer_form import AnswerForm
from fine_tuning.serving.chat_types import ChatBody, Chunk, ChunkChoice, Messages, Usage, end_of, summed, usage
from fine_tuning.serving.chat_wire import JoinedToolCalls
from fine_tuning.serving.checked_answers import requests_of_choices, with_both
from fine_tuning.serving.engine import Completion, Engine
from fine_tuning.serving.engine_around import EngineAround

Forms = Mapping[str, AnswerForm]
_NOT_CALLED = "This was not called, because of another call that is invalid. Call it again."


class CheckedCalls(EngineAround):
    """An engine around one with tools; requests whose calls a grammar holds are passed on.

    Text streams, and a call is shown when it is complete.

    Args:
        checks_required: the engine inside, which writes calls as its chat template does, does not check those that are
            required, or beside a form of the answer, and may hold less of a schema than a grammar could.
    """

    def __init__(self, engine: Engine, *, checks_required: bool) -> None:
        super().__init__(engine)
        self._checks_required = checks_required

    def complete(self, messages: Messages, *, temperature: float, max_tokens: int, **params: object) -> Completion:
        """Answer one conversation. See `Engine`."""
        return next(self.complete_many([messages], temperature=temperature, max_tokens=max_tokens, **params))

    def complete_many(
        self, batch: Sequence[Messages], *, temperature: float, max_tokens: int, **params: object
    ) -> Iterator[Completion]:
        """Answer many conversations in order. See `Engine`."""
        settings: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens, **params}
        forms = self._forms(params)
        for messages, answer in zip(batch, self._engine.complete_many(batch, **settings), strict=True):
            again = _again(messages, answer.text, answer.tool_calls, answer.finish_reason, forms)
            if again is None:
                yield answer
                continue
            second = self._engine.complete(again, **settings)
            self._refuse_unheld(second.tool_calls, second.finish_reason, forms)
            yield with_both(answer, second)

    def stream(
        self, messages: Messages, *, temperature: float, max_tokens: int, **params: object
    ) -> Generator[str, None, Completion]:
        """Answer one conversation piece by piece. See `Engine`."""
        settings: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens, **params}
        forms = self._forms(params)
        answer = yield from self._engine.stream(messages, **settings)
        again = _again(messages, answer.text, answer.tool_calls, answer.finish_reason, forms)
        if again is None:
            return answer
        second = self._engine.complete(again, **settings)
        self._refuse_unheld(second.tool_calls, second.finish_reason, forms)
        more = "" if answer.text and second.tool_calls else second.text
        yield more
        return with_both(answer, replace(second, text=answer.text + more))

    def chat_chunks(self, body: ChatBody) -> Generator[Chunk, None, None]:
        """Answer a request of OpenAI's chat API. See `Engine`."""
        forms = self._forms(body)
        if not forms:
            yield from self._engine.chat_chunks(body)
            return
        counts: list[Usage] = []
        for index, request in enumerate(requests_of_choices(body)):
            kept = yield from self._kept(request, index)
            counts.append(kept.usage)
            again = _again(request["messages"], kept.text, kept.calls.joined(), kept.reason, forms)
            if again is not None:
                first = kept
                kept = yield from self._kept(cast("ChatBody", {**request, "messages": again}), index, holds_text=True)
                counts.append(kept.usage)
                self._refuse_unheld(kept.calls.joined(), kept.reason, forms)
                if first.text:
                    kept.leave_out_text()
            for choice in kept.held:
                yield {"choices": [choice]}
        yield {"choices": [], "usage": summed(counts)}

    def _forms(self, body: Mapping[str, Any]) -> Forms:
        """The forms of the arguments that are checked, by the names of their functions."""
        choice = body.get("tool_choice", "auto")
        is_required = choice not in ("auto", "none")
        if choice == "none" or (not self._checks_required and (is_required or body.get("response_format"))):
            return {}
        functions = [tool["function"] for tool in body.get("tools") or []]
        checked = [each for each in functions if each.get("parameters") and (each.get("strict") or is_required)]
        forms = {each["name"]: _form(each) for each in checked}
        return {name: form for name, form in forms.items() if form.rest or (form.is_strict and self._checks_required)}

    def _refuse_unheld(self, calls: Sequence[ToolCall], reason: str | None, forms: Forms) -> None:
        """Raise where arguments of a strict tool are still invalid."""
        for call in calls if reason != "length" else ():
            form = forms.get(name := call["function"]["name"])
            if form is not None and form.is_strict and (found := _invalid(call, forms)) is not None:
                raise ProviderError(f"{self.model} called the strict tool {name} with invalid arguments: {found}")

    def _kept(self, body: ChatBody, index: int, *, holds_text: bool = False) -> Generator[Chunk, None, _Kept]:
        """An answer whose text is passed on until it calls; chunks without choices let the caller check its client."""
        kept = _Kept()
        with closing(self._engine.chat_chunks(body)) as chunks:
            for chunk in chunks:
                kept.usage = chunk.get("usage") or kept.usage
                found = [kept.add({**choice, "index": index}, holds=holds_text) for choice in chunk["choices"]]
                chunk["choices"] = [choice for choice in found if choice is not None]
                chunk.pop("usage", None)  # that of all attempts is the last one
                yield chunk
        return kept


class _Kept:
    """What is known of an answer, and the part of it that is not yet shown."""

    def __init__(self) -> None:
        self.held: list[ChunkChoice] = []
        self.text = ""
        self.reason: str | None = None
        self.calls, self.usage = JoinedToolCalls(), usage(0, 0)

    def add(self, choice: ChunkChoice, *, holds: bool) -> ChunkChoice | None:
        """Add a choice, and return it if it may be shown."""
        delta = choice["delta"]
        self.text += delta.get("content") or ""
        self.calls.add(delta.get("tool_calls") or [])
        self.reason = end_of(choice) or self.reason
        if not (holds or self.held or delta.get("tool_calls")):
            return choice
        self.held.append(choice)
        return None

    def leave_out_text(self) -> None:
        """Leave out the text before calls: that of the first answer was shown."""
        if self.calls.joined():
            for choice in self.held:
                choice["delta"].pop("content", None)


def _again(
    messages: Messages, text: str, calls: Sequence[ToolCall], reason: str | None, forms: Forms
) -> Messages | None:
    """The conversation that asks for other calls; None where these are valid, or were cut off."""
    if reason == "length" or not forms:
        return None
    problems = [_problem(call, forms) for call in calls]
    if not any(problems):
        return None
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": problem or _NOT_CALLED}
        for call, problem in zip(calls, problems, strict=True)
    ]
    return [*messages, {"role": "assistant", "content": text, "tool_calls": [*calls]}, *results]


def _form(function: Mapping[str, Any]) -> AnswerForm:
    """What the arguments of a tool are checked against."""
    schema = function["parameters"]
    return AnswerForm(schema, held_schema(schema).rest, is_strict=bool(function.get("strict")))


def _invalid(call: ToolCall, forms: Forms) -> str | None:
    """What is wrong with the arguments of a call; None if nothing is, or if they are not checked."""
    form = forms.get(call["function"]["name"])
    return None if form is None else form.problem(call["function"]["arguments"], "stop")


def _problem(call: ToolCall, forms: Forms) -> str | None:
    name, found = call["function"]["name"], _invalid(call, forms)
    return found and f"These arguments are invalid: {found}. Call {name} again, with valid ones."
