"""Check one row and compute its features: hashes, rating, strata, tokens."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import NamedTuple, cast

from fine_tuning.data_io.equal_answers import normal_form
from fine_tuning.data_io.formats import Call, row_text
from fine_tuning.data_io.formats.findings import Finding, has_error
from fine_tuning.data_io.messages import Message
from fine_tuning.data_io.rows import conversation_key
from fine_tuning.data_io.sources import RawRow
from fine_tuning.datasets import row_rating, telling_words, turns
from fine_tuning.datasets import token_counts as tokens
from fine_tuning.datasets.file_check import Examined, assumed_reading, examine, rejected_line
from fine_tuning.datasets.privacy.row_privacy import RowPrivacy
from fine_tuning.datasets.recipe import Recipe
from fine_tuning.datasets.row_filters import RowFilters
from fine_tuning.datasets.training_formats import BUILT
from fine_tuning.errors import DataError


class State(IntEnum):
    """Status of a row after the checks and filters of it alone."""

    FIT = 0
    REJECTED = 1
    LEFT_OUT = 2


class Growth(IntFlag):
    """Whether a row may be left out because a longer one has its conversation, and may be that longer one.

    A pair of answers is neither; a row of which some answers have weight 0 is not the longer one.
    """

    NONE = 0
    IS_LEARNT_IN_LONGER = 1
    LEARNS_ALL = 2


STEP_ROWS = 200  # whose values stay in the processor's cache, too
_BOTH = Growth.IS_LEARNT_IN_LONGER | Growth.LEARNS_ALL


class Record(NamedTuple):
    """A row after the checks of it alone.

    Attributes:
        text: its line in the dataset; of a rejected row, its line among those.
        reason: the filter that left it out.
        findings: JSON of [code, field, message] each, also warnings; None where there are none.
        content: a hash of what is trained on.
        prompt_words, last_words: of the prompt, for near-duplicates; see `turns.PromptWords`.
        telling: the key of the words that near-duplicates have in common; see `telling_words`. 0 after other turns.
        apart: a key that near-duplicates have in common; see `turns.apart`.
        prompt, response: hashes; 0 where there is none.
        conversation: a hash of its id; 0 where the row has none.
        growth: see `Growth`.
        whole, unasked, starts, ends: see `turns.States`; of a row left out, `whole` where its answer is not to learn,
            and `unasked` the same without the context of its question.
        rating: nan where unknown.
        stratum, balanced: the values of the recipe's fields.
        example: the id of the captured call.
        tokens: -1 where they were not counted.
    """

    text: str
    state: int
    reason: str | None = None
    findings: str | None = None
    content: bytes = b""
    prompt_words: str = ""
    last_words: int = 0
    telling: int = 0
    apart: int = 0
    prompt: int = 0
    response: int = 0
    conversation: int = 0
    growth: int = 0
    whole: int = 0
    unasked: int = 0
    starts: bytes = b""
    ends: bytes = b""
    rating: float = math.nan
    stratum: str | None = None
    balanced: str | None = None
    example: str | None = None
    tokens: int = -1


@dataclass(slots=True)
class _Row:
    """A row on its way through the steps; `record` ends it. What a step finds is set by it."""

    raw: RawRow
    record: Record | None = None
    examined: Examined = field(init=False)
    call: Call = field(init=False)
    source: Mapping[str, object] = field(init=False)
    built: Mapping[str, object] = field(init=False)
    findings: list[Finding] = field(init=False)
    rating: float = field(init=False)
    prompt: turns.Messages = field(init=False)
    response: turns.Messages = field(init=False)
    tokens: int = field(init=False)
    words: turns.PromptWords = field(init=False)
    telling: int = field(init=False)

    @property
    def warnings(self) -> str | None:
        """The findings as JSON."""
        return json.dumps(self.findings, ensure_ascii=False) if self.findings else None


class Recorder:
    """Checks rows by a recipe, and makes their records."""

    def __init__(self, recipe: Recipe, models_folder: Path) -> None:
        self._recipe = recipe
        self._to_row = BUILT[recipe.format]
        self._meter = tokens.Meter(recipe.tokens_of, models_folder) if recipe.tokens_of else None
        self._privacy = RowPrivacy(recipe)
        self._unsaid = {"unknown-key"}  # no such key is written
        if not recipe.leaves_out_low_ratings:
            self._unsaid.add(row_rating.LOW)
        self._is_exact = recipe.near_duplicates == 1
        self._filters = RowFilters(recipe)

    def records(self, rows: Iterable[RawRow]) -> list[Record]:
        """Check rows. Many go through a step together before the next one begins: the program of a step, and what it
        looks up, stay in the processor's cache meanwhile, which row by row they do not.
        """
        found = [_Row(raw) for raw in rows]
        for start in range(0, len(found), STEP_ROWS):
            for step in (self._examine, self._choose, self._measure, self._compare, self._finish):
                for row in found[start : start + STEP_ROWS]:
                    if row.record is None:
                        row.record = step(row)
        return [cast("Record", row.record) for row in found]

    def _examine(self, row: _Row) -> Record | None:
        """Check the row and write it as the dataset has it; a record of one that cannot be trained on."""
        examined = self._privacy.apply(examine(row.raw.text))
        findings = [each for each in examined.findings if each.code not in self._unsaid] + assumed_reading(row.raw)
        if has_error(findings):
            return self._rejected(row.raw, findings)
        call = examined.call
        assert examined.source is not None  # noqa: S101 - a row without one has an error
        assert call is not None  # noqa: S101 - likewise
        try:
            row.built = self._to_row(call, examined.source)
        except (DataError, ValueError) as error:
            return self._rejected(row.raw, [*findings, Finding("malformed", "", str(error))])
        row.examined, row.call, row.source, row.findings = examined, call, examined.source, findings
        return None

    def _choose(self, row: _Row) -> Record | None:
        """The record of a row that a filter leaves out."""
        rating = row_rating.parse(row.call.rating)
        assert rating is not None  # noqa: S101 - a row without one has an error
        row.rating, (row.prompt, row.response) = rating, _divided(row.call)
        is_unclear = any(each.code == row_rating.UNCLEAR for each in row.findings)
        reason = self._filters.reason(row.call, rating, row.prompt, row.response)
        if reason is None and is_unclear and self._recipe.leaves_out_low_ratings:
            reason = row_rating.UNCLEAR.replace("-", "_")
        if reason is None:
            return None
        is_bad = self._filters.unlearnt(row.call, rating) is not None and row.call.rejected is None
        bad, bare = _bad_states(row.call, row.source) if is_bad else (0, 0)
        conversation = _conversation(row.call)
        return Record("", State.LEFT_OUT, reason, row.warnings, conversation=conversation, whole=bad, unasked=bare)

    def _measure(self, row: _Row) -> Record | None:
        """Count the tokens; a record of a row that has too many."""
        measured = self._meter.measure(row.examined.learnt) if self._meter else -1
        if isinstance(measured, Finding):
            return self._rejected(row.raw, [*row.findings, measured])
        row.tokens = measured
        return None

    def _compare(self, row: _Row) -> None:
        """The words by which near-duplicates are found."""
        exact, prompt = self._is_exact, row.prompt
        row.words = turns.exact_prompt_words(prompt, row.call.tools or []) if exact else turns.prompt_words(prompt)
        row.telling = 0 if row.words.last else telling_words.key_of(row.words.text)

    def _finish(self, row: _Row) -> Record:
        """The record of a row that is fit."""
        call, examined = row.call, row.examined
        states = turns.states(call.messages)
        return Record(
            text=(examined.content if row.built == examined.learnt else row_text.canonical(row.built)).decode(),
            state=State.FIT,
            findings=row.warnings,
            content=examined.identity(),
            prompt_words=row.words.text,
            last_words=row.words.last,
            telling=row.telling,
            apart=turns.apart(row.prompt, examined.apart),
            prompt=turns.hash_of("\0".join([*turns.texts(row.prompt), *filter(None, [examined.apart.decode()])])),
            response=turns.hash_of(" ".join(normal_form(" ".join(turns.texts(row.response))).lower().split())),
            conversation=_conversation(call),
            growth=_growth(call, states),
            whole=states.whole,
            unasked=states.unasked,
            starts=states.starts,
            ends=states.ends,
            rating=row.rating,
            stratum=_value(call, self._recipe.stratify),
            balanced=_value(call, self._recipe.balance),
            example=_example_id(row.source),
            tokens=row.tokens,
        )

    def _rejected(self, raw: RawRow, findings: list[Finding]) -> Record:
        raw, findings = self._privacy.conceal(raw, findings)
        return Record(rejected_line(raw, findings), State.REJECTED, findings=json.dumps(findings, ensure_ascii=False))


def _divided(call: Call) -> tuple[turns.Messages, turns.Messages]:
    """The prompt and the response of a call."""
    prompt = call.request_messages()
    return prompt, call.messages[len(prompt) :]


def _conversation(call: Call) -> int:
    """A hash of the conversation's id."""
    named = conversation_key(call.metadata)
    return 0 if named is None else turns.hash_of(named)


def _bad_states(call: Call, source: Mapping[str, object]) -> tuple[int, int]:
    """The state that an answer ends, and the same without the context that its row has beside the question.

    A chat that goes on after it has the question as it was asked; 0 where there is no context.
    """
    states = turns.states(call.messages)
    first = next((at for at, each in enumerate(call.messages) if each.get("role") == "user"), 0)
    content = call.messages[first].get("content")
    fields = [each for each in source.values() if isinstance(each, str) and each.strip()]
    bare = next((each for each in fields if isinstance(content, str) and content.startswith(f"{each}\n\n")), None)
    if bare is None:
        return states.whole, 0
    messages = [*call.messages[:first], cast("Message", {**call.messages[first], "content": bare})]
    return states.whole, turns.states([*messages, *call.messages[first + 1 :]]).whole


def _growth(call: Call, states: turns.States) -> Growth:
    """What a row does with the conversation that another row continues."""
    if call.rejected is not None:
        return Growth.NONE
    if states.starts and all(message.get("weight") != 0 for message in call.messages):
        return _BOTH
    return Growth.IS_LEARNT_IN_LONGER


def _example_id(row: Mapping[str, object]) -> str | None:
    """The id of a captured example; rows of other systems may have their own ids."""
    found = row.get("id")
    return found if row.get("captured_at") and isinstance(found, str) else None


def _value(call: Call, field: str | None) -> str | None:
    value = None if field is None else getattr(call, field)
    return None if value is None else str(value).removesuffix(".0")
