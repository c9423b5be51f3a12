"""Split examples into train and test sides that share no near-duplicates and no conversations."""

from __future__ import annotations

import json
import logging
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar, cast

import numpy as np

from fine_tuning.data_io.context_columns import unread
from fine_tuning.data_io.json_values import is_list, is_object, object_or_empty
from fine_tuning.data_io.messages import Message
from fine_tuning.datasets import continued_chats, near_duplicates, turns
from fine_tuning.datasets.examples_with_recipe import Examples, derived
from fine_tuning.datasets.recipe import DEFAULT_THRESHOLD
from fine_tuning.errors import DataError, UsageError
from fine_tuning.store.records.manifests import DerivationStep

_log = logging.getLogger(__name__)
Row = TypeVar("Row", bound=Mapping[str, object])


def split(
    examples: Sequence[Row],
    train_ratio: float,
    *,
    seed: int = 42,
    threshold: float = DEFAULT_THRESHOLD,
) -> tuple[Examples[Row], Examples[Row]]:
    """Shuffle by `seed` and divide; examples with near-duplicate prompts, and the turns of one conversation, stay on
    one side.

    The test side has `len(examples) - round(len(examples) * train_ratio)` examples, or a few less where groups do not
    fit. Only where such groups make up so much that half of the test side would stay empty are they divided, and
    a warning is logged.

    Raises:
        UsageError: the ratio is not between 0 and 1.
        DataError: an example has no prompt.
    """
    if not isinstance(train_ratio, int | float) or not 0 <= train_ratio <= 1:
        raise UsageError(f"train_ratio must be between 0 and 1, not {train_ratio}")
    members: dict[int, list[int]] = defaultdict(list)
    for position, group in enumerate(_groups(examples, threshold)):
        members[group].append(position)
    shuffled = list(members.values())
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - a reproducible shuffle, no secret
    test_size = len(examples) - round(len(examples) * train_ratio)
    train, test = _fill(shuffled, test_size)
    if len(test) * 2 < test_size:
        _log.warning("%d near-duplicates are on both sides: the examples are too alike to split", len(examples))
        train, test = _fill([[position] for group in shuffled for position in group], test_size)

    def side(name: Literal["train", "test"], chosen: Sequence[int]) -> Examples[Row]:
        step: DerivationStep = {"operation": "split", "side": name, "train_ratio": train_ratio, "seed": seed}
        return derived(examples, [examples[place] for place in chosen], step)

    return side("train", train), side("test", test)


def _groups(examples: Sequence[Row], threshold: float) -> list[int]:
    """The group of each example: of near-duplicate prompts or of one conversation, also by a chain of both."""
    prompts = [_prompt(example, position) for position, example in enumerate(examples)]
    alike = near_duplicates.groups(prompts, threshold, [_apart(example) for example in examples])
    pairs = []
    for groups in (alike, continued_chats.groups(examples)):
        first: dict[int, int] = {}
        pairs += [(first.setdefault(group, at), at) for at, group in enumerate(groups)]
    return [int(each) for each in near_duplicates.components(len(examples), np.array(pairs).reshape(-1, 2))]


def _fill(groups: Sequence[list[int]], test_size: int) -> tuple[list[int], list[int]]:
    train: list[int] = []
    test: list[int] = []
    for group in groups:
        (test if len(test) + len(group) <= test_size else train).extend(group)
    return train, test


def _prompt(example: Mapping[str, object], position: int) -> str:
    prompt = example.get("prompt")
    if not isinstance(prompt, str):
        raise DataError(f"example {position + 1} has no prompt; run validate_examples first")
    return prompt


def _apart(example: Mapping[str, object]) -> int:
    """The key of a captured example's system prompt, and of its text that may be a part of the question."""
    given, metadata = example.get("messages"), object_or_empty(example.get("metadata"))
    messages = [cast("Message", each) for each in given if is_object(each)] if is_list(given) else []
    columns = unread({}, metadata, messages)
    texts = json.dumps({key: metadata[key] for key in columns}, sort_keys=True).encode() if columns else b""
    return turns.apart(messages, texts)
