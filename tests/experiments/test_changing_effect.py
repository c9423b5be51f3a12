"""Differences of two models that vary over time by more than they are."""

from __future__ import annotations

import json

import numpy as np

from fine_tuning.experiments.changing_effect import ChangingEffect


def _observed(effects: np.ndarray, seed: int) -> ChangingEffect:
    rng, found = np.random.default_rng(seed), ChangingEffect()
    sides = rng.random(len(effects)) < 0.5
    for side, score in zip(sides, rng.random(len(effects)) < 0.6 + effects * sides, strict=True):
        found.add(int(side), float(score))
    return found


def test_variation_effect_in_cycles_is_found_with_its_size() -> None:
    found = _observed(np.tile(np.repeat([0.15, -0.15], 200), 20), 1).variation()
    assert found is not None
    assert 0.1 < found.deviation < 0.25
    assert 32 <= found.units <= 256


def test_variation_constant_effect_is_none_also_as_stored() -> None:
    found = _observed(np.full(6000, 0.06), 2)
    assert found.variation() is None
    assert ChangingEffect.of(json.loads(json.dumps(found.as_dict()))) == found
