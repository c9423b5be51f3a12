"""Whether the second model's share of the samples changes over time, whatever units the samples are of."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import gammaincc

from fine_tuning.store.records.experiment_json import SampleSharesRecord

SAMPLES_PER_BLOCK = 50
DRIFT = 1e-4  # p-value (chi-squared) of equal shares in all blocks, below which they change


@dataclass
class SampleShares:
    """Sums over blocks of time of the number of the second model's samples, and of its square.

    Attributes:
        blocks: that ended.
        now, second: samples in the block that lasts, and of these the second model's.
    """

    blocks: int = 0
    total: int = 0
    squares: int = 0
    now: int = 0
    second: int = 0

    def add(self, side: int) -> None:
        """A sample of a model (0 or 1) comes."""
        self.now += 1
        self.second += side
        if self.now == SAMPLES_PER_BLOCK:
            self.blocks += 1
            self.total += self.second
            self.squares += self.second**2
            self.now = self.second = 0

    @property
    def change(self) -> bool:
        """Whether the share changes."""
        share = self.total / (self.blocks * SAMPLES_PER_BLOCK) if self.blocks > 1 else 0.0
        if not 0 < share < 1:
            return False
        spread = self.squares - self.total**2 / self.blocks
        chi_squared = spread / (SAMPLES_PER_BLOCK * share * (1 - share))
        return bool(gammaincc((self.blocks - 1) / 2, chi_squared / 2) < DRIFT)

    def as_dict(self) -> SampleSharesRecord:
        """The sums as plain JSON values."""
        return {
            "blocks": self.blocks,
            "total": self.total,
            "squares": self.squares,
            "now": self.now,
            "second": self.second,
        }
