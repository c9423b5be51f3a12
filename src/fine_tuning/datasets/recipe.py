"""The recipe of a dataset: every option with its default, its check and its help text, stored with the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal, TypedDict

from pydantic import Field, ValidationInfo, field_validator, model_validator

from fine_tuning._util.checks import MAX_COUNT
from fine_tuning._util.option_model import OptionModel
from fine_tuning.errors import UsageError
from fine_tuning.store.records.manifests import RecipeOptions
from fine_tuning.store.records.rows import record

DEFAULT_THRESHOLD = 0.8  # Jaccard similarity of near-duplicates
MIN_THRESHOLD = 0.7  # less similar pairs are not found reliably: see `near_duplicates`
DatasetFormat = Literal["openai", "preference", "parquet", "alpaca", "sharegpt", "jsonl"]
_KEEPS_RATINGS = frozenset({"preference", "jsonl"})  # a pair says which answer is worse; jsonl has the rows unchanged
Policy = Literal["ignore", "report", "mask", "reject"]
RowField = Literal["domain", "task_type", "model", "rating"]
Characters = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Count = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Share = Annotated[float, Field(ge=0, le=1)]


class Recipe(OptionModel):
    """How rows become a dataset."""

    format: DatasetFormat = Field(default="openai", description="Format of the split files.")
    tokens_of: str | None = Field(
        default=None, description="Count tokens with this model's tokenizer, and reject rows longer than its limit."
    )
    min_rating: Annotated[int, Field(ge=1, le=5)] | None = Field(
        default=None,
        description="Minimum rating (1 to 5); unrated rows are kept. By default 3, so that bad answers are not learnt; "
        "1 for preference and jsonl, which keep the ratings.",
    )
    domains: tuple[str, ...] = Field(default=(), description="Only rows of this domain; repeatable.")
    task_types: tuple[str, ...] = Field(default=(), description="Only rows of this task type; repeatable.")
    models: tuple[str, ...] = Field(default=(), description="Only responses of this model; repeatable.")
    project: str | None = Field(default=None, description="Only captured calls of this project; none of files.")
    metadata: dict[str, str] = Field(
        default_factory=dict, description="Only rows with this KEY=VALUE in their metadata; repeatable."
    )
    since: str | None = Field(default=None, description="Only rows captured at or after this time (ISO 8601).")
    until: str | None = Field(default=None, description="Only rows captured before this time (ISO 8601).")
    keep_cut_off: bool = Field(
        default=False, description="Keep responses that ended at a token limit or content filter."
    )
    min_prompt: Characters = Field(default=0, description="Minimum length of a prompt, in characters.")
    min_response: Characters = Field(default=0, description="Minimum length of a response, in characters.")
    max_characters: Count | None = Field(default=None, description="Maximum length of prompt and response together.")
    languages: tuple[str, ...] = Field(
        default=(),
        description="Only prompts in this language (ISO 639, such as en) or too short to detect; repeatable.",
    )
    secrets: Policy = Field(default="ignore", description="Policy for keys, tokens and passwords.")
    personal_data: Policy = Field(
        default="ignore", description="Policy for e-mail addresses, phone, card and account numbers."
    )
    near_duplicates: float | None = Field(
        default=DEFAULT_THRESHOLD,
        description="Deduplicate prompts of at least this similarity (Jaccard of word 3-grams, 0.7 to 1), "
        "keeping the best-rated row; 1 matches only prompts that differ in whitespace or sentence case.",
    )
    balance: RowField | None = Field(
        default=None, description="Sample the same number of rows for each value of this field."
    )
    limit: Count | None = Field(default=None, description="Sample at most this many rows.")
    validation: Share = Field(default=0.1, description="Fraction of rows in the validation split.")
    test: Share = Field(default=0.1, description="Fraction of rows in the test split.")
    stratify: RowField = Field(default="domain", description="Field to stratify the splits by.")
    seed: Annotated[int, Field(ge=0, le=MAX_COUNT)] = Field(
        default=42, description="Random seed of samples and splits."
    )

    @field_validator("domains", "task_types", "models", "languages", mode="before")
    @classmethod
    def _list_of_texts(cls, value: object, field: ValidationInfo) -> tuple[object, ...]:
        if not isinstance(value, tuple | list) or not all(isinstance(each, str) for each in value):
            raise UsageError(f"{field.field_name} must be a list of texts, not {value!r}")
        return tuple(value)

    @field_validator("near_duplicates")
    @classmethod
    def _reliable_threshold(cls, value: float | None) -> float | None:
        if value is not None and not MIN_THRESHOLD <= value <= 1:
            raise UsageError(f"near_duplicates must be between {MIN_THRESHOLD} and 1, or None to keep them")
        return value

    @field_validator("since", "until")
    @classmethod
    def _time(cls, value: str | None, field: ValidationInfo) -> str | None:
        seconds_of(field.field_name or "", value)
        return value

    @model_validator(mode="after")
    def _something_to_train_on(self) -> Recipe:
        if self.validation + self.test >= 1:
            raise UsageError("validation and test together leave nothing to train on; they are shares below 1")
        return self

    @property
    def shares(self) -> tuple[float, float, float]:
        """Of train, validation and test."""
        return (1 - self.validation - self.test, self.validation, self.test)

    @property
    def leaves_out_low_ratings(self) -> bool:
        """Whether answers rated 1 or 2 are left out: by default, where the rows lose their ratings."""
        return self.min_rating is None and self.format not in _KEEPS_RATINGS

    def as_dict(self) -> RecipeOptions:
        """Every option as a plain JSON value."""
        return record(RecipeOptions, self.model_dump(mode="json"))


class RecipeChoices(TypedDict, total=False):
    """The options of a recipe, as `DatasetBuilder.build` takes them; see `Recipe`."""

    format: DatasetFormat
    tokens_of: str | None
    min_rating: int | None
    domains: Sequence[str]
    task_types: Sequence[str]
    models: Sequence[str]
    project: str | None
    metadata: Mapping[str, str]
    since: str | None
    until: str | None
    keep_cut_off: bool
    min_prompt: int
    min_response: int
    max_characters: int | None
    languages: Sequence[str]
    secrets: Policy
    personal_data: Policy
    near_duplicates: float | None
    balance: RowField | None
    limit: int | None
    validation: float
    test: float
    stratify: RowField
    seed: int


def seconds_of(label: str, value: str | None) -> float | None:
    """ISO 8601 as seconds since 1970, in UTC where it names no zone; None for None.

    Raises:
        UsageError: the value is not a date or time; the message starts with the label.
    """
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise UsageError(f"{label} must be a date such as 2026-11-25, not {value!r}") from None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
