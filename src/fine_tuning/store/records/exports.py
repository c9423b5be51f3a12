"""Exported models and their parity."""

from __future__ import annotations

from typing import TypedDict


class ParityFigures(TypedDict):
    """Parity of two models, as JSON; see `export.token_parity.Parity`."""

    quantization: str
    prompts: int
    prompts_alike: int
    places: int
    ties: int
    agreement: float
    divergence: float
    first_difference: str | None
    passed: bool


class NewExport(TypedDict):
    """What `exports.add` stores; parity: by what was compared, "merged" or "exported"."""

    job_id: str | None
    target: str
    quantization: str | None
    path: str
    sha256: str
    parity: dict[str, ParityFigures]


class Export(NewExport):
    """A row of `exports` with the number of its version; the time in ISO 8601."""

    id: int
    version: int
    created_at: str
