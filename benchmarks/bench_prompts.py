"""Instructions improved by this project's candidate beside GEPA's own reference run, with the same calls.

    python benchmarks/bench_prompts.py          # a few minutes

The task is banking77 (CC-BY-4.0, ../shared/data/banking77), its twelve most frequent intents. Small models do not
follow instructions well enough to tell two searches apart, so that the model that is asked is scripted: it knows
nothing but the rules in its instructions, and the model that writes adds a rule for each mistake that it is shown. What
is compared is what the searches make of the same budget: what they show, to whom, and what they keep.
"""

from __future__ import annotations

import csv
import random
import re
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

import report

from fine_tuning.candidates.candidate import CandidateAnswer, LabelledCall, Request
from fine_tuning.candidates.optimised_prompt import SHOWN, TEXT, OptimisedPrompt, PromptSearch, most_of_step
from fine_tuning.data_io.messages import text_of

DATA = report.PROJECT.parent / "shared" / "data" / "banking77"
INTENTS, SEEDS, BUDGET = 12, 20, 400
TRAIN, VALIDATION, TEST = 150, 50, 300
MARGIN = 0.02
FIRST = "Name the intent of the bank customer's question."
_RULE = re.compile(r"^- (.+) -> (\w+)$", re.MULTILINE)
_EXPECTED = re.compile(r"(?:expected answer is:|correct answer is) '?(\w+)")
_FENCED = re.compile(r"```\n?(.*?)```", re.DOTALL)


class Task(NamedTuple):
    """The parts of the task; each row is a question and its intent."""

    train: list[tuple[str, str]]
    valid: list[tuple[str, str]]
    test: list[tuple[str, str]]


def words(text: str) -> set[str]:
    """The words of a text that tell something."""
    return {each for each in re.findall(r"[a-z]+", text.lower()) if len(each) > 3}


def asked(instructions: str, question: str) -> str:
    """The scripted model's answer: that of the rule which shares most with the question, in share of the rule."""
    known, best = words(question), ("unknown", 0.0)
    for rule, label in _RULE.findall(instructions):
        needed = set(rule.split())
        if (share := len(needed & known) / len(needed)) > best[1]:
            best = (label, share)
    return best[0]


def written(prompt: str) -> str:
    """The scripted writer's instructions: those it was shown, with a rule for each wrong answer."""
    current, *rest = _FENCED.findall(prompt)
    shown = "\n".join(rest)
    rules = []
    for part in re.split(r"^#+ Example", shown, flags=re.MULTILINE):
        if found := _EXPECTED.search(part):
            question = part.split("Generated Outputs")[0]
            telling = sorted(words(question) - {"inputs", "user", "example"})
            rules.append(f"- {' '.join(telling)} -> {found[1]}")
    return "```\n" + "\n".join([current.strip(), *(each for each in rules if each not in current)]) + "\n```"


def task(seed: int) -> Task:
    """A draw of the task."""
    rows = {name: list(_rows(name)) for name in ("train", "test")}
    chosen = {label for label, _ in Counter(label for _, label in rows["train"]).most_common(INTENTS)}
    rng = random.Random(seed)
    train, test = (rng.sample(sorted(row for row in rows[name] if row[1] in chosen), count)
                   for name, count in (("train", TRAIN + VALIDATION), ("test", TEST)))  # fmt: skip
    return Task(train[:TRAIN], train[TRAIN:], test)


def _rows(name: str) -> Sequence[tuple[str, str]]:
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def ours(given: Task, seed: int) -> tuple[str, int]:
    """The instructions that the candidate finds, and the calls that it took."""
    calls = Counter[str]()

    def ask(model: str, requests: Sequence[Request]) -> list[CandidateAnswer]:
        calls[model] += len(requests)
        return [CandidateAnswer(_answer(model, request)) for request in requests]

    search = PromptSearch("writer", BUDGET, seed)
    candidate = OptimisedPrompt("asked", ask, lambda text, label: float(text == label), lambda _: ("local", ""), search)
    candidate.fit([_call(*row) for row in given.train], [_call(*row) for row in given.valid])
    return candidate.found.text, calls["asked"]


def _answer(model: str, request: Request) -> str:
    text = text_of(request.messages[-1])
    return written(text) if model == "writer" else asked(text_of(request.messages[0]), text)


def _call(question: str, label: str) -> LabelledCall:
    return LabelledCall(Request([{"role": "system", "content": FIRST}, {"role": "user", "content": question}]), label)


def reference(given: Task, seed: int) -> tuple[str, int]:
    """The same of GEPA by its own defaults."""
    from gepa.api import optimize

    calls = Counter[str]()

    def ask(messages: Sequence[Mapping[str, Any]]) -> str:
        calls["asked"] += 1
        return asked(messages[0]["content"], messages[1]["content"])

    def rows(part: Sequence[tuple[str, str]]) -> list[Any]:
        return [{"input": question, "additional_context": {}, "answer": label} for question, label in part]

    found: Any = optimize(
        seed_candidate={TEXT: FIRST},
        trainset=rows(given.train),
        valset=rows(given.valid),
        task_lm=ask,
        reflection_lm=lambda prompt: written(str(prompt)),
        reflection_minibatch_size=SHOWN,
        max_metric_calls=BUDGET - most_of_step(VALIDATION) + 1,  # so that neither exceeds it
        logger=_Silent(),
        seed=seed,
    )
    return str(found.best_candidate[TEXT]), calls["asked"]


class _Silent:
    def log(self, message: str) -> None:
        """Say nothing."""


def measured(find: Callable[[Task, int], tuple[str, int]], given: Task, seed: int) -> tuple[float, int]:
    """The share of test questions that the found instructions answer rightly, and the calls that finding them took."""
    text, calls = find(given, seed)
    return statistics.fmean(asked(text, question) == label for question, label in given.test), calls


def main() -> None:
    """Measure, write."""
    if not Path(DATA).is_dir():
        print(f"skipped: {DATA.name} is not there")
        return
    found: list[tuple[tuple[float, int], tuple[float, int]]] = []
    for seed in range(SEEDS):
        given = task(seed)
        found.append((measured(ours, given, seed), measured(reference, given, seed)))
        print(seed, found[-1], flush=True)
    apart = [first[0] - second[0] for first, second in found]
    half = 2.09 * statistics.stdev(apart) / sqrt(SEEDS)  # Student's t with 19 degrees of freedom
    mean = statistics.fmean(apart)
    first, second = (statistics.fmean(each[at][0] for each in found) for at in (0, 1))
    calls = [statistics.fmean(each[at][1] for each in found) for at in (0, 1)]
    untold = statistics.fmean(asked(FIRST, question) == label for question, label in task(0).test)
    report.write(
        "Improved prompts",
        "bench_prompts.py",
        f"""banking77's {INTENTS} most frequent intents, {TRAIN} questions to learn from, {VALIDATION} to choose by,
{TEST} to test on, a budget of {BUDGET} calls, {SEEDS} seeds. Both models are scripted: the one that is asked knows the
rules in its instructions alone, and is right in {untold:.0%} without any.

| | right | calls |
|---|---|---|
| `ft-cli bakeoff --prompt` | {first:.1%} | {calls[0]:.0f} |
| GEPA, its own adapter | {second:.1%} | {calls[1]:.0f} |

The difference is {mean * 100:+.1f} points
({(mean - half) * 100:+.1f} to {(mean + half) * 100:+.1f}; target: not worse by {MARGIN * 100:.0f}).""",
    )


if __name__ == "__main__":
    main()
