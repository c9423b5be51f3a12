"""The answer among those that a model was asked for at once (`n`, `candidateCount`): hosts write them in any order."""

from __future__ import annotations

from collections.abc import Sequence

from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.json_values import Row, as_whole_number, is_list, object_or_empty


def first_of(given: object) -> Row:
    """The choice of `one_of`, of the choices or candidates of a response; an empty object without one."""
    return object_or_empty(one_of(given)) if is_list(given) and given else {}


def one_of(given: Sequence[object]) -> object:
    """The one of several choices with the lowest index; that the others are left out is noted, see `unread_keys`."""
    if len(given) > 1:
        note_others()
    return lowest(given)


def note_others() -> None:
    """Note that a response has more than one answer."""
    unread_keys.note({"other choices": True}, (), "response")


def lowest(given: Sequence[object]) -> object:
    """The one of several choices with the lowest index, which is its place where it states none."""
    return given[0] if len(given) == 1 else min(enumerate(given), key=_index)[1]


def _index(placed: tuple[int, object]) -> float:
    place, choice = placed
    stated = as_whole_number(object_or_empty(choice).get("index"))
    return stated if isinstance(stated, int | float) else place
