"""The steps of a relocation: train, evaluate both versions, compare.

The result of each step is recorded, so that the same call resumes an interrupted relocation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import nan
from pathlib import Path
from typing import Any, Literal, TypeVar

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
from fine_tuning.store import evaluations, files, jobs, model_versions, relocations
from fine_tuning.store.records.evaluations import Evaluation
from fine_tuning.store.records.model_versions import ModelVersion
from fine_tuning.store.records.relocations import RelocationData, RelocationRequest
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.workspace import Workspace, open_workspace
from fine_tuning.training.jobs.fine_tuner import FineTuner
from fine_tuning.training.jobs.training_request import UploadedFiles
from fine_tuning.workflows.evaluation_questions import Prediction, Question, clusters, read_questions
from fine_tuning.workflows.predict import CallOptions, cached_predictions, predict
from fine_tuning.workflows.relocation import held_out
from fine_tuning.workflows.relocation.relocation_plan import LOCAL, Failures, Outcome, Plan, verdict

_NO_ANSWER = (ProviderError, NotFoundError, ConfigurationError)  # it fails, is retired, or the key is revoked
_PAID_STEPS = ("file", "job", "trained", "version")
FollowJob = Callable[[FineTuner, str], Mapping[str, Any]]  # waits for a job and returns its status
Result = TypeVar("Result")


def relocate(
    plan: Plan,
    *,
    workspace: Workspace | None = None,
    on_message: Callable[[str], None] = lambda _: None,
    follow_job: FollowJob | None = None,
) -> Outcome:
    """Train a model's data on another base, evaluate both versions and compare them. Nothing is deployed.

    Raises:
        NotFoundError: there is no such model, or its training data is not here.
        TrainingError, ProviderError: the training failed.
    """
    return _Relocation(plan, workspace or open_workspace(), on_message, follow_job or _wait_for_job).run()


class _Relocation:
    def __init__(
        self, plan: Plan, workspace: Workspace, on_message: Callable[[str], None], follow_job: FollowJob
    ) -> None:
        self._plan, self._on_message, self._follow_job = plan, on_message, follow_job
        self._workspace, self._database = workspace, workspace.database
        self._registry = ModelRegistry(workspace=workspace)
        self._provider = LOCAL if plan.provider == LOCAL else hosts.address(plan.provider)
        self._old = self._version_to_replace(plan.model)
        self._old_name = version_name(self._old["model_name"], self._old["version"])
        with self._database.write() as tx:
            self._record = relocations.start_or_resume(tx, self._request(self._old))
        self._done: JsonColumn = dict(self._record["done"])

    def _request(self, old: ModelVersion) -> RelocationRequest:
        """What identifies a relocation."""
        plan = self._plan
        return {
            "model_name": old["model_name"],
            "version": old["version"],
            "base_model": plan.base_model,
            "provider": self._provider,
            "n_epochs": plan.n_epochs,
            "hyperparameters": dict(plan.hyperparameters or {}),
            "test_file": str(plan.test_file) if plan.test_file else None,
        }

    def _version_to_replace(self, name: str) -> ModelVersion:
        """The version that a name refers to."""
        parsed = parse_version_name(name)
        found = self._registry.get_model_version(*parsed) if parsed else None
        if found is None:
            current = self._registry.get_deployed_version(name) or self._latest(name)
            found = None if current is None else self._original(current)
        if found is None:
            known = ", ".join(sorted({each["model_name"] for each in self._registry.list_models()})) or "none"
            raise NotFoundError(f"no model {name} is registered; registered: {known}")
        return found

    def _latest(self, name: str) -> ModelVersion | None:
        """The latest version, preferably one that no relocation made."""
        versions = self._registry.list_model_versions(name)
        own = [each for each in versions if _origin(each) is None]
        return next(reversed(own or versions), None)

    def _original(self, found: ModelVersion) -> ModelVersion:
        """The version that this relocation replaced, where an earlier run made the given one; else the given one."""
        origin = _origin(found)
        old = None if origin is None else self._registry.get_model_version(found["model_name"], origin)
        if old is None:
            return found
        with self._database.read() as tx:
            made = relocations.version_made(tx, self._request(old))
        return old if made == found["version"] else found

    def _step(self, name: str, run: Callable[[], Result]) -> Result:
        """The result of a step, from an earlier run where it is recorded."""
        if self._done.get(name) is None:
            self._done[name] = run()
            with self._database.write() as tx:
                relocations.record_step(tx, self._record["id"], name, self._done[name])
        result: Result = self._done[name]
        return result

    def run(self) -> Outcome:
        """See `relocate`."""
        data = self._readable(self._step("data", self._data))
        questions = read_questions(Path(data["test"]))
        found, reason = {}, ""
        try:  # first, while the old model still answers
            found[self._old_name] = self._evaluation(self._old_name, questions)
        except _NO_ANSWER as error:
            reason = f"the old model does not answer: {error}"
            self._on_message(reason)  # before a training that cannot be compared is paid for
        tuner = self._tuner()
        job_id = self._job(tuner, data)
        if "trained" not in self._done:
            self._on_message(f"training {self._plan.base_model} ({job_id})")
        job = self._step("trained", lambda: self._trained(tuner, job_id))
        new_name = version_name(self._old["model_name"], self._step("version", lambda: self._register(job, data)))
        found[new_name] = self._evaluation(new_name, questions)
        outcome = self._outcome(new_name, job_id, found)
        outcome.reason, outcome.held_out = reason, data["held_out"]
        with self._database.write() as tx:
            relocations.record_step(tx, self._record["id"], "verdict", outcome.verdict, is_last=True)
        return outcome

    def _data(self) -> RelocationData:
        """The files to train and to test on: those of the old version's job."""
        with self._database.read() as tx:
            job = jobs.get(tx, self._old["job_id"])
            train = None if job is None else files.get(tx, job["training_file_id"])
            named = None if job is None or not job["validation_file_id"] else files.get(tx, job["validation_file_id"])
        if train is None or not Path(train["path"]).is_file():
            data = f"the training data of {self._old_name} (job {self._old['job_id']})"
            raise NotFoundError(f"{data} is not on this machine; ft-cli openai export fetches the files of an account")
        test = self._plan.test_file or (Path(named["path"]) if named and Path(named["path"]).is_file() else None)
        if test is not None:
            return {"train": train["path"], "test": str(Path(test).absolute()), "held_out": False}
        return self._split(Path(train["path"]))

    def _readable(self, data: RelocationData) -> RelocationData:
        """The split of an earlier run; where it is damaged or missing, it and the steps that used it run again."""
        if not data["held_out"]:
            return data
        try:
            for path in (data["train"], data["test"]):
                read_rows(path)
        except (DataError, NotFoundError):
            kept = _PAID_STEPS if "job" in self._done else ()
            self._done = {step: self._done[step] for step in kept if step in self._done}
            with self._database.write() as tx:
                relocations.keep_only(tx, self._record["id"], self._done)
            return self._step("data", self._data)
        return data

    def _split(self, path: Path) -> RelocationData:
        """Hold out a part of the training data for the test, where there is no test file."""
        folder = make_folder(self._workspace.folder("datasets") / "relocations")
        train, test = (folder / f"{self._record['id']}.{name}.jsonl" for name in ("train", "test"))
        held_out.split(path, train=train, test=test)
        return {"train": str(train), "test": str(test), "held_out": True}

    def _tuner(self) -> FineTuner:
        return LocalFineTuner() if self._provider == LOCAL else OpenAIFineTuner(base_url=self._provider)

    def _job(self, tuner: FineTuner, data: RelocationData) -> str:
        """The id of the training job; a new one where that of an earlier run failed."""
        started = self._done.get("job")
        is_open = "trained" not in self._done
        if started and is_open and tuner.get_job_status(str(started))["status"] in {"failed", "cancelled"}:
            del self._done["job"]
        return str(self._step("job", lambda: self._start_job(tuner, data)))

    def _start_job(self, tuner: FineTuner, data: RelocationData) -> str:
        """Upload the training file and start the job. Returns its id."""
        hyperparameters: JsonColumn = dict(self._plan.hyperparameters or {}) | {"n_epochs": self._plan.n_epochs}
        name = self._old["model_name"][:64]
        request = tuner.check_request(self._plan.base_model, name, Path(data["train"]), **hyperparameters)
        file = request.training_file
        assert file is not None  # noqa: S101 - of the path above
        job = tuner.start_job(request, UploadedFiles(self._step("file", lambda: tuner.upload(file))))
        return str(job["job_id"])

    def _trained(self, tuner: FineTuner, job_id: str) -> JsonColumn:
        if tuner.get_job_status(job_id)["status"] == "paused":
            tuner.resume_job(job_id)
        job = dict(self._follow_job(tuner, job_id))
        if job["status"] != "succeeded":
            reason = (job["error"] or {}).get("message") or "run the same command again to resume it"
            raise TrainingError(f"job {job_id} is {job['status']}: {reason}")
        return job

    def _register(self, job: JsonColumn, data: RelocationData) -> int:
        with self._database.read() as tx:  # an earlier run may have stopped before it recorded the version
            known = model_versions.of_job(tx, job["job_id"], self._old["model_name"])
        if known is not None:
            return known["version"]
        is_local = self._provider == LOCAL
        record = self._registry.register_model(
            self._old["model_name"],
            self._plan.base_model,
            job["job_id"],
            len(read_rows(data["train"])),
            cost=None,
            metadata={"relocated_from": self._old["version"]},
            provider=None if is_local else self._provider,
            provider_model=None if is_local else job["fine_tuned_model"],
        )
        return record["version"]

    def _evaluation(self, name: str, questions: Sequence[Question]) -> int:
        """The id of a version's evaluation; questions without an answer in an earlier run are asked again."""
        step = evaluation_step(self._plan, name)
        before = self._done.get(step)
        failed = None if before is None else self._failures(int(before))
        if before is not None and failed is None:
            return int(before)
        self._on_message(f"{len(questions)} questions for {name}")
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

    def _answers(self, name: str, questions: Sequence[Question]) -> list[Prediction]:
        """A version's answers; where the old version no longer answers, those of earlier runs."""
        longest = self._plan.max_answer_tokens
        try:
            return predict(name, questions, CallOptions(longest))
        except _NO_ANSWER as error:
            kept = cached_predictions(name, questions, longest, str(error))
            if name != self._old_name or _count_failed(kept) == len(kept):
                raise
            return kept

    def _failures(self, evaluation_id: int) -> Failures | None:
        """The questions without an answer; None where all have one."""
        with self._database.read() as tx:
            rows = evaluations.results(tx, evaluation_id)
        errors = [str(row["error"]) for row in rows if row["error"]]
        return Failures(len(errors), len(rows), errors[0]) if errors else None

    def _evaluate(self, name: str, questions: Sequence[Question], answers: Sequence[Prediction]) -> int:
        parsed = parse_version_name(name)
        assert parsed is not None  # noqa: S101 - names of versions only
        found = ModelEvaluator().evaluate(
            [answer.text for answer in answers],
            [question.reference for question in questions],
            self._old["model_name"],
            "fine_tuned",
            metrics=[self._plan.metric],
            errors=[answer.error for answer in answers],
            latencies_ms=[answer.latency_ms for answer in answers],
            costs=[answer.cost for answer in answers],
            questions=[question.text for question in questions],
            clusters=clusters(questions),
            metadata={"version": parsed[1], "relocation": self._record["id"]},
        )
        assert found.id is not None  # noqa: S101 - it was stored
        return found.id

    def _outcome(self, new_name: str, job_id: str, found: Mapping[str, int]) -> Outcome:
        with self._database.read() as tx:
            sides = {name: evaluations.get(tx, number) for name, number in found.items()}
            rows = {name: evaluations.results(tx, number) for name, number in found.items()}

        def both(column: FigureColumn) -> tuple[float, float]:
            old, new = (_figure(sides.get(name), column) for name in (self._old_name, new_name))
            return old, new

        failures = {name: self._failures(number) for name, number in found.items()}
        outcome = Outcome(
            old=self._old_name,
            new=new_name,
            job_id=job_id,
            evaluations=dict(found),
            scores=both("accuracy"),
            latency_ms=both("avg_latency_ms"),
            cost=both("cost_per_inference"),
            failures={name: each for name, each in failures.items() if each is not None},
        )
        if self._old_name not in rows:
            return outcome
        pairs = comparison.matched(rows[self._old_name], rows[new_name])
        (change,) = comparison.changes(pairs, [self._plan.metric])
        outcome.difference, outcome.low, outcome.high = change["difference"], change["low"], change["high"]
        outcome.examples, outcome.scores = change["examples"], (change["first"], change["second"])
        outcome.verdict = verdict(outcome.low, outcome.high, self._plan.margin)
        return outcome


FigureColumn = Literal["accuracy", "avg_latency_ms", "cost_per_inference"]


def _figure(evaluation: Evaluation | None, column: FigureColumn) -> float:
    value = None if evaluation is None else evaluation[column]
    return nan if value is None else value


def evaluation_step(plan: Plan, name: str) -> str:
    """The name of the step that evaluates a version; recorded names must stay as they are, to resume relocations."""
    return f"{plan.metric} of {name}, {plan.max_answer_tokens} tokens"


def _origin(version: ModelVersion) -> int | None:
    """The version that a relocation replaced by this one; None for a version that no relocation made."""
    found = version["metadata"].get("relocated_from")
    return found if isinstance(found, int) else None


def _count_failed(answers: Sequence[Prediction]) -> int:
    return sum(answer.error is not None for answer in answers)


def _wait_for_job(tuner: FineTuner, job_id: str) -> Mapping[str, Any]:
    return tuner.wait_for_job(job_id)
