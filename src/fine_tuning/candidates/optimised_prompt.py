"""A model that is asked with instructions that GEPA has improved on the user's own calls.

GEPA (Agrawal et al., "GEPA: Reflective Prompt Evolution Can Outperform Reinforcement Learning", 2025) shows a model its
mistakes in words, lets it write better instructions, and keeps those that are best on some of the calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from fine_tuning.candidates.candidate import CandidateAnswer, LabelledCall, Request
from fine_tuning.candidates.cascade import Score
from fine_tuning.candidates.few_shot import PlaceOf
from fine_tuning.candidates.served_model import AskModel
from fine_tuning.candidates.written_prompt import WrittenPrompt, request_with
from fine_tuning.data_io.messages import Message, content_text, whole_text
from fine_tuning.errors import ConflictError, DataError, MissingDependencyError, ProviderError
from fine_tuning.serving.instructions import ROLES

TEXT = "instructions"  # the one text that is improved
FIRST = "Answer the message."  # where the calls have no instructions
MOST_VALIDATED = 50  # calls by which instructions are chosen; a share of the budget for each that is tried
SHOWN = 4  # calls that are shown at once, with what was wrong


@dataclass(frozen=True)
class PromptSearch:
    """How instructions are searched for.

    Attributes:
        writer: the model that writes them.
        budget: calls of the model that is asked, at most.
    """

    writer: str
    budget: int
    seed: int = 0


def most_of_step(validated: int) -> int:
    """Calls that one step of GEPA may take, which looks at its budget between steps: old and new instructions on the
    calls that are shown, and those on all validation calls.
    """
    return 2 * SHOWN + validated


class OptimisedPrompt:
    """A `Candidate` that asks a model by its name.

    Args:
        ask: answers requests with a model.
        score: of an answer, 0 to 1.
        place_of: the provider and the model there that a name stands for.
    """

    def __init__(self, model: str, ask: AskModel, score: Score, place_of: PlaceOf, search: PromptSearch) -> None:
        self.name = f"prompt: {model}"
        self._model, self._ask, self._score, self._place_of, self._search = model, ask, score, place_of, search
        self._found: WrittenPrompt | None = None

    @property
    def found(self) -> WrittenPrompt:
        """The best instructions.

        Raises:
            ConflictError: it is not fitted.
        """
        if self._found is None:
            raise ConflictError(f"{self.name} is not fitted")
        return self._found

    def fit(self, train: Sequence[LabelledCall], valid: Sequence[LabelledCall]) -> None:
        """Search for instructions within the budget of calls. See `Candidate`."""
        try:
            from gepa.api import optimize
            from gepa.logging.logger import LoggerProtocol
        except ImportError:
            raise MissingDependencyError("gepa", "candidates", "improving a prompt") from None

        class Silent(LoggerProtocol):
            def log(self, message: str) -> None:
                pass

        if not train or not valid:
            raise DataError("improving a prompt needs calls to learn from and calls to choose by")
        validated = valid[: min(MOST_VALIDATED, max(1, self._search.budget // 4))]
        found: Any = optimize(
            seed_candidate={TEXT: _own_instructions(train)},
            trainset=list(train),
            valset=list(validated),
            adapter=cast("Any", _Adapter(self._model, self._ask, self._score)),
            reflection_lm=self._write,
            reflection_minibatch_size=min(SHOWN, len(train)),
            max_metric_calls=self._search.budget - most_of_step(len(validated)) + 1,
            logger=Silent(),
            seed=self._search.seed,
        )
        text = str(found.best_candidate[TEXT])
        self._found = WrittenPrompt(self.name, self._model, text, self._ask, self._place_of)

    def _write(self, prompt: str | list[dict[str, Any]]) -> str:
        """New instructions by the model that writes them."""
        text = prompt if isinstance(prompt, str) else "\n\n".join(str(each.get("content")) for each in prompt)
        (answer,) = self._ask(self._search.writer, [Request([{"role": "user", "content": text}])])
        if answer.text is None:
            raise ProviderError(f"{self._search.writer} wrote no instructions: {answer.error}")
        return answer.text

    def answer(self, requests: Sequence[Request]) -> list[CandidateAnswer]:
        """Ask with the instructions. See `Candidate`."""
        return self.found.answer(requests)

    def investment(self) -> float:
        """Nothing beside the answers of the search. See `Candidate`."""
        return 0.0

    def export(self, folder: Path) -> Path:
        """Write the instructions, and which model is asked. See `Candidate`."""
        return self.found.export(folder)


class _Adapter:
    """What GEPA needs to know of the task: how an answer scores, and what was wrong with it in words."""

    propose_new_texts = None  # by GEPA itself, with the model that writes

    def __init__(self, model: str, ask: AskModel, score: Score) -> None:
        self._model, self._ask, self._score = model, ask, score

    def evaluate(
        self, batch: Sequence[LabelledCall], candidate: Mapping[str, str], capture_traces: bool = False
    ) -> Any:
        """Ask, and score."""
        from gepa.core.adapter import EvaluationBatch

        answers = self._ask(self._model, [request_with(call.request, candidate[TEXT]) for call in batch])
        texts = [answer.text for answer in answers]
        scores = [
            0.0 if text is None else self._score(text, call.answer) for text, call in zip(texts, batch, strict=True)
        ]
        traces = list(zip(batch, texts, scores, strict=True)) if capture_traces else None
        return EvaluationBatch(outputs=texts, scores=scores, trajectories=traces)

    def make_reflective_dataset(
        self,
        candidate: Mapping[str, str],  # noqa: ARG002 - GEPA's interface
        eval_batch: Any,
        components_to_update: Sequence[str],
    ) -> dict[str, list[dict[str, str]]]:
        """What was asked and answered, and what was expected instead."""
        rows = [
            {
                "Inputs": "\n".join(f"{each['role']}: {whole_text(each)}" for each in _turns(call.request)),
                "Generated Outputs": text or "(no answer)",
                "Feedback": "This is right." if score >= 1 else f"The expected answer is: {call.answer}",
            }
            for call, text, score in eval_batch.trajectories
        ]
        return dict.fromkeys(components_to_update, rows)


def _turns(request: Request) -> list[Message]:
    return [message for message in request.messages if message["role"] not in ROLES]


def _own_instructions(calls: Sequence[LabelledCall]) -> str:
    """The most frequent instructions of the calls."""
    texts = (content_text(m.get("content")) for call in calls for m in call.request.messages if m["role"] in ROLES)
    found = Counter(text for text in texts if text.strip()).most_common(1)
    return found[0][0] if found else FIRST
