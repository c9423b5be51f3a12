"""A/B tests."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, cast

import typer

from fine_tuning._util import checks
from fine_tuning.commands import experiment_tables, output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.commands.experiment_planning import Alpha, DesignKind, Kind, Looks, plan, simulate
from fine_tuning.commands.experiment_tables import print_result
from fine_tuning.commands.options import with_options
from fine_tuning.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from fine_tuning.experiments.design import DesignChoices


TestId = Annotated[str, typer.Argument(help="Id of the test.")]


@dataclass(frozen=True)
class DesignOptions:
    """The design of a test; see `experiments.design.Design`."""

    design: DesignKind = Kind.anytime
    alpha: Alpha = 0.05
    planned: Annotated[
        int | None, typer.Option(help="Planned samples per model (group_sequential, fixed); see `ab plan`.")
    ] = None
    looks: Looks = 8
    metric: Annotated[str, typer.Option(help="Metric that scores answers.")] = "exact_match"
    margin: Annotated[
        float, typer.Option(help="Non-inferiority margin: largest drop in score that counts as not worse.")
    ] = 0.05
    more: Annotated[
        list[str] | None, typer.Option(help="Further candidate model, compared with the current one too (repeatable).")
    ] = None
    split: Annotated[
        float | None,
        typer.Option(help="Fraction of units assigned to the candidates; by default all models get equal fractions."),
    ] = None
    ramp: Annotated[float, typer.Option(help="Fraction of all units that take part.")] = 1.0
    layer: Annotated[str | None, typer.Option(help="Layer of the test; tests in the same layer share no units.")] = None
    guardrail: Annotated[
        list[str] | None,
        typer.Option(help="Guardrail as MEASURE=MARGIN, such as latency=0.1, p95=0.2, errors=0.01, NAME:higher=0.1."),
    ] = None
    auto: Annotated[bool, typer.Option(help="Deploy the winner as soon as there is a verdict.")] = False

    def choices(self) -> DesignChoices:
        """The choices as `ABTestFramework.create_test` takes them, beside the kind of design."""
        rails = output.key_values("--guardrail", self.guardrail or [])
        left_out = {"design", "guardrail", "more"} | ({"split"} if self.split is None else set())
        options = {name: value for name, value in vars(self).items() if name not in left_out}
        guardrails = [_guardrail(name, value) for name, value in rails.items()]
        return cast("DesignChoices", {**options, "guardrails": guardrails})


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    panel = "Evaluation"
    app.command("setup-ab-test", rich_help_panel=panel)(with_options(setup_ab_test))
    ab = typer.Typer(help="Plan, simulate, monitor and conclude A/B tests.", no_args_is_help=True)
    for command in (with_options(plan), with_options(simulate), show, watch, assign, ramp, conclude):
        ab.command()(command)
    ab.command("list")(list_tests)
    app.add_typer(ab, name="ab", rich_help_panel=panel)


def setup_ab_test(
    test_id: TestId,
    model_a: Annotated[str, typer.Argument(help="Current model (control).")],
    model_b: Annotated[str, typer.Argument(help="Candidate model (treatment).")],
    options: DesignOptions,
    as_json: output.Json = False,
) -> None:
    """Start an A/B test; record its samples with ABTestFramework.record_sample or LLMService."""
    from fine_tuning.ab_testing import ABTestFramework

    framework = ABTestFramework(workspace=command_workspace())
    kind, more = options.design.value, options.more or []
    test = framework.create_test(test_id, model_a, model_b, more=more, design=kind, **options.choices())
    if as_json:
        output.print_json(test)
        return
    facts = {name: value for name, value in test.items() if name not in {"test_id", "design"}}
    chosen = {"design": options.design.value, "alpha": options.alpha, "planned": options.planned}
    output.print_facts(f"A/B test {test_id}", {**facts, **chosen})


def _guardrail(name: str, value: str) -> dict[str, object]:
    """The guardrail of an option: a margin relative to model_a's figure, absolute for the rate of errors."""
    try:
        margin = float(value)
    except ValueError:
        raise UsageError(f"--guardrail {name} takes a number, not {value!r}") from None
    measure, colon, direction = name.partition(":")
    if colon and direction != "higher":
        raise UsageError(f"--guardrail {name}: only `higher` may follow a colon, as in {measure}:higher=0.1")
    if measure == "p95":
        if colon:
            raise UsageError("--guardrail p95 is of latency, which is better where it is lower")
        return {"measure": "latency", "statistic": "p95", "margin": margin}
    return {
        "measure": measure,
        "margin": margin,
        "relative": name != "errors",
        "higher_is_better": direction == "higher",
    }


def watch(
    test_id: TestId,
    every: Annotated[float, typer.Option(help="Seconds between updates.")] = 2.0,
) -> None:
    """Follow a test until it is concluded. Ctrl-C stops watching."""
    from fine_tuning.ab_testing import ABTestFramework

    pause = checks.amount("--every", every)
    if pause is None or not 0.1 <= pause <= 86_400:
        raise UsageError(f"--every takes seconds, from 0.1 to a day, not {every:g}")
    framework = ABTestFramework(workspace=command_workspace())
    screen = output.console()
    while True:
        result = framework.monitor(test_id)
        if screen.is_terminal:
            screen.clear()
        print_result(result)
        if result.status != "running" or not screen.is_terminal:
            return
        time.sleep(pause)


def assign(
    test_id: TestId,
    unit: Annotated[list[str], typer.Argument(help="Unit ids, such as users or conversations.")],
    as_json: output.Json = False,
) -> None:
    """Show the arm that each unit is assigned to; assignments never change."""
    from fine_tuning.ab_testing import ABTestFramework

    framework = ABTestFramework(workspace=command_workspace())
    found = {each: framework.assign(test_id, each) for each in unit}
    if as_json:
        output.print_json(found)
    else:
        output.print_table(
            f"Units of {test_id}", ["Unit", "Arm"], [(name, arm or "none") for name, arm in found.items()]
        )


def ramp(test_id: TestId, share: Annotated[float, typer.Argument(help="Fraction of all units, 0 to 1.")]) -> None:
    """Change the fraction of units that take part; units already in the test keep their arm."""
    from fine_tuning.ab_testing import ABTestFramework

    ABTestFramework(workspace=command_workspace()).ramp(test_id, share)
    output.print_text(f"{share:.1%} of the units take part in {test_id}")


def list_tests(as_json: output.Json = False) -> None:
    """List the tests with their status."""
    from fine_tuning.ab_testing import ABTestFramework

    framework = ABTestFramework(workspace=command_workspace())
    found = framework.get_all_results()
    if as_json:
        output.print_json({test_id: asdict(result) for test_id, result in found.items()})
        return
    experiment_tables.print_results(found)


def show(test_id: TestId, as_json: output.Json = False) -> None:
    """Show the current verdict and the decisions without concluding the test."""
    from fine_tuning.ab_testing import ABTestFramework

    framework = ABTestFramework(workspace=command_workspace())
    result, decisions = framework.monitor(test_id), framework.get_decisions(test_id)
    if as_json:
        output.print_json({**experiment_tables.facts(result), "decisions": decisions})
        return
    print_result(result)
    if decisions:
        experiment_tables.print_decisions(decisions)


def conclude(
    test_id: TestId,
    alpha: Annotated[float | None, typer.Option(help="Significance level; the test's own by default.")] = None,
    even_empty: Annotated[bool, typer.Option("--even-empty", help="Conclude even if a model has no samples.")] = False,
    as_json: output.Json = False,
) -> None:
    """Conclude a test and store its verdict; no more samples are recorded."""
    from fine_tuning.ab_testing import ABTestFramework

    framework = ABTestFramework(workspace=command_workspace())
    result = framework.conclude_test(test_id, alpha, even_empty=even_empty)
    if result.status == "running":
        raise ConflictError(
            f"{test_id} is not concluded: {result.without_samples} has no samples; --even-empty concludes it"
        )
    print_result(result, as_json=as_json)
