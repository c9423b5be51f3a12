"""The filters of a recipe: which calls a dataset is built from."""

from __future__ import annotations

from fine_tuning.data_io.formats import Call
from fine_tuning.data_io.times import parse_time
from fine_tuning.datasets import row_rating, turns
from fine_tuning.datasets.language_detection import language_of, plain
from fine_tuning.datasets.recipe import Recipe, seconds_of


class RowFilters:
    """Asks of a call what its dataset's recipe asks of all."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._since, self._until = seconds_of("since", recipe.since), seconds_of("until", recipe.until)

    def reason(self, call: Call, rating: float, prompt: turns.Messages, response: turns.Messages) -> str | None:
        """The name of the first filter that a call does not pass."""
        recipe = self._recipe
        for name, accepted, value in (
            ("domains", recipe.domains, call.domain),
            ("task_types", recipe.task_types, call.task_type),
            ("models", recipe.models, call.model),
        ):
            if accepted and value not in accepted:
                return name
        if unlearnt := self.unlearnt(call, rating):
            return unlearnt
        if any(_shown(call.metadata.get(key)) != value for key, value in recipe.metadata.items()):
            return "metadata"
        return self._wrong_time(call) or self._wrong_length(prompt, response) or self._wrong_language(prompt)

    def unlearnt(self, call: Call, rating: float) -> str | None:
        """The name of the filter that an answer does not pass, whatever its question is."""
        if call.is_cut_off and not self._recipe.keep_cut_off:
            return "cut_off"
        least = row_rating.MIN_TRAINED if self._recipe.leaves_out_low_ratings else self._recipe.min_rating
        return "min_rating" if least is not None and rating < least else None

    def _wrong_time(self, call: Call) -> str | None:
        if self._since is None and self._until is None:
            return None
        at = _seconds(call.captured_at)
        if self._since is not None and (at is None or at < self._since):
            return "since"
        return "until" if self._until is not None and (at is None or at >= self._until) else None

    def _wrong_length(self, prompt: turns.Messages, response: turns.Messages) -> str | None:
        recipe = self._recipe
        if not (recipe.min_prompt or recipe.min_response or recipe.max_characters):
            return None
        of_prompt, of_response = (sum(len(text.strip()) for text in turns.texts(each)) for each in (prompt, response))
        if of_prompt < recipe.min_prompt:
            return "min_prompt"
        if of_response < recipe.min_response:
            return "min_response"
        is_long = recipe.max_characters and of_prompt + of_response > recipe.max_characters
        return "max_characters" if is_long else None

    def _wrong_language(self, prompt: turns.Messages) -> str | None:
        languages = self._recipe.languages
        if not languages or (found := language_of(" ".join(turns.texts(turns.turns(prompt))))) is None:
            return None
        return None if found in map(plain, languages) else "languages"


def _shown(value: object) -> str | None:
    """A value as typed on a command line: true and false as in JSON; None for nothing."""
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _seconds(value: object) -> float | None:
    """A time as seconds since 1970; None where it is none."""
    found = parse_time(value)
    return None if found is None else found.timestamp()
