"""Experiments: how sure one is by now, what is in the way, and what was decided."""

from __future__ import annotations

from asyncio import to_thread
from math import isfinite
from typing import Any

from nicegui import ui

from fine_tuning.ab_testing import ABTestFramework
from fine_tuning.dashboard import charts, components, formatting, layout
from fine_tuning.dashboard.actions import FAILED, act, confirmed, notify
from fine_tuning.dashboard.shared_reads import shared
from fine_tuning.errors import FineTuningError
from fine_tuning.experiments.guardrails import BROKEN
from fine_tuning.experiments.verdict import ABTestResult

PAGE = 50
LIVE_SECONDS = 2.0
SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)  # of the units, that a ramp offers


@ui.page("/experiments")
async def show(page: str = "1") -> None:
    """Every test, those that run first."""
    found = await to_thread(_listed)
    number = components.page_number(page)
    here = found[(number - 1) * PAGE : number * PAGE]
    with layout.page("Experiments"):
        _start_form()
        components.heading("Tests")
        if not found:
            components.empty("No test has been started yet.", "ft-cli setup-ab-test TEST MODEL_A MODEL_B")
            return
        columns = ["Test", "Model A", "Model B", "Status", "Samples", "Effect", "p"]
        components.table("Tests", columns, [_row(test) for test in here])
        components.pages(len(found), number, PAGE, "/experiments?page=")


def _listed() -> list[ABTestResult]:
    every = ABTestFramework().get_all_results().values()
    return sorted(
        sorted(every, key=lambda test: test.started_at, reverse=True), key=lambda test: test.status != "running"
    )


def _row(test: ABTestResult) -> list[Any]:
    return [(test.test_id, components.path("/experiments", test.test_id)), test.model_a, test.model_b, test.status,
            test.total_samples, test.effect, test.p_value]  # fmt: skip


def _start_form() -> None:
    with ui.expansion("Start a test").classes("card"), ui.element("div").classes("bar"):
        test_id = ui.input("Test")
        model_a = ui.input("Model A")
        model_b = ui.input("Model B")
        split = ui.number("Share of model B", value=0.5, min=0.01, max=0.99, step=0.01)

        async def start() -> None:
            framework = ABTestFramework()
            if split.value is None or (test_id.value or "").strip(".") == "":
                notify("give the test a name and model B a share", is_error=True)
                return
            found = await act(framework.create_test, test_id.value, model_a.value, model_b.value, split=split.value)
            if found is not FAILED:
                ui.navigate.to(components.path("/experiments", test_id.value))

        components.button("Start", start, main=True, changes=True)


@ui.page("/experiments/{test_id:path}")
async def show_test(test_id: str) -> None:
    """One test."""
    with layout.page("Experiments", test_id):
        try:
            found = await to_thread(_read, test_id)
        except FineTuningError as error:
            components.empty(str(error), "ft-cli ab list")
            return
        _Test(test_id, found)


def _read(test_id: str) -> dict[str, Any]:
    framework = ABTestFramework()
    result = framework.monitor(test_id)
    return {
        "result": result,
        "share": framework.get_share(test_id),
        "history": framework.get_history(test_id),
        "decisions": framework.get_decisions(test_id),
        "advice": framework.recommend_winner(result),
    }


class _Test:
    """One test's page, which follows its samples."""

    def __init__(self, test_id: str, found: dict[str, Any]) -> None:
        self._id = test_id
        self._seen: Any = None
        self._verdict = components.text("").props('role="status"')
        with ui.element("div").classes("bar"):
            self._controls = ui.element("div").classes("bar")
            with self._controls:
                shares = sorted({*SHARES, found["share"]})
                self._share = ui.select(
                    {share: _percent(share) for share in shares},
                    value=found["share"],
                    label="Units that take part",
                ).classes("field")
                components.button("Ramp", self._ramp, changes=True)
                components.button("Conclude", self._conclude, main=True, changes=True)
        self._chart = ui.echart(charts.interval("Effect and its interval", [], [], [], [])).classes("chart")
        self._body = ui.element("div")
        self._draw(found)
        ui.timer(LIVE_SECONDS, self._refresh, immediate=False)

    async def _refresh(self) -> None:
        self._draw(await shared(("test", self._id), lambda: _read(self._id), LIVE_SECONDS))

    def _draw(self, found: dict[str, Any]) -> None:
        result: ABTestResult = found["result"]
        seen = (result.status, result.total_samples, len(found["decisions"]))
        if seen == self._seen:
            return
        self._seen = seen
        when = "now" if result.status == "running" else "at the end"
        components.set_text(self._verdict, f"{_advice(found['advice'], result)} ({when})")
        self._controls.set_visibility(result.status == "running")
        self._show_curve(found["history"], result)
        self._body.clear()
        with self._body:
            _show_arms(result)
            _show_guardrails(result)
            components.heading("Decisions")
            if found["decisions"]:
                rows = [
                    [each["created_at"], each["action"], each["model"], each["reason"]] for each in found["decisions"]
                ]
                components.table("Decisions", ["Time", "What", "Model", "Why"], rows)
            else:
                components.text("None yet.").classes("dim")

    def _show_curve(self, history: list[dict[str, Any]], result: ABTestResult) -> None:
        sizes = [each["size"] for each in history]
        effects, low, high = ([each[name] for each in history] for name in ("effect", "low", "high"))
        said = f"Effect {formatting.shown(result.effect)}, {_interval(result)}, after {result.total_samples:,} samples"
        self._chart.options.clear()
        self._chart.options.update(charts.interval(said, sizes, effects, low, high))
        self._chart.update()

    async def _ramp(self) -> None:
        share = float(self._share.value)
        if await confirmed(f"Let {_percent(share)} of the units take part in {self._id}?", "Ramp"):
            await act(ABTestFramework().ramp, self._id, share, done=f"{_percent(share)} of the units take part")
            await self._refresh()

    async def _conclude(self) -> None:
        framework = ABTestFramework()
        now = await to_thread(framework.monitor, self._id)
        is_empty = now.without_samples is not None
        ending = "without a verdict, as a model has no samples" if is_empty else "and keep its verdict"
        if await confirmed(f"End {self._id} {ending}? No sample is counted afterwards.", "Conclude"):
            await act(framework.conclude_test, self._id, even_empty=is_empty, done="concluded")
            await self._refresh()


def _percent(share: float) -> str:
    return f"{share * 100:.4g} %"


def _advice(advice: str, result: ABTestResult) -> str:
    """The model to take, and why where its score is not shown to be better; or why none is to be taken."""
    if advice not in {result.model_a, result.model_b}:
        return f"No recommendation: {advice.removeprefix('TIE: ')}"
    if result.statistical_significance:
        return f"Recommended: {advice}"
    if any(rail["status"] == BROKEN for rail in result.guardrails):
        return f"Recommended: {advice}, as the other breaks a guardrail"
    return f"Recommended: {advice}, faster or cheaper and at most {formatting.shown(result.margin)} worse in its score"


def _interval(result: ABTestResult) -> str:
    low, high = result.intervals["accuracy"]
    ends = (formatting.shown(end) if isfinite(end) else "open" for end in (low, high))
    return " to ".join(ends)


def _show_arms(result: ABTestResult) -> None:
    components.heading("Models")
    rows = [
        [f"A: {result.model_a}", result.model_a_samples, result.model_a_accuracy, result.model_a_avg_latency,
         formatting.usd(result.model_a_cost_per_inference)],
        [f"B: {result.model_b}", result.model_b_samples, result.model_b_accuracy, result.model_b_avg_latency,
         formatting.usd(result.model_b_cost_per_inference)],
    ]  # fmt: skip
    components.table("Models", ["Model", "Samples", "Score", "Milliseconds", "A call costs"], rows)
    components.facts(
        {
            "Effect": f"{formatting.shown(result.effect)}, {result.confidence_level:.0%} interval {_interval(result)}",
            "p-value": result.p_value,
            "Samples still needed": result.samples_needed if isfinite(result.samples_needed) else None,
            "Shares as planned": _shares(result),
            "Samples after the end": result.late_samples or None,
        }
    )


def _shares(result: ABTestResult) -> str:
    if result.withheld:
        return f"no: {result.withheld}"
    return (
        f"yes (p {formatting.shown(result.ratio_mismatch_p)})" if isfinite(result.ratio_mismatch_p) else "not planned"
    )


def _show_guardrails(result: ABTestResult) -> None:
    components.heading("Guardrails")
    if not result.guardrails:
        components.text("This test has none.").classes("dim")
        return
    rows = [[rail["name"], rail["status"], rail["model_a"], rail["model_b"]] for rail in result.guardrails]
    components.table("Guardrails", ["What", "Stands", "A", "B"], rows)
