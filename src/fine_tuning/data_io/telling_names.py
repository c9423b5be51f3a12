"""Whether the name of a field may tell something of its call that changes what the row is for."""

from __future__ import annotations

from functools import lru_cache

from fine_tuning.data_io import exclusions, failed_calls, finish_reasons, rating_lists, score_fields, verdicts
from fine_tuning.data_io.row_facts import is_holder, name_of


@lru_cache(maxsize=8192)
def may_tell(key: str) -> bool:
    """Whether a field may say that a call failed, why its answer ended, how good it is, or that it is not learnt."""
    name = name_of(key)
    return (
        is_holder(key)
        or failed_calls.may_state_failure(key)
        or exclusions.may_exclude(name)
        or finish_reasons.may_state_reason(key)
        or verdicts.may_judge(name)
        or score_fields.may_score(key)
        or rating_lists.may_list_ratings(name)
    )
