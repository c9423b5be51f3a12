"""What says that a row is not to be learnt: it was deleted, excluded, or marked as none for training."""

from __future__ import annotations

from collections.abc import Iterable

from fine_tuning.data_io.failed_calls import Sign, word_of
from fine_tuning.data_io.json_values import FALSE, TRUE
from fine_tuning.data_io.row_facts import Fact

_OUT = frozenset(
    """exclude excluded isexcluded excludefromtraining deleted isdeleted softdeleted discarded isdiscarded discard
    donottrain donotuse nottrain notrain dontuse skiptraining notfortraining optout optedout invalidated
    isinvalidated""".split()
)
_IN = frozenset(
    """shouldtrain usefortraining trainable istrainable train fortraining useintraining includeintraining allowtraining
    trainingallowed approvedfortraining""".split()
)
_TIMES = frozenset("deletedat removedat discardedat excludedat retractedat withdrawnat invalidatedat".split())
# Names that as often are of the subject, as `included` is of breakfast.
_OUT_OR_SUBJECT = frozenset(
    """spam isspam removed isremoved skip skipped ignore ignored blacklisted banned hidden invalid isinvalid retracted
    isretracted withdrawn iswithdrawn revoked isrevoked""".split()
)
_IN_OR_SUBJECT = frozenset("include included keep usable isusable".split())
_NAMES = _OUT | _IN | _TIMES | _OUT_OR_SUBJECT | _IN_OR_SUBJECT


def may_exclude(name: str) -> bool:
    """Whether a field of this name (see `row_facts.name_of`) can say that its row is not to be learnt."""
    return name in _NAMES


def signs(facts: Iterable[Fact]) -> list[Sign]:
    """What facts of a row say of not being learnt."""
    found: list[Sign] = []
    for name, place, value in facts:
        if name not in _NAMES:
            continue
        word = word_of(value)
        is_out = word in TRUE and name in _OUT | _OUT_OR_SUBJECT
        is_in = word in FALSE and name in _IN | _IN_OR_SUBJECT
        if is_out or is_in:
            is_sure = name in _OUT | _IN
            found.append(Sign(place, None if is_sure else name.removeprefix("is")))
        elif name in _TIMES and isinstance(value, str | int) and value not in ("", 0, False):
            found.append(Sign(place))
    return found
