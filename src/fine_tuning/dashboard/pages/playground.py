"""One prompt to two models, side by side, as their answers stream; a vote records a preference pair."""

from __future__ import annotations

from asyncio import gather, to_thread
from collections.abc import Mapping
from contextlib import closing
from threading import Event, Lock
from typing import cast

from nicegui import ui

from fine_tuning.dashboard import components, form_choices, formatting, layout
from fine_tuning.dashboard.actions import FAILED, act, notify, state, writer_now
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import FineTuningError
from fine_tuning.llm_service import LLMService
from fine_tuning.serving.answered_calls import Answer
from fine_tuning.serving.call_capture import facts_of
from fine_tuning.store.column_types import storable
from fine_tuning.store.workspace import Workspace

DEFAULT_TOKENS, MAX_TOKENS = 256, 4096
DOMAIN = "playground"
DRAW_SECONDS = 0.1
GOOD_RATING = 5


@ui.page("/playground")
async def show() -> None:
    """The page."""
    workspace = state().workspace
    models = await to_thread(form_choices.models, state().workspace, state().aliases)
    with layout.page("Playground"):
        prompt = ui.textarea("Prompt").props("autogrow").classes("wide")
        with ui.element("div").classes("bar"):
            tokens = ui.number("Max tokens", value=DEFAULT_TOKENS, min=1, max=MAX_TOKENS, precision=0)
        with ui.element("div").classes("two"):
            sides = [_Side(workspace, "A", models), _Side(workspace, "B", models)]

        async def send() -> None:
            if not (prompt.value or "").strip():
                notify("write a prompt first", is_error=True)
                return
            if await writer_now() is None:
                return
            longest = min(max(int(tokens.value or DEFAULT_TOKENS), 1), MAX_TOKENS)
            await gather(*(side.answer_prompt(prompt.value, longest) for side in sides))

        async def vote(better: int) -> None:
            first, second = sides[better], sides[1 - better]
            if not (first.answer and second.answer) or first.prompt != second.prompt:
                notify("send the same prompt to both models first", is_error=True)
                return
            if first.has_vote:
                notify("these answers already have a vote; send the prompt again to vote again", is_error=True)
                return
            kept = await act(
                DistillationDataCollector(workspace=workspace).capture_preference,
                first.prompt,
                first.answer,
                second.answer,
                DOMAIN,
                chosen_by=first.model,
                rejected_by=second.model,
                done="recorded as a preference pair",
            )
            first.has_vote = second.has_vote = kept is not FAILED

        def stop() -> None:
            for side in sides:
                side.stop()

        with ui.element("div").classes("bar"):
            components.button("Send to both", send, main=True, changes=True)
            components.button("Stop", stop, changes=True)
            components.button("A is better", lambda: vote(0), changes=True)
            components.button("B is better", lambda: vote(1), changes=True)

        async def leave() -> None:
            stop()
            for side in sides:
                await to_thread(side.close)

        ui.context.client.on_delete(leave)


class _Side:
    """One model and its answer."""

    def __init__(self, workspace: Workspace, name: str, models: dict[str, str]) -> None:
        self.answer, self.prompt, self.model = "", "", ""  # empty until the answer is complete
        self._noted: dict[str, object] = {}
        self.has_vote = False
        self._workspace, self._so_far = workspace, ""
        self._service: LLMService | None = None  # open until the page is closed
        self._turn, self._is_stopped = Lock(), Event()
        with ui.element("section").classes("card").props(f'aria-label="Model {name}"'):
            self._model = ui.select(models, value=next(iter(models)), label=f"Model {name}").classes("field")
            self._text = components.text("", "pre").props('aria-live="polite"')
            self._facts = components.text("").classes("dim")
            components.button("Save as an example rated 5", self._rate, changes=True)

    async def answer_prompt(self, prompt: str, tokens: int) -> None:
        """Show the answer as it streams."""
        self.answer, self.prompt, self.model = "", prompt, self._model.value
        self.has_vote, self._so_far = False, ""
        self._is_stopped.clear()
        self._show("…")
        with self._facts:
            drawing = ui.timer(DRAW_SECONDS, lambda: self._show(self._so_far or "…"))
        try:
            found = await to_thread(self._answer, prompt, tokens)
            if found is None:
                self._show(self._so_far, "stopped")
            else:
                self.answer, self._noted = storable(self._so_far), facts_of(found)
                empty = "" if self.answer.strip() else "an empty answer, "
                self._show(self.answer, f"{empty}{found['latency_ms'] / 1000:.1f} s, {formatting.usd(found['cost'])}")
        except FineTuningError as error:
            self._show("", str(error))
        finally:
            drawing.delete()

    def stop(self) -> None:
        """Stop the answer."""
        self._is_stopped.set()

    def _answer(self, prompt: str, tokens: int) -> Answer | None:
        """Stream the answer, in a thread; None where it was stopped."""
        with self._turn:
            if self._service is None or self._service.get_model() != self.model:
                self._close()
                self._service = LLMService(model=self.model, workspace=self._workspace)
            with closing(self._service.complete_streaming(prompt, None, tokens)) as pieces:
                while not self._is_stopped.is_set():
                    try:
                        self._so_far += next(pieces)
                    except StopIteration as end:
                        return cast("Answer", end.value)
            return None

    def close(self) -> None:
        """Close the model after its answer."""
        with self._turn:
            self._close()

    def _close(self) -> None:
        if self._service is not None:
            self._service.close()
        self._service = None

    def _show(self, answer: str, facts: str = "") -> None:
        components.set_text(self._text, answer)
        components.set_text(self._facts, facts)

    async def _rate(self) -> None:
        if not self.answer:
            notify("send a prompt first", is_error=True)
            return
        await act(
            _save,
            self._workspace,
            self.prompt,
            self.answer,
            self.model,
            self._noted,
            done=f"saved as an example rated {GOOD_RATING}",
        )


def _save(workspace: Workspace, prompt: str, answer: str, model: str, noted: Mapping[str, object]) -> None:
    """Capture an answer; one that was already captured, as a rejected answer, also gets the rating."""
    collector = DistillationDataCollector(workspace=workspace)
    kept = collector.capture_success(prompt, answer, DOMAIN, "chat", GOOD_RATING, noted, model_used=model)
    collector.rate(kept, GOOD_RATING)
