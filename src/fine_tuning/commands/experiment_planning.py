"""Plans and simulations of A/B tests."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from math import isclose
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import experiment_tables, output
from fine_tuning.errors import UsageError

if TYPE_CHECKING:
    from fine_tuning.experiments.simulation import Scenario, Stratum


class Kind(StrEnum):
    """When a test may have a verdict."""

    anytime = "anytime"
    group_sequential = "group_sequential"
    fixed = "fixed"


Alpha = Annotated[float, typer.Option(help="Significance level: accepted false positive rate.")]
Looks = Annotated[int, typer.Option(help="Number of planned looks (group_sequential only).")]
DesignKind = Annotated[
    Kind, typer.Option(help="When a verdict may be read: at any time, at planned looks, or at the end.")
]


@dataclass(frozen=True)
class PlanOptions:
    """What a test shall find."""

    rate_a: Annotated[float | None, typer.Option(help="Accuracy of model_a, 0 to 1.")] = None
    rate_b: Annotated[float | None, typer.Option(help="Smallest accuracy of model_b that is worth switching for.")] = (
        None
    )
    alpha: Alpha = 0.05
    power: Annotated[float, typer.Option(help="Statistical power: probability of detecting the difference.")] = 0.8
    looks: Looks = 8
    correlation: Annotated[
        float | None, typer.Option(help="Correlation of correctness, if both models answer the same samples.")
    ] = None
    split: Annotated[
        float | None, typer.Option(help="Fraction of units assigned to the candidates; even by default.")
    ] = None
    models: Annotated[int, typer.Option(help="Number of models, the current one included.")] = 2
    stratum: Annotated[
        list[str] | None,
        typer.Option(help="Stratum as SHARE=RATE_A:RATE_B, in place of the rates (repeatable, such as 0.3=0.9:0.92)."),
    ] = None

    def scenario(self) -> Scenario:
        """The models to tell apart."""
        from fine_tuning.experiments.simulation import Scenario

        if self.stratum:
            if (self.rate_a, self.rate_b, self.correlation) != (None, None, None):
                raise UsageError("--stratum has the rates of both models; leave out --rate-a, --rate-b, --correlation")
            return Scenario.of_strata([_stratum(text) for text in self.stratum])
        if self.rate_a is None or self.rate_b is None:
            raise UsageError("name --rate-a and --rate-b, or each --stratum with its rates")
        return Scenario(self.rate_a, self.rate_b, self.correlation)


def _stratum(text: str) -> Stratum:
    from fine_tuning.experiments.simulation import Stratum

    share, _, rates = text.partition("=")
    try:
        return Stratum(float(share), *(float(rate) for rate in rates.split(":")))
    except (TypeError, ValueError):
        raise UsageError(f"--stratum takes SHARE=RATE_A:RATE_B, such as 0.3=0.9:0.92, not {text!r}") from None


@dataclass(frozen=True)
class SimulationOptions:
    """How tests are simulated."""

    samples: Annotated[int, typer.Option(help="Maximum samples per model (of the one with fewer).")] = 2000
    design: DesignKind = Kind.anytime
    alpha: Alpha = 0.05
    looks: Looks = 8
    correlation: Annotated[
        float | None, typer.Option(help="Correlation of correctness, if both models answer the same samples.")
    ] = None
    split: Annotated[float, typer.Option(help="Fraction of units assigned to model_b.")] = 0.5
    replications: Annotated[int, typer.Option(help="Number of simulated tests.")] = 2000
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0


def plan(options: PlanOptions, as_json: output.Json = False) -> None:
    """Compute the sample size that each design needs to detect a difference in accuracy."""
    from fine_tuning.experiments import sample_size

    scenario, allocation = options.scenario(), sample_size.Allocation(options.models, options.split)
    alpha, power = options.alpha, options.power
    plans = sample_size.plan(scenario, alpha=alpha, power=power, looks=options.looks, allocation=allocation)
    if as_json:
        output.print_json([asdict(each) for each in plans])
        return
    is_even = isclose(min(allocation.shares), max(allocation.shares))
    unit = (
        "pairs" if options.correlation is not None else "samples per model" if is_even else "samples of the rarer model"
    )
    title = f"{scenario.rate_a:.1%} against {scenario.rate_b:.1%} with alpha {alpha:g} and power {power:g}: {unit}"
    experiment_tables.print_plans(title, plans)


def simulate(
    rate_a: Annotated[float, typer.Option(help="Accuracy of model_a, 0 to 1.")],
    rate_b: Annotated[float, typer.Option(help="Accuracy of model_b; equal to --rate-a for an A/A test.")],
    options: SimulationOptions,
    as_json: output.Json = False,
) -> None:
    """Simulate a design with a look after every sample: how often it finds a winner, and how soon."""
    from fine_tuning.experiments import simulation
    from fine_tuning.experiments.design import Design

    scenario = simulation.Scenario(rate_a, rate_b, options.correlation)
    size, replications = options.samples, options.replications
    simulation.check(scenario, size, replications)
    design = Design.of(
        kind=options.design.value, alpha=options.alpha, planned=size, looks=options.looks, split=options.split
    )
    found = simulation.simulate(design, scenario, samples=size, replications=replications, seed=options.seed)
    if as_json:
        output.print_json(experiment_tables.simulation_facts(found))
        return
    title = f"{replications:,} tests of {rate_a:.1%} against {rate_b:.1%}, {options.design.value}"
    experiment_tables.print_simulation(title, found)
