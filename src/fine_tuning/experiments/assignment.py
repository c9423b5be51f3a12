"""Assignment of units (users, conversations) to models: the same for the same test and unit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from fine_tuning.errors import ConflictError
from fine_tuning.experiments.design import SLOTS
from fine_tuning.experiments.sufficient_statistics import A, B
from fine_tuning.store.records.experiment_json import Arm, Slots


def assign(test_id: str, unit_id: str, share_b: float = 0.5, arms: Sequence[Arm] = (A, B)) -> Arm:
    """An arm by a hash of test and unit, so that tests do not influence each other.

    Args:
        share_b: part of the units (0 to 1) that see model_b; raising it moves units from A to B only. With further
            models it is divided evenly between all but model_a.
    """
    place = _hashed(test_id, unit_id)
    return arms[1 + int(place / share_b * (len(arms) - 1))] if place < share_b else A


def takes_part(salt: str, unit_id: str, slots: Slots) -> bool:
    """Whether a unit is among these thousandths of all.

    Args:
        salt: the test's id; of a test in a layer the layer's name, so that tests of a layer divide the same units.
        slots: pairs of first and one after last, from 0 to `SLOTS`.
    """
    place = int(_hashed(f"{salt}\0units", unit_id) * SLOTS)
    return any(first <= place < end for first, end in slots)


def ramped(slots: Slots, taken: Iterable[Slots], share: float) -> Slots:
    """Slots for another share of the units; units that take part stay where possible.

    Args:
        slots: of the test so far; taken: of the other tests of its layer.

    Raises:
        ConflictError: the layer has too few units left.
    """
    own = [place for first, end in slots for place in range(first, end)]
    others = {place for each in taken for first, end in each for place in range(first, end)}
    count = round(share * SLOTS)
    free = [place for place in range(SLOTS) if place not in others and place not in own]
    if count > len(own) + len(free):
        left = (len(own) + len(free)) / SLOTS
        raise ConflictError(f"the layer has {left:.1%} of the units left, not {share:.1%}; other tests have the rest")
    return _joined([*own, *free][:count])


def _joined(places: Iterable[int]) -> Slots:
    found: Slots = []
    for place in sorted(places):
        if found and found[-1][1] == place:
            found[-1][1] += 1
        else:
            found.append([place, place + 1])
    return found


def _hashed(salt: str, unit_id: str) -> float:
    """A pseudo-random number from 0 to 1 (a seeded hash)."""
    return int.from_bytes(hashlib.sha256(f"{salt}\0{unit_id}".encode()).digest()[:8], "big") / 2**64
