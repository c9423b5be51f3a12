"""Sort examples into valid and invalid ones, with the issues of the invalid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, TypedDict, TypeVar

from fine_tuning.data_io.finish_reasons import CUT_OFF, finish_reason
from fine_tuning.data_io.formats.findings import CODES
from fine_tuning.datasets import file_check, training_formats
from fine_tuning.datasets.examples_with_recipe import Examples, derived
from fine_tuning.errors import DataError
from fine_tuning.store.records.manifests import DerivationStep

MIN_PROMPT_CHARACTERS = 10
MIN_RESPONSE_CHARACTERS = 20
Row = TypeVar("Row")


class InvalidExample(TypedDict):
    """An example that is not fit for training, and why."""

    example: object
    issues: list[str]


class ValidationReport(TypedDict, Generic[Row]):
    """Valid and invalid examples with their counts; validation_rate is valid / total, nan for no examples."""

    total: int
    valid: int
    invalid: int
    valid_examples: Examples[Row]
    invalid_examples: list[InvalidExample]
    validation_rate: float


def validate(
    examples: Sequence[Row],
    min_prompt_length: int = MIN_PROMPT_CHARACTERS,
    min_response_length: int = MIN_RESPONSE_CHARACTERS,
) -> ValidationReport[Row]:
    """Sort examples into valid and invalid ones; nothing is dropped.

    Args:
        min_prompt_length, min_response_length: in characters, without white space at the ends.

    Returns:
        The valid examples with the recipe of all, and the invalid ones.
    """
    valid: list[Row] = []
    invalid: list[InvalidExample] = []
    for example in examples:
        issues = find_issues(example, min_prompt_length, min_response_length)
        if issues:
            invalid.append({"example": example, "issues": issues})
        else:
            valid.append(example)
    step: DerivationStep = {
        "operation": "validate",
        "min_prompt_length": min_prompt_length,
        "min_response_length": min_response_length,
    }
    return {
        "total": len(examples),
        "valid": len(valid),
        "invalid": len(invalid),
        "valid_examples": derived(examples, valid, step),
        "invalid_examples": invalid,
        "validation_rate": len(valid) / len(examples) if examples else float("nan"),
    }


def find_issues(example: object, min_prompt_length: int, min_response_length: int) -> list[str]:
    """The issues of one example; empty for a valid one."""
    if not isinstance(example, Mapping):
        return [f"not a mapping but {type(example).__name__}"]
    issues = []
    for field, minimum in (("prompt", min_prompt_length), ("response", min_response_length)):
        text = example.get(field)
        if text is None or text == "":
            issues.append(f"Missing {field}")
        elif not isinstance(text, str):
            issues.append(f"{field.capitalize()} is not text but {type(text).__name__}")
        elif len(text.strip()) < minimum:
            issues.append(f"{field.capitalize()} too short ({len(text.strip())} of {minimum} characters)")
    return issues or _untrainable(example)


def cut_off(example: Mapping[str, object]) -> str | None:
    """The reason why the response of an example ended early; None for one that is whole."""
    metadata = example.get("metadata")
    reason = finish_reason(metadata.get("finish_reason")) if isinstance(metadata, Mapping) else None
    return reason if reason in CUT_OFF else None


def cut_off_issue(example: Mapping[str, object]) -> str | None:
    """The issue of an example whose response ended early; None for one that is whole."""
    reason = cut_off(example)
    return f"Response cut off (finish reason {reason})" if reason else None


def _untrainable(example: Mapping[str, object]) -> list[str]:
    """Why trainers would not take an example, or should not; what `ft-cli dataset check` refuses of its row."""
    if issue := cut_off_issue(example):
        return [issue]
    try:
        row = training_formats.openai_row(example)
    except DataError as error:
        return [str(error)]
    text = training_formats.json_line(row).encode("utf-8", "surrogatepass")
    errors = [each for each in file_check.examine(text).findings if CODES[each.code].is_error]
    return [": ".join(filter(None, (each.field, each.message))) for each in errors]
