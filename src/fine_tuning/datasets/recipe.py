"""What a data set is made with: every choice, checked once and kept with the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from fine_tuning._util import checks
from fine_tuning.datasets.training_formats import BUILT
from fine_tuning.errors import UsageError

LEAST_THRESHOLD = 0.7  # pairs less alike are not found reliably: see `near_duplicates`
FIELDS = ("domain", "task_type", "model", "rating")  # that rows can be stratified and balanced by
POLICIES = ("ignore", "report", "mask", "reject")


@dataclass(frozen=True)
class Recipe:
    """How rows become a data set. None, or nothing, is no limit.

    Attributes:
        format: of the files; see `datasets.training_formats.BUILT`.
        tokens_of: the model whose tokens are counted, and whose limit rows are held to.
        min_rating: 1 to 5; rows without a rating stay.
        domains, task_types, models: the only ones that stay.
        metadata: what a row's metadata must say, as text.
        since, until: ISO 8601; rows captured before or from then on are left out, also those without a time.
        min_prompt, min_response, max_characters: of what is asked, of the answer, of both.
        languages: ISO 639 codes (such as en) of the questions that stay; those too short to tell stay too.
        secrets, personal_data: one of `POLICIES`.
        near_duplicates: questions at least so alike (Jaccard similarity of their word 3-grams) are one, of which the
            best-rated row stays; None keeps them all.
        balance: the field of whose values each gets as many rows as the rarest.
        limit: the most rows in all, drawn by `seed`.
        validation, test: shares of the rows.
        stratify: the field whose values are spread evenly over the parts.
        seed: of the draw.
    """

    format: str = "openai"
    tokens_of: str | None = None
    min_rating: int | None = None
    domains: tuple[str, ...] = ()
    task_types: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    since: str | None = None
    until: str | None = None
    min_prompt: int = 0
    min_response: int = 0
    max_characters: int | None = None
    languages: tuple[str, ...] = ()
    secrets: str = "ignore"
    personal_data: str = "ignore"
    near_duplicates: float | None = 0.8
    balance: str | None = None
    limit: int | None = None
    validation: float = 0.1
    test: float = 0.1
    stratify: str = "domain"
    seed: int = 42

    def __post_init__(self) -> None:
        """Check every choice.

        Raises:
            UsageError: one is out of range.
        """
        checks.one_of("data set format", self.format, tuple(BUILT))
        for label in ("secrets", "personal_data"):
            checks.one_of(f"policy for {label.replace('_', ' ')}", getattr(self, label), POLICIES)
        for label in ("balance", "stratify"):
            if (value := getattr(self, label)) is not None:
                checks.one_of(f"field for {label}", value, FIELDS)
        if self.min_rating is not None:
            checks.count("min_rating", self.min_rating, 1, 5)
        for label, least in (("max_characters", 1), ("limit", 1), ("min_prompt", 0), ("min_response", 0), ("seed", 0)):
            if (value := getattr(self, label)) is not None:
                checks.count(label, value, least)
        for label in ("validation", "test"):
            checks.rate(label, getattr(self, label))
        if self.validation + self.test >= 1:
            raise UsageError("validation and test together leave nothing to train on; they are shares below 1")
        if self.near_duplicates is not None and not LEAST_THRESHOLD <= self.near_duplicates <= 1:
            raise UsageError(f"near_duplicates must be between {LEAST_THRESHOLD} and 1, or None to keep them")
        for label in ("domains", "task_types", "models", "languages"):
            value = getattr(self, label)
            if not isinstance(value, tuple) or not all(isinstance(each, str) for each in value):
                raise UsageError(f"{label} must be a list of texts, not {value!r}")
        for label in ("since", "until"):
            moment(label, getattr(self, label))

    @property
    def shares(self) -> tuple[float, float, float]:
        """Of train, validation and test."""
        return (1 - self.validation - self.test, self.validation, self.test)

    def as_dict(self) -> dict[str, Any]:
        """The choices as plain JSON values, those that were left as they are too."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def of(cls, **choices: Any) -> Recipe:
        """A recipe of these choices; lists are taken for tuples, and None for the default.

        Raises:
            UsageError: a choice is unknown or out of range.
        """
        known = {each.name for each in fields(cls)}
        if unknown := choices.keys() - known:
            raise UsageError(f"unknown choice {min(unknown)!r}; known are {', '.join(sorted(known))}")
        kept: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in choices.items()
        }
        return cls(**kept)


def moment(label: str, value: str | None) -> float | None:
    """ISO 8601 as seconds since 1970, in UTC where no zone is said; None where there is no value.

    Raises:
        UsageError: it is no time.
    """
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise UsageError(f"{label} must be a date such as 2026-11-25, not {value!r}") from None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
