"""A search for instructions stays within its budget of calls, whatever the budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

pytest.importorskip("gepa", reason="the extra `candidates` is not installed")
from fine_tuning.candidates.candidate import CandidateAnswer, LabelledCall, Request
from fine_tuning.candidates.optimised_prompt import OptimisedPrompt, PromptSearch


def call(question: str, answer: str) -> LabelledCall:
    return LabelledCall(Request([{"role": "user", "content": question}]), answer)


@pytest.mark.parametrize("budget", [20, 21, 57, 300])
@pytest.mark.parametrize("rows", [3, 80])
def test_search_never_takes_more_calls_than_its_budget(budget: int, rows: int) -> None:
    asked = Counter[str]()

    def ask(model: str, requests: Sequence[Request]) -> list[CandidateAnswer]:
        """Each version is right a little more often than the last, so that each is tried on all validation calls."""
        asked[model] += len(requests)
        if model == "writer":
            return [CandidateAnswer(f"```\nTry {asked['writer']}\n```")]
        return [CandidateAnswer("yes" if _is_right(request) else "no") for request in requests]

    def _is_right(request: Request) -> bool:
        instructions, question = (str(message.get("content")) for message in request.messages)
        tried = int(instructions.split()[1]) if instructions.startswith("Try") else 0
        return int(question) % 10 < tried

    search = PromptSearch("writer", budget)
    candidate = OptimisedPrompt("small", ask, lambda text, label: float(text == label), lambda _: ("local", ""), search)
    calls = [call(str(number), "yes") for number in range(2 * rows)]
    candidate.fit(calls[:rows], calls[rows:])
    assert 0 < asked["small"] <= budget
    assert asked["writer"] > 0
