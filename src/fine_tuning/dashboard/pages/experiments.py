"""Experiments: the verdict, guardrails and decisions of each A/B test."""

from __future__ import annotations

from asyncio import to_thread
from dataclasses import dataclass
from math import isfinite

from nicegui import ui

from fine_tuning.ab_testing import ABTestFramework
from fine_tuning.dashboard import charts, components, formatting, layout
from fine_tuning.dashboard.actions import FAILED, act, confirmed, notify, state
from fine_tuning.dashboard.shared_reads import shared
from fine_tuning.errors import FineTuningError
from fine_tuning.experiments import multiplicity, sample_ratio
from fine_tuning.experiments.ab_test_result import ABTestResult
from fine_tuning.experiments.field_intervals import interval_of, interval_of_share
from fine_tuning.experiments.recommendation import Reason, against_each, recommend
from fine_tuning.experiments.sufficient_statistics import A
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.experiments import ExperimentDecision, ExperimentLook

PAGE = 50
LIVE_SECONDS = 2.0
SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)  # of the units, as choices of a ramp


@dataclass(frozen=True)
class _State:
    """A test as its page shows it; share: of the units that take part."""

    result: ABTestResult
    share: float
    history: list[ExperimentLook]
    decisions: list[ExperimentDecision]


@ui.page("/experiments")
async def show(page: str = "1") -> None:
    """All tests, running ones first."""
    framework = ABTestFramework(workspace=state().workspace)
    found = await to_thread(_listed, framework)
    number = components.page_number(page)
    here = found[(number - 1) * PAGE : number * PAGE]
    with layout.page("Experiments"):
        _start_form(framework)
        components.heading("Tests")
        if not found:
            components.empty("No test has been started yet.", "ft-cli setup-ab-test TEST MODEL_A MODEL_B")
            return
        columns = ["Test", "Model A", "Model B", "Status", "Samples", "Effect", "p-value"]
        components.table("Tests", columns, [_row(test) for test in here])
        components.pages(len(found), number, PAGE, "/experiments?page=")
        components.text(multiplicity.of(found).as_text()).classes("dim")


def _listed(framework: ABTestFramework) -> list[ABTestResult]:
    every = framework.get_all_results().values()
    return sorted(
        sorted(every, key=lambda test: test.started_at, reverse=True), key=lambda test: test.status != "running"
    )


def _row(test: ABTestResult) -> list[object]:
    link = (test.test_id, components.path("/experiments", test.test_id))
    candidates = ", ".join(each.model_b for each in test.comparisons)
    figures: list[object] = [test.effect, test.p_value]
    if test.others:
        figures = [", ".join(formatting.shown(each.effect) for each in test.comparisons)]
        figures += [", ".join(formatting.shown(each.p_value) for each in test.comparisons)]
    return [link, test.model_a, candidates, test.status, test.total_samples, *figures]


def _start_form(framework: ABTestFramework) -> None:
    with ui.expansion("Start a test").classes("card"), ui.element("div").classes("bar"):
        test_id = ui.input("Test")
        model_a = ui.input("Model A")
        model_b = ui.input("Model B")
        more = ui.input("Further models (commas between)")
        split = ui.number("Share of all but model A", value=0.5, min=0.01, max=0.99, step=0.01)

        async def start() -> None:
            if split.value is None or (test_id.value or "").strip(".") == "":
                notify("enter a test id and the share of all models but model A", is_error=True)
                return
            others = [name.strip() for name in (more.value or "").split(",") if name.strip()]
            models = test_id.value, model_a.value, model_b.value
            found = await act(framework.create_test, *models, more=others, split=split.value)
            if found is not FAILED:
                ui.navigate.to(components.path("/experiments", test_id.value))

        components.button("Start", start, main=True, changes=True)


@ui.page("/experiments/{test_id:path}")
async def show_test(test_id: str) -> None:
    """One test."""
    with layout.page("Experiments", test_id):
        try:
            framework = ABTestFramework(workspace=state().workspace)
            found = await to_thread(_read, framework, test_id)
        except FineTuningError as error:
            components.empty(str(error), "ft-cli ab list")
            return
        _Test(framework, test_id, found)


def _read(framework: ABTestFramework, test_id: str) -> _State:
    return _State(
        result=framework.monitor(test_id),
        share=framework.get_share(test_id),
        history=framework.get_history(test_id),
        decisions=framework.get_decisions(test_id),
    )


class _Test:
    """The page of a test, updated as samples arrive."""

    def __init__(self, framework: ABTestFramework, test_id: str, found: _State) -> None:
        self._framework, self._id = framework, test_id
        self._drawn: tuple[str, int, int] | None = None
        self._verdict = components.text("").props('role="status"')
        with ui.element("div").classes("bar"):
            self._controls = ui.element("div").classes("bar")
            with self._controls:
                shares = sorted({*SHARES, found.share})
                self._share = ui.select(
                    {share: _percent(share) for share in shares},
                    value=found.share,
                    label="Units that take part",
                ).classes("field")
                components.button("Ramp", self._ramp, changes=True)
                components.button("Conclude", self._conclude, main=True, changes=True)
        self._chart = ui.echart(charts.interval("Effect and its interval", [], [], [], [])).classes("chart")
        self._body = ui.element("div")
        self._draw(found)
        ui.timer(LIVE_SECONDS, self._refresh, immediate=False)

    async def _refresh(self) -> None:
        self._draw(await shared(("test", self._id), lambda: _read(self._framework, self._id), LIVE_SECONDS))

    def _draw(self, found: _State) -> None:
        result = found.result
        now = (result.status, result.total_samples, len(found.decisions))
        if now == self._drawn:
            return
        self._drawn = now
        when = "so far" if result.status == "running" else "final"
        components.set_text(self._verdict, f"{_advice(result)} ({when})")
        self._controls.set_visibility(result.status == "running")
        self._show_curve(found.history, result)
        self._body.clear()
        with self._body:
            _show_arms(result)
            _show_guardrails(result)
            components.heading("Decisions")
            if found.decisions:
                rows = [[each["created_at"], each["action"], each["model"], each["reason"]] for each in found.decisions]
                components.table("Decisions", ["Time", "Action", "Model", "Reason"], rows)
            else:
                components.text("None yet.").classes("dim")

    def _show_curve(self, history: list[ExperimentLook], result: ABTestResult) -> None:
        sizes = [each["size"] for each in history]
        effects = [each["effect"] for each in history]
        low, high = [each["low"] for each in history], [each["high"] for each in history]
        caption = (
            f"Effect {formatting.shown(result.effect)}, {_interval(result)}, after {result.total_samples:,} samples"
        )
        self._chart.options.clear()
        self._chart.options.update(charts.interval(caption, sizes, effects, low, high))
        self._chart.update()

    async def _ramp(self) -> None:
        share = float(self._share.value)
        if await confirmed(f"Ramp {self._id} to {_percent(share)} of the units?", "Ramp"):
            await act(self._framework.ramp, self._id, share, done=f"{_percent(share)} of the units take part")
            await self._refresh()

    async def _conclude(self) -> None:
        now = await to_thread(self._framework.monitor, self._id)
        is_empty = now.without_samples is not None
        ending = "without a verdict, because a model has no samples" if is_empty else "and store its verdict"
        if await confirmed(f"Conclude {self._id} {ending}? It then records no more samples.", "Conclude"):
            await act(self._framework.conclude_test, self._id, even_empty=is_empty, done="concluded")
            await self._refresh()


def _percent(share: float) -> str:
    return f"{share * 100:.4g} %"


def _advice(result: ABTestResult) -> str:
    """The recommended model, and why where its score is not shown to be better; or why there is none."""
    found = recommend(result)
    if found.winner is None:
        return f"No recommendation: {found.text}"
    advice = f"Recommended: {found.shown(result)}"
    if result.others and found.winner == A:
        return f"{advice} ({against_each(result)})"
    if found.reason == Reason.GUARDRAIL_BROKEN:
        return f"{advice}, because the other model breaks a guardrail"
    if found.reason == Reason.FASTER_OR_CHEAPER:
        return f"{advice}, faster or cheaper with a score at most {formatting.shown(result.margin)} lower"
    return advice


def _interval(result: ABTestResult) -> str:
    low, high = interval_of(result, "accuracy")
    ends = (formatting.shown(end) if isfinite(end) else "open" for end in (low, high))
    return " to ".join(ends)


def _show_arms(result: ABTestResult) -> None:
    components.heading("Models")
    rows = [
        [
            f"A: {result.model_a}",
            result.model_a_samples,
            result.model_a_accuracy,
            _share_interval(result, A),
            result.model_a_avg_latency,
            formatting.usd(result.model_a_cost_per_inference),
        ],
        *(
            [
                f"{each.arm[-1].upper()}: {each.model_b}",
                each.model_b_samples,
                each.model_b_accuracy,
                _share_interval(each, each.arm),
                each.model_b_avg_latency,
                formatting.usd(each.model_b_cost_per_inference),
            ]
            for each in result.comparisons
        ),
    ]
    columns = ["Model", "Samples", "Score", "95 % interval", "Mean latency (ms)", "Cost per call"]
    components.table("Models", columns, rows)
    for each in result.comparisons:
        if result.others:
            components.heading(f"{each.model_b} against {each.model_a}")
        _show_comparison(each, 1 - (1 - result.confidence_level) / len(result.comparisons))
    for warning in result.all_warnings:
        components.text(f"Note: {warning}.")


def _share_interval(result: ABTestResult, arm: Arm) -> str | None:
    bounds = interval_of_share(result, arm)
    return None if bounds is None else f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def _show_comparison(result: ABTestResult, level: float) -> None:
    components.facts(
        {
            "Effect": f"{formatting.shown(result.effect)}, {level * 100:.4g}% interval {_interval(result)}",
            "p-value": result.p_value,
            "Samples still needed": result.samples_needed if isfinite(result.samples_needed) else None,
            "Sample ratio check": _sample_ratio(result),
            "Late samples (after the end)": result.late_samples or None,
        }
    )


def _sample_ratio(result: ABTestResult) -> str:
    if result.withheld and result.ratio_mismatch_p <= sample_ratio.ALPHA:
        return f"failed, no verdict: {result.withheld}"
    if not isfinite(result.ratio_mismatch_p):
        return _without_ratio_check(result)
    return f"passed (p = {formatting.shown(result.ratio_mismatch_p)})"


def _without_ratio_check(result: ABTestResult) -> str:
    """Why the samples are not checked against the planned split."""
    if not result.total_samples:
        return "none yet: no samples"
    return "not needed: paired, both models answer every unit" if result.is_paired else "off: no planned split"


def _show_guardrails(result: ABTestResult) -> None:
    components.heading("Guardrails")
    if not result.guardrails:
        components.text("This test has no guardrails.").classes("dim")
        return
    rows = [
        [each.model_b, rail["name"], rail["status"], rail["model_a"], rail["model_b"]]
        for each in result.comparisons
        for rail in each.guardrails
    ]
    columns = ["Model", "Measure", "Status", "Of model A", "Of this model"]
    components.table("Guardrails", columns, rows)
