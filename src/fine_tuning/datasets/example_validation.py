"""Which examples are fit for training, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MIN_PROMPT_CHARACTERS = 10
MIN_RESPONSE_CHARACTERS = 20


def validate(
    examples: Sequence[Any],
    min_prompt_length: int = MIN_PROMPT_CHARACTERS,
    min_response_length: int = MIN_RESPONSE_CHARACTERS,
) -> dict[str, Any]:
    """Sort examples into valid and invalid ones; nothing is dropped.

    Args:
        min_prompt_length, min_response_length: in characters, white space at the ends not counted.

    Returns:
        total, valid, invalid (counts), valid_examples, invalid_examples (each `{example, issues}`),
        validation_rate (valid / total; nan for no examples).
    """
    valid, invalid = [], []
    for example in examples:
        issues = find_issues(example, min_prompt_length, min_response_length)
        if issues:
            invalid.append({"example": example, "issues": issues})
        else:
            valid.append(example)
    return {
        "total": len(examples),
        "valid": len(valid),
        "invalid": len(invalid),
        "valid_examples": valid,
        "invalid_examples": invalid,
        "validation_rate": len(valid) / len(examples) if examples else float("nan"),
    }


def find_issues(example: Any, min_prompt_length: int, min_response_length: int) -> list[str]:
    """What is wrong with one example, in words; empty when it is fit."""
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
    return issues
