"""The steps of a relocation, one after the other.

Each keeps what it made, so that asking for the same again goes on where it was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import nan
from pathlib import Path
from typing import Any

from fine_tuning._util import hosts
from fine_tuning._util.files import make_folder
from fine_tuning._util.model_names import parse_version_name, version_name
from fine_tuning.data_io.rows import read_rows
from fine_tuning.errors import ConfigurationError, DataError, NotFoundError, ProviderError, TrainingError
from fine_tuning.evaluation import comparison
from fine_tuning.local_fine_tuner import LocalFineTuner
from fine_tuning.model_evaluator import ModelEvaluator
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.openai_fine_tuner import OpenAIFineTuner
from fine_tuning.settings import get_settings
from fine_tuning.store import evaluations, files, jobs, model_versions, relocations
from fine_tuning.store.database import Database, open_database
from fine_tuning.training.jobs.fine_tuner import FineTuner
from fine_tuning.training.jobs.training_request import UploadedFiles
from fine_tuning.workflows import answering
from fine_tuning.workflows.answering import Answer, Question
from fine_tuning.workflows.relocation import held_out
from fine_tuning.workflows.relocation.relocation_plan import LOCAL, UNKNOWN, Failures, Outcome, Plan, verdict

_NO_ANSWER = (ProviderError, NotFoundError, ConfigurationError)  # it fails, it is gone, or the key is revoked
_LASTING = ("file", "job", "trained", "version")  # steps that are paid for
Told = Callable[[str], None]
Follow = Callable[[FineTuner, str], Mapping[str, Any]]


def relocate(plan: Plan, told: Told = lambda _: None, follow: Follow | None = None) -> Outcome:
    """Train, ask both, compare. The old version stays as it is; deploying the new one is for you to do.

    Raises:
        NotFoundError: there is no such model, or its training data is not here.
        TrainingError, ProviderError: the training failed.
    """
    return _Relocation(plan, told, follow or _followed).run()


class _Relocation:
    def __init__(self, plan: Plan, told: Told, follow: Follow) -> None:
        self._plan, self._told, self._follow = plan, told, follow
        self._database: Database = open_database()
        self._registry = ModelRegistry()
        self._provider = LOCAL if plan.provider == LOCAL else hosts.address(plan.provider)
        self._old = self._found(plan.model)
        self._old_name = version_name(self._old["model_name"], self._old["version"])
        with self._database.write() as tx:
            self._record = relocations.begin(tx, self._asked_of(self._old))
        self._done: dict[str, Any] = dict(self._record["done"])

    def _asked_of(self, old: Mapping[str, Any]) -> dict[str, Any]:
        """What makes a relocation the same as an earlier one."""
        plan = self._plan
        return {
            "model_name": old["model_name"], "version": old["version"], "base_model": plan.base_model,
            "provider": self._provider, "n_epochs": plan.n_epochs, "hyperparameters": dict(plan.hyperparameters or {}),
            "test_file": str(plan.test_file) if plan.test_file else None,
        }  # fmt: skip

    def _found(self, name: str) -> dict[str, Any]:
        """The version that a name stands for."""
        parsed = parse_version_name(name)
        found = self._registry.get_model_version(*parsed) if parsed else None
        if found is None:
            found = self._registry.get_deployed_version(name) or self._latest(name)
            found = found and self._before(found)
        if found is None:
            known = ", ".join(sorted({each["model_name"] for each in self._registry.list_models()})) or "none"
            raise NotFoundError(f"no model {name} is registered; registered: {known}")
        return found

    def _latest(self, name: str) -> dict[str, Any] | None:
        """The latest version, but not what a relocation made of an earlier one."""
        versions = self._registry.list_model_versions(name)
        own = [each for each in versions if _origin(each) is None]
        return next(reversed(own or versions), None)

    def _before(self, found: dict[str, Any]) -> dict[str, Any]:
        """Where this very relocation made the version, which was deployed since, the one that it replaced."""
        origin = _origin(found)
        old = None if origin is None else self._registry.get_model_version(found["model_name"], origin)
        if old is None:
            return found
        with self._database.read() as tx:
            made = relocations.version_made(tx, self._asked_of(old))
        return old if made == found["version"] else found

    def _step(self, name: str, make: Callable[[], Any]) -> Any:
        """What a step makes, or made in an earlier run."""
        if self._done.get(name) is None:
            self._done[name] = make()
            with self._database.write() as tx:
                relocations.note(tx, self._record["id"], name, self._done[name])
        return self._done[name]

    def run(self) -> Outcome:
        """See `relocate`."""
        data = self._readable(self._step("data", self._data))
        questions = answering.read_questions(Path(data["test"]))
        found, reason = {}, ""
        try:  # first of all, while it is alive
            found[self._old_name] = self._asked(self._old_name, questions)
        except _NO_ANSWER as error:
            reason = f"the old model does not answer: {error}"
            self._told(reason)  # before anything is paid for a training that cannot be compared
        tuner = self._tuner()
        job_id = self._job(tuner, data)
        if "trained" not in self._done:
            self._told(f"training {self._plan.base_model} ({job_id})")
        job = self._step("trained", lambda: self._trained(tuner, job_id))
        new_name = version_name(self._old["model_name"], self._step("version", lambda: self._register(job, data)))
        found[new_name] = self._asked(new_name, questions)
        outcome = self._compared(new_name, job_id, found, reason, held_out=data["held_out"])
        with self._database.write() as tx:
            relocations.note(tx, self._record["id"], "verdict", outcome.verdict, last=True)
        return outcome

    def _data(self) -> dict[str, Any]:
        """Files to train and to test on: those of the old model's job."""
        with self._database.read() as tx:
            job = jobs.get(tx, self._old["job_id"])
            train = None if job is None else files.get(tx, job["training_file_id"])
            named = None if job is None or not job["validation_file_id"] else files.get(tx, job["validation_file_id"])
        if train is None or not Path(train["path"]).is_file():
            advice = "ft-cli openai export brings an account's files here"
            where = f"the data that {self._old_name} was trained on (job {self._old['job_id']})"
            raise NotFoundError(f"{where} is not here; {advice}")
        test = self._plan.test_file or (Path(named["path"]) if named and Path(named["path"]).is_file() else None)
        if test is not None:
            return {"train": train["path"], "test": str(Path(test).absolute()), "held_out": False}
        return self._split(Path(train["path"]))

    def _readable(self, data: dict[str, Any]) -> dict[str, Any]:
        """The split of an earlier run; where it is damaged or gone, all that came of it is made anew."""
        if not data["held_out"]:
            return data
        try:
            for part in ("train", "test"):
                read_rows(data[part])
        except (DataError, NotFoundError):
            kept = _LASTING if "job" in self._done else ()
            self._done = {step: self._done[step] for step in kept if step in self._done}
            with self._database.write() as tx:
                relocations.keep_only(tx, self._record["id"], self._done)
            return dict(self._step("data", self._data))
        return data

    def _split(self, path: Path) -> dict[str, Any]:
        """Without questions to test by, a part of the data is kept from the new model."""
        folder = make_folder(get_settings().folder("datasets") / "relocations")
        parts = {name: folder / f"{self._record['id']}.{name}.jsonl" for name in ("train", "test")}
        held_out.split(path, parts)
        return {name: str(part) for name, part in parts.items()} | {"held_out": True}

    def _tuner(self) -> FineTuner:
        return LocalFineTuner() if self._provider == LOCAL else OpenAIFineTuner(base_url=self._provider)

    def _job(self, tuner: FineTuner, data: Mapping[str, Any]) -> str:
        """The training job; another one where that of an earlier run failed."""
        begun = self._done.get("job")
        is_open = "trained" not in self._done
        if begun and is_open and tuner.get_job_status(str(begun))["status"] in {"failed", "cancelled"}:
            del self._done["job"]
        return str(self._step("job", lambda: self._begin(tuner, data)))

    def _begin(self, tuner: FineTuner, data: Mapping[str, Any]) -> str:
        """The training job."""
        more = dict(self._plan.hyperparameters or {}) | {"n_epochs": self._plan.n_epochs}
        name = self._old["model_name"][:64]
        request = tuner.check_request(self._plan.base_model, name, Path(data["train"]), **more)
        file = request.training_file
        assert file is not None  # noqa: S101 - of the path above
        job = tuner.start_job(request, UploadedFiles(self._step("file", lambda: tuner.upload(file))))
        return str(job["job_id"])

    def _trained(self, tuner: FineTuner, job_id: str) -> dict[str, Any]:
        if tuner.get_job_status(job_id)["status"] == "paused":
            tuner.resume_job(job_id)
        ended = dict(self._follow(tuner, job_id))
        if ended["status"] != "succeeded":
            reason = (ended["error"] or {}).get("message") or "the same command goes on with it"
            raise TrainingError(f"job {job_id} is {ended['status']}: {reason}")
        return ended

    def _register(self, job: Mapping[str, Any], data: Mapping[str, Any]) -> int:
        with self._database.read() as tx:  # a run may have ended before it noted the version
            known = model_versions.of_job(tx, job["job_id"], self._old["model_name"])
        if known is not None:
            return int(known["version"])
        is_local = self._provider == LOCAL
        record = self._registry.register_model(
            self._old["model_name"], self._plan.base_model, job["job_id"], len(read_rows(data["train"])), cost=None,
            metadata={"relocated_from": self._old["version"]},
            provider=None if is_local else self._provider,
            provider_model=None if is_local else job["fine_tuned_model"],
        )  # fmt: skip
        return int(record["version"])

    def _asked(self, name: str, questions: Sequence[Question]) -> int:
        """The evaluation of a version's answers; what it did not answer in an earlier run is asked again."""
        step = f"{self._plan.metric} of {name}, {self._plan.max_answer_tokens} tokens"
        before = self._done.get(step)
        failed = None if before is None else self._failures(int(before))
        if before is not None and failed is None:
            return int(before)
        self._told(f"{len(questions)} questions for {name}")
        try:
            answers = self._answers(name, questions)
        except _NO_ANSWER:
            if before is None:
                raise
            return int(before)
        if before is not None and failed is not None and _count_failed(answers) >= failed.count:
            return int(before)
        self._done.pop(step, None)
        return int(self._step(step, partial(self._evaluate, name, questions, answers)))

    def _answers(self, name: str, questions: Sequence[Question]) -> list[Answer]:
        """A version's answers; where the old one answers no more, those that it gave in earlier runs."""
        longest = self._plan.max_answer_tokens
        try:
            return answering.answers(name, questions, longest)
        except _NO_ANSWER as error:
            kept = answering.kept_answers(name, questions, longest, str(error))
            if name != self._old_name or _count_failed(kept) == len(kept):
                raise
            return kept

    def _failures(self, evaluation_id: int) -> Failures | None:
        """What was not answered; None where all was."""
        with self._database.read() as tx:
            rows = evaluations.results(tx, evaluation_id)
        errors = [str(row["error"]) for row in rows if row["error"]]
        return Failures(len(errors), len(rows), errors[0]) if errors else None

    def _evaluate(self, name: str, questions: Sequence[Question], answers: Sequence[Answer]) -> int:
        _, _, version = name.rpartition("-v")
        found = ModelEvaluator().evaluate(
            [answer.text for answer in answers], [question.reference for question in questions],
            self._old["model_name"], "fine_tuned", metrics=[self._plan.metric],
            errors=[answer.error for answer in answers], latencies_ms=[answer.latency_ms for answer in answers],
            costs=[answer.cost for answer in answers], questions=[question.text for question in questions],
            clusters=answering.clusters(questions),
            metadata={"version": int(version), "relocation": self._record["id"]},
        )  # fmt: skip
        assert found.id is not None  # noqa: S101 - it was kept
        return found.id

    def _compared(
        self, new_name: str, job_id: str, found: Mapping[str, int], reason: str, *, held_out: bool
    ) -> Outcome:
        with self._database.read() as tx:
            sides = {name: evaluations.get(tx, number) or {} for name, number in found.items()}
            rows = {name: evaluations.results(tx, number) for name, number in found.items()}

        def both(column: str) -> tuple[float, float]:
            values = [sides.get(name, {}).get(column) for name in (self._old_name, new_name)]
            return tuple(nan if value is None else float(value) for value in values)  # type: ignore[return-value]

        outcome = Outcome(
            self._old_name, new_name, job_id, dict(found), UNKNOWN, nan, nan, nan, 0, both("accuracy"),
            both("avg_latency_ms"), both("cost_per_inference"), held_out, reason,
            {name: failed for name, number in found.items() if (failed := self._failures(number))},
        )  # fmt: skip
        if self._old_name not in rows:
            return outcome
        pairs = comparison.matched(rows[self._old_name], rows[new_name])
        (change,) = comparison.changes(pairs, [self._plan.metric])
        outcome.difference, outcome.low, outcome.high = change.difference, change.low, change.high
        outcome.examples, outcome.scores = change.examples, (change.first, change.second)
        outcome.verdict = verdict(change.low, change.high, self._plan.margin)
        return outcome


def _origin(version: Mapping[str, Any]) -> int | None:
    """The version that a relocation replaced by this one; None for a version that no relocation made."""
    found = version["metadata"].get("relocated_from")
    return found if isinstance(found, int) else None


def _count_failed(answers: Sequence[Answer]) -> int:
    return sum(answer.error is not None for answer in answers)


def _followed(tuner: FineTuner, job_id: str) -> Mapping[str, Any]:
    return tuner.wait_for_job(job_id)
