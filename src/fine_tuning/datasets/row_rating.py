"""The rating of a row, and whether it is too low for supervised training."""

from __future__ import annotations

import math

from fine_tuning.data_io.formats.findings import Finding

MIN_TRAINED = 3  # somebody said of an answer rated 1 or 2 that it is a bad one
LOW, UNCLEAR = "low-rating", "unclear-score"


def parse(value: object) -> float | None:
    """1 to 5, nan where there is none, None where it is something else."""
    if value is None or value in ("", "nan", "NaN"):  # how tables write that there is none
        return math.nan
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return found if 1 <= found <= 5 and not isinstance(value, bool) else None


def findings(value: object) -> list[Finding]:
    """The finding of a row whose rating is none, or whose answer was rated below `MIN_TRAINED`."""
    rating = parse(value)
    if rating is None:
        return [Finding("wrong-rating", "rating", f"{value!r} is not a rating")]
    if not rating < MIN_TRAINED:  # nan is not
        return []
    return [Finding(LOW, "rating", f"the answer is rated {rating:g} of 5, such as by a thumbs down or label false")]
