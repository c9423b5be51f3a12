"""Reasoning that a model writes into its answer, before what it says; clients leave it out of the history they send."""

from __future__ import annotations

import re

_BEGINS = ("<", "[", "◁")
_CLOSED_ALONE = "</think>"  # templates that open the block in the prompt
_BLOCKS = re.compile(
    r"\A(?:\s*(?:<(think|thinking|thought|thoughts|reasoning|reflection|seed:think)>.*?</\1>"
    r'|<details type="reasoning".*?</details>|\[THINK\].*?\[/THINK\]|◁think▷.*?◁/think▷'
    r"|<\|START_THINKING\|>.*?<\|END_THINKING\|>))+"
    r"|\A(?:(?!<think>).)*?</think>",
    re.DOTALL | re.IGNORECASE,
)


def without_reasoning(answer: str) -> str:
    """An answer without the blocks of reasoning it begins with; empty where it is nothing else."""
    if answer.lstrip()[:1] not in _BEGINS and _CLOSED_ALONE not in answer:
        return answer
    return _BLOCKS.sub("", answer, count=1)
