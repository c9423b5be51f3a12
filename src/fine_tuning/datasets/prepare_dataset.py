"""Prepare a dataset from captured calls in one step: find, validate, keep the longest state of each chat, save."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from fine_tuning._util import checks
from fine_tuning.datasets import continued_chats, example_validation, save_dataset, training_formats, unlearnt_answers
from fine_tuning.datasets.example_validation import InvalidExample
from fine_tuning.datasets.examples_with_recipe import Examples, derived
from fine_tuning.datasets.prepare_options import PrepareOptions
from fine_tuning.datasets.training_formats import check_format
from fine_tuning.distillation.ratings import check_rating
from fine_tuning.errors import DataError
from fine_tuning.store import examples
from fine_tuning.store.database import Database
from fine_tuning.store.records.datasets import ExamplesRecipe
from fine_tuning.store.records.examples import Example
from fine_tuning.store.records.rows import record

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedDataset:
    """A saved dataset: its file, the examples in it, how many were found, and why the others are not in it.

    Attributes:
        issues: how many examples have an issue first.
        unlearnt: how many examples go on after an answer that is not learnt; see `unlearnt_answers`.
    """

    path: str
    examples: Examples[Example]
    found: int
    issues: Counter[str]
    unlearnt: int


def find_captured(
    database: Database,
    min_rating: int,
    domain: str | None,
    task_type: str | None = None,
    project: str | None = None,
) -> Examples[Example]:
    """Captured examples rated at least `min_rating`, oldest first, with the filters as their recipe.

    Raises:
        UsageError: the rating is out of range.
        StorageError: the database cannot be read.
    """
    check_rating(min_rating)
    with database.read() as tx:
        found = examples.find(tx, min_rating=min_rating, domain=domain, task_type=task_type, project=project)
    recipe: ExamplesRecipe = {
        "source": "distillation",
        "min_rating": min_rating,
        "domain": domain,
        "task_type": task_type,
        "limit": None,
        "found": len(found),
    }
    if project is not None:  # recipes of all projects stay what they were
        recipe["project"] = project
    return Examples(found, recipe)


def find_learnt(
    database: Database, min_rating: int, domain: str | None, task_type: str | None, limit: int | None
) -> Examples[Example]:
    """Captured examples to learn from, oldest first: as `find_captured`, without answers that were cut off.

    Earlier answers that are not to be learnt have weight 0, and a valid state of a growing chat that a longer valid one
    continues is left out. How many are left out, and why, is logged.

    Args:
        limit: of the examples that are left.

    Raises:
        UsageError: the rating or limit is out of range.
        StorageError: the database cannot be read.
    """
    if limit is not None:
        checks.count("limit", limit)
    found = find_captured(database, min_rating, domain, task_type)
    learnt = learnt_of(database, found, min_rating)
    kept, issues = _longest_valid(_whole(learnt.examples, learnt.issues), learnt.issues), learnt.issues
    if issues:
        _log.warning("%d of %d captured examples are left out: %s", len(issues), len(found), summary_of(issues))
    return kept if limit is None else Examples(list(kept)[:limit], {**kept.recipe, "limit": limit})


def prepare(database: Database, folder: Path, options: PrepareOptions) -> PreparedDataset:
    """Save the valid captured examples that pass the filters as a file in `folder`.

    Raises:
        DataError: no example passes the filters, or none of those is valid.
        UsageError: an option is invalid.
        StorageError: the file cannot be written.
    """
    check_format(options.format)
    found = find_captured(database, options.min_rating, options.domain, options.task_type, options.project)
    learnt = learnt_of(database, found, options.min_rating)
    valid, issues = trainable(learnt.examples, options.format, options.min_prompt_length, options.min_response_length)
    issues += learnt.issues
    if not valid:
        filters = (
            f"rating >= {options.min_rating}, domain {options.domain or 'any'}, task type {options.task_type or 'any'}"
        )
        raise DataError(f"no valid training examples with {filters}: {_why_none(issues)}")
    stamp = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
    name = options.output or f"dataset_{options.domain or 'all'}_{stamp}"
    path = save_dataset.save(database, folder, valid, name, options.format)
    kept = {example["id"] for example in valid}
    return PreparedDataset(str(path), valid, len(found), _issues(issues), len(kept & learnt.marked))


class Learnt(NamedTuple):
    """Examples of which only good answers are learnt.

    Attributes:
        issues: the examples of which no answer is left to learn.
        marked: the ids of the examples that have answers with weight 0.
    """

    examples: Examples[Example]
    issues: list[InvalidExample]
    marked: frozenset[str]


def learnt_of(database: Database, found: Examples[Example], min_rating: int) -> Learnt:
    """The examples, with weight 0 for earlier answers that were captured as cut off or rated below the minimum.

    Raises:
        StorageError: the database cannot be read.
    """
    with database.read() as tx:
        captured = examples.each(tx, found.recipe.get("project"))
        bad = (each for each in captured if each["rating"] < min_rating or example_validation.cut_off(each))
        states = continued_chats.unlearnt(found, bad)
    if not states:
        return Learnt(found, [], frozenset())
    kept: list[Example] = []
    issues: list[InvalidExample] = []
    marked: list[str] = []
    for at, example in enumerate(found):
        changed = unlearnt_answers.marked(example, states[at]) if at in states else {**example}
        if changed is None:
            issues.append({"example": example, "issues": ["Nothing left to learn"]})
            continue
        kept.append(record(Example, changed))
        marked += [example["id"]] if at in states else []
    return Learnt(derived(found, kept, {"operation": "unlearn"}), issues, frozenset(marked))


def trainable(
    found: Sequence[Example], format: str, min_prompt_length: int, min_response_length: int
) -> tuple[Examples[Example], list[InvalidExample]]:
    """The examples to train on, and the others with their issues: of a growing chat, the longest state is kept."""
    checked = example_validation.validate(found, min_prompt_length, min_response_length)
    issues = checked["invalid_examples"]
    return _longest(_writable(checked["valid_examples"], format, issues), issues), issues


def summary_of(invalid: Sequence[InvalidExample]) -> str:
    """How many examples have which issue, with an instance: "3 with 'Response too short'; such as ..."."""
    named = ", ".join(f"{count} with {reason!r}" for reason, count in _issues(invalid).most_common())
    return f"{named}; such as {invalid[0]['issues'][0]!r}"


def _writable(found: Examples[Example], format: str, issues: list[InvalidExample]) -> Examples[Example]:
    """The examples that the format can hold; the issues of the others are added."""
    kept = []
    for example in found:
        try:
            training_formats.ROWS[format][0](example)
        except DataError as error:
            issues.append({"example": example, "issues": [str(error)]})
        else:
            kept.append(example)
    return found if len(kept) == len(found) else derived(found, kept, {"operation": "drop unwritable"})


def _whole(found: Examples[Example], issues: list[InvalidExample]) -> Examples[Example]:
    """The examples whose answers were not cut off; the issues of the others are added."""
    kept = []
    for example in found:
        if issue := example_validation.cut_off_issue(example):
            issues.append({"example": example, "issues": [issue]})
        else:
            kept.append(example)
    return found if len(kept) == len(found) else derived(found, kept, {"operation": "drop cut off"})


def _longest_valid(found: Examples[Example], issues: list[InvalidExample]) -> Examples[Example]:
    """As `_longest`, with the valid states of chats that only invalid ones continue."""
    if not continued_chats.continued(found):
        return found
    shortest = example_validation.MIN_PROMPT_CHARACTERS, example_validation.MIN_RESPONSE_CHARACTERS
    valid = [at for at, each in enumerate(found) if not example_validation.find_issues(each, *shortest)]
    return _without(found, {valid[at] for at in continued_chats.continued([found[at] for at in valid])}, issues)


def _longest(found: Examples[Example], issues: list[InvalidExample]) -> Examples[Example]:
    """The examples without the earlier states of chats that others continue, which are added to the issues."""
    return _without(found, continued_chats.continued(found), issues)


def _without(found: Examples[Example], earlier: set[int], issues: list[InvalidExample]) -> Examples[Example]:
    if not earlier:
        return found
    issues += [{"example": found[at], "issues": ["Continued in a longer chat"]} for at in sorted(earlier)]
    kept = [example for at, example in enumerate(found) if at not in earlier]
    return derived(found, kept, {"operation": "drop continued"})


def _issues(invalid: Sequence[InvalidExample]) -> Counter[str]:
    return Counter(each["issues"][0].partition(" (")[0] for each in invalid)


def _why_none(invalid: Sequence[InvalidExample]) -> str:
    if not invalid:
        return "none is captured; capture more calls first"
    return (
        f"{len(invalid)} found, {summary_of(invalid)}. Lower the minimum lengths with --min-prompt-length and "
        "--min-response-length"
    )
