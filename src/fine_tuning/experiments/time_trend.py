"""The trend of scores in the order in which they came, for models whose samples never came at the same time.

Where all samples of one model came before those of the other, scores that rise or fall over time are a difference
between equal models. An analysis of covariance with the place in the order as the covariate (Cochran, "Analysis of
covariance: its nature and uses", Biometrics 13, 1957) compares the models at one time: the trend within the models is
taken away, and the variance of the difference grows by what is not known of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from fine_tuning.experiments.effect import Effect
from fine_tuning.store.records.experiment_json import PlacesRecord


@dataclass
class Places:
    """Scores of one model: their number, mean, first, last and mean place, and sums of products about the means."""

    count: int = 0
    mean: float = 0.0
    first: int = 0
    last: int = 0
    middle: float = 0.0
    squares: float = 0.0
    products: float = 0.0

    def add(self, place: int, score: float) -> None:
        """Add a score."""
        self.count += 1
        self.first, self.last = self.first if self.count > 1 else place, place
        apart = place - self.middle
        self.middle += apart / self.count
        self.squares += apart * (place - self.middle)
        self.mean += (score - self.mean) / self.count
        self.products += apart * (score - self.mean)


@dataclass
class TimeTrend:
    """Scores of both models by their place among all."""

    sides: tuple[Places, Places] = field(default_factory=lambda: (Places(), Places()))

    def add(self, side: int, score: float) -> None:
        """Add a score of one model (0 or 1)."""
        self.sides[side].add(sum(each.count for each in self.sides), score)

    @property
    def is_one_switch(self) -> bool:
        """Whether all scores of one model came before those of the other."""
        first, second = self.sides
        return min(first.count, second.count) > 0 and (first.last < second.first or second.last < first.first)

    def taken_away(self, effect: Effect) -> Effect:
        """The difference of models of which one came after the other, without a linear trend that both share."""
        first, second = self.sides
        within, apart = first.squares + second.squares, second.middle - first.middle
        if not within > 0:
            return replace(effect, is_ready=False)
        between = apart**2 * first.count * second.count / (first.count + second.count)
        slope = (first.products + second.products) / within
        estimate, wider = effect.estimate - slope * apart, 1 + between / within
        rates = None if effect.rates is None else effect.rates.moved(estimate, wider)
        return replace(effect, estimate=estimate, variance=effect.variance * wider, rates=rates)

    def as_list(self) -> list[PlacesRecord]:
        """The sums as plain JSON values."""
        first, second = self.sides
        return [_record(first), _record(second)]

    @classmethod
    def of(cls, state: list[PlacesRecord]) -> TimeTrend:
        """Sums as `as_list` gave them; of an earlier version, which had none, nothing."""
        return cls((Places(**state[0]), Places(**state[1]))) if state else cls()


def _record(places: Places) -> PlacesRecord:
    return {
        "count": places.count,
        "mean": places.mean,
        "first": places.first,
        "last": places.last,
        "middle": places.middle,
        "squares": places.squares,
        "products": places.products,
    }
