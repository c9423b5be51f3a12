"""A model is trained again on another base and compared with itself, also after every interruption."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import LocalFineTuner, ModelRegistry
from fine_tuning.errors import ConflictError, NotFoundError, TrainingError, UsageError
from fine_tuning.store import files, jobs, relocations, tables
from fine_tuning.store.database import open_database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.relocation import Outcome, Plan, held_out, relocate
from tests import wire

STEPS = {"max_steps": 1}


@pytest.fixture
def host() -> Iterator[wire.Host]:
    """The closing host: its model still answers."""
    with wire.host() as running:
        running.answers["POST /chat/completions"] = lambda request: (
            200,
            wire.completion(request.body["messages"][-1]["content"].upper(), "ft:old"),
        )
        yield running


def chat(question: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": question.upper()}]}


@pytest.fixture
def exported(host: wire.Host, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of that host, with its data, as an export leaves it. Returns the training file."""
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    folder = workspace / "files"
    folder.mkdir(parents=True)
    paths = {"file-train": 60, "file-test": 24}
    with open_database().write() as tx:
        for file_id, count in paths.items():
            path = folder / f"{file_id}.jsonl"
            path.write_text("".join(json.dumps(chat(f"{file_id} question {n}")) + "\n" for n in range(count)))
            files.add(
                tx,
                {
                    "id": file_id,
                    "provider": host.url,
                    "provider_file_id": file_id,
                    "purpose": "fine-tune",
                    "filename": path.name,
                    "path": str(path),
                    "bytes": 1,
                    "sha256": "0" * 64,
                },
            )
        job = {
            "id": "ftjob-old",
            "provider": host.url,
            "provider_job_id": "ftjob-old",
            "idempotency_key": "k",
            "model": "gpt-4o-mini",
            "training_file_id": "file-train",
            "validation_file_id": "file-test",
            "hyperparameters": {},
            "status": "succeeded",
            "fine_tuned_model": "ft:old",
        }
        jobs.add(tx, job)
    registry = ModelRegistry()
    registry.register_model("inbox", "gpt-4o-mini", "ftjob-old", 60, provider=host.url, provider_model="ft:old")
    registry.deploy_model("inbox")
    return folder / "file-train.jsonl"


def relocated(chosen: Plan, **callbacks: Any) -> Outcome:
    return relocate(chosen, workspace=open_workspace(), **callbacks)


def plan(base: Path, **more: Any) -> Plan:
    return Plan("inbox", str(base), n_epochs=1, hyperparameters=STEPS, max_answer_tokens=8, **more)


def test_relocate_trains_and_compares_versions(exported: Path, tiny_model_dir: Path, host: wire.Host, cli: Any) -> None:
    said: list[str] = []
    outcome = relocated(plan(tiny_model_dir), on_message=said.append)
    assert (outcome.old, outcome.new, outcome.examples, outcome.held_out) == ("inbox-v1", "inbox-v2", 24, False)
    assert outcome.scores == (1.0, 0.0)  # one step of a tiny model is no match for the old one
    assert (outcome.verdict, outcome.high < -0.05) == ("worse", True)
    assert said[0] == "24 questions for inbox-v1"  # while it is alive
    registry = ModelRegistry()
    new = registry.get_model_version("inbox", 2)
    assert new is not None
    assert (new["status"], new["metadata"]) == ("READY", {"relocated_from": 1})
    assert registry.get_deployed_version("inbox") == registry.get_model_version("inbox", 1)
    # Once more: nothing is trained or asked again.
    asked = len(host.requests)
    again = relocated(plan(tiny_model_dir))
    assert (again.verdict, again.job_id, len(host.requests)) == ("worse", outcome.job_id, asked)
    assert len(LocalFineTuner().list_jobs()) == 1
    kinder = relocated(plan(tiny_model_dir, margin=0.999))  # another margin is another verdict, no other model
    assert (kinder.job_id, kinder.verdict) == (outcome.job_id, "undecided")
    options = ["--epochs", "1", "--max-steps", "1", "--max-tokens", "8"]
    code, out, _ = cli("relocate", "inbox", "--to", str(tiny_model_dir), *options)
    assert code == 0
    for word in ("inbox-v2 scores -100.0 points", "worse by more than 5 points", "latency", "cost per call"):
        assert word in out


def test_relocate_interrupted_resumes(exported: Path, tiny_model_dir: Path, host: wire.Host) -> None:
    for word in ("24 questions", "training"):

        def stop(step: str, word: str = word) -> None:
            if step.startswith(word):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            relocated(plan(tiny_model_dir), on_message=stop)
    (job,) = LocalFineTuner().list_jobs()
    asked = len(host.asked("POST /chat/completions"))
    assert asked == 24
    outcome = relocated(plan(tiny_model_dir))
    assert outcome.job_id == job["job_id"]
    assert len(host.asked("POST /chat/completions")) == asked
    assert len(ModelRegistry().list_model_versions("inbox")) == 2


def test_relocate_again_keeps_relocated_version(exported: Path, tiny_model_dir: Path) -> None:
    """Where no version is deployed, or the new one is, the same relocation goes on, and shows the same again."""
    ModelRegistry().set_model_status("inbox", "READY", 1)

    def stop(step: str) -> None:
        if step.endswith("questions for inbox-v2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        relocated(plan(tiny_model_dir), on_message=stop)
    first = relocated(plan(tiny_model_dir))
    again = relocated(plan(tiny_model_dir))
    ModelRegistry().deploy_model("inbox", 2)
    deployed = relocated(plan(tiny_model_dir))
    assert {(each.old, each.new, each.verdict) for each in (first, again, deployed)} == {
        ("inbox-v1", "inbox-v2", "worse")
    }
    assert len(LocalFineTuner().list_jobs()) == 1
    assert len(ModelRegistry().list_model_versions("inbox")) == 2


def test_relocate_unrecorded_version_is_not_registered_twice(exported: Path, tiny_model_dir: Path) -> None:
    def stop(step: str) -> None:
        if step.endswith("questions for inbox-v2"):
            with open_database().write() as tx:  # as if the process had ended a moment earlier
                (row,) = tx.execute(tables.relocations.select()).mappings()
                done = {step: made for step, made in row["done"].items() if step != "version"}
                relocations.keep_only(tx, row["id"], done)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        relocated(plan(tiny_model_dir), on_message=stop)
    assert relocated(plan(tiny_model_dir)).new == "inbox-v2"


def some_fail(host: wire.Host, status: int, every: int = 2) -> Any:
    """Let the host fail every second question. Returns what it answered with before."""
    usual = host.answers["POST /chat/completions"]

    def answer(request: wire.Request) -> Any:
        number = int(request.body["messages"][-1]["content"].split()[-1])
        return (status, {"error": {"message": "not now"}}) if number % every == 0 else usual(request)

    host.answers["POST /chat/completions"] = answer
    return usual


def test_relocate_failed_questions_are_reported_and_asked_again(
    exported: Path, tiny_model_dir: Path, host: wire.Host, cli: Any
) -> None:
    usual = some_fail(host, 400)
    command = ("relocate", "inbox", "--to", str(tiny_model_dir), "--epochs", "1", "--max-steps", "1", "--max-tokens")
    code, out, _ = cli(*command, "8")
    assert (code, "12 questions answered by both models" in out) == (0, True)
    assert "inbox-v1 did not answer 12 of 24 questions" in out
    assert "not now" in out
    assert json.loads(cli(*command, "8", "--json")[1])["failures"]["inbox-v1"]["count"] == 12
    host.answers["POST /chat/completions"] = usual
    asked = len(host.requests)
    outcome = relocated(plan(tiny_model_dir))
    assert (outcome.examples, outcome.failures, len(host.requests) - asked) == (24, {}, 12)
    assert len(LocalFineTuner().list_jobs()) == 1


def test_relocate_failed_questions_that_could_decide_give_no_verdict(
    exported: Path, tiny_model_dir: Path, host: wire.Host
) -> None:
    host.answers["POST /chat/completions"] = lambda _: (200, wire.completion("no idea", "ft:old"))
    some_fail(host, 400)
    outcome = relocated(plan(tiny_model_dir, margin=0.4))
    assert (outcome.examples, outcome.difference, outcome.verdict) == (12, 0.0, "unknown")
    assert outcome.reason.startswith("inbox-v1 failed in 12 of 24 calls and inbox-v2 in 0 of 24")
    host.answers["POST /chat/completions"] = lambda _: (200, wire.completion("no idea", "ft:old"))
    assert relocated(plan(tiny_model_dir, margin=0.4)).verdict == "not worse"


def test_relocate_revoked_key_keeps_earlier_answers(exported: Path, tiny_model_dir: Path, host: wire.Host) -> None:
    some_fail(host, 400)
    with pytest.raises(KeyboardInterrupt):
        relocated(plan(tiny_model_dir), on_message=stop_at("training"))
    host.answers["POST /chat/completions"] = (401, {"error": {"message": "revoked"}})
    outcome = relocated(plan(tiny_model_dir))
    assert (outcome.examples, outcome.failures["inbox-v1"].count, outcome.verdict) == (12, 12, "worse")
    # By another metric there is no evaluation yet, but there are answers.
    other = relocated(plan(tiny_model_dir, metric="token_f1"))
    assert (other.examples, other.failures["inbox-v1"].count) == (12, 12)
    assert "needs an API key, and was sent none (401)" in other.failures["inbox-v1"].first


def stop_at(word: str) -> Any:
    def stop(step: str) -> None:
        if step.startswith(word):
            raise KeyboardInterrupt

    return stop


def test_relocate_key_revoked_before_gives_no_verdict(
    exported: Path, tiny_model_dir: Path, host: wire.Host, cli: Any
) -> None:
    host.answers["POST /chat/completions"] = (401, {"error": {"message": "revoked"}})
    code, out, err = cli("relocate", "inbox", "--to", str(tiny_model_dir), "--epochs", "1", "--max-steps", "1")
    assert (code, "no verdict: the old model does not answer: " in out, "(401)" in out) == (0, True, True)
    assert err.index("the old model does not answer") < err.index("training")


def test_relocate_line_separators_do_not_split_rows(exported: Path, tiny_model_dir: Path) -> None:
    with open_database().write() as tx:
        jobs.change(tx, "ftjob-old", validation_file_id=None)
    odd = [chat(f"odd \u2028 \u2029 \x85 question {n}") for n in range(60)]
    exported.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in odd), encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        relocated(plan(tiny_model_dir), on_message=stop_at("20 questions"))
    (part,) = exported.parent.parent.glob("datasets/relocations/*.train.jsonl")
    part.write_text('{"messages": [\n')  # as an earlier version split it
    outcome = relocated(plan(tiny_model_dir))
    assert (outcome.examples, outcome.held_out) == (20, True)
    assert len(part.read_text().split("\n")) == 41
    assert all(row in odd for row in map(json.loads, part.read_text().split("\n")[:-1]))


def test_rows_of_one_conversation_stay_on_one_side() -> None:
    rows = [chat(f"question {n // 3}") for n in range(90)] + [chat(f"a {n}") | {"session_id": 1} for n in range(60)]
    named = held_out.conversations_of(rows)
    assert len(set(named)) == 31
    places = held_out.draw(named, 20)
    assert 20 <= len(places) <= 30
    assert not {named[at] for at in places} & {name for at, name in enumerate(named) if at not in places}
    assert held_out.draw([1] * 100, 20) == set()
    assert len(held_out.draw(range(60), 20)) == 20
    forms = [{"prompt": "a", "response": "b"}, {"instruction": "a", "output": "c"}, {"messages": 1}, {}]
    first, second, *others = held_out.conversations_of(forms)
    assert first == second
    assert len({first, *others}) == 3


def test_relocate_cancelled_training_starts_new_job(exported: Path, tiny_model_dir: Path) -> None:
    def cancelled(tuner: Any, job_id: str) -> Any:
        tuner.cancel_job(job_id)
        return tuner.wait_for_job(job_id, progress_bar=False)

    with pytest.raises(TrainingError, match="is cancelled"):
        relocated(plan(tiny_model_dir), follow_job=cancelled)
    outcome = relocated(plan(tiny_model_dir))
    assert len(LocalFineTuner().list_jobs()) == 2
    assert outcome.new == "inbox-v2"


def test_relocate_retired_old_model_gives_no_verdict(exported: Path, tiny_model_dir: Path, host: wire.Host) -> None:
    host.answers["POST /chat/completions"] = (404, {"error": {"message": "the model does not exist"}})
    outcome = relocated(plan(tiny_model_dir))
    assert outcome.verdict == "unknown"
    assert "the old model does not answer" in outcome.reason
    assert outcome.new == "inbox-v2"


def test_relocate_without_test_file_holds_out_rows(exported: Path, tiny_model_dir: Path, cli: Any) -> None:
    with open_database().write() as tx:
        jobs.change(tx, "ftjob-old", validation_file_id=None)
    outcome = relocated(plan(tiny_model_dir))
    assert (outcome.held_out, outcome.examples) == (True, 20)
    (job,) = LocalFineTuner().list_jobs()
    with open_database().read() as tx:
        file = files.get(tx, job["training_file"])
    assert file is not None
    assert len(Path(file["path"]).read_text().splitlines()) == 40
    exported.write_text("".join(json.dumps(chat(f"q{n}")) + "\n" for n in range(30)))
    with pytest.raises(ConflictError, match="30 rows, too few to hold some out"):
        relocated(plan(tiny_model_dir, margin=0.1).__class__("inbox", str(tiny_model_dir), n_epochs=2))
    exported.unlink()
    code, _, err = cli("relocate", "inbox", "--to", str(tiny_model_dir), "--epochs", "4")
    assert (code, "ft-cli openai export fetches" in err) == (1, True)


def test_relocate_invalid_plan_raises(cli: Any) -> None:
    with pytest.raises(NotFoundError, match="no model nobody is registered"):
        relocated(Plan("nobody", "smollm2-135m-instruct"))
    for wrong in ({"metric": "bleu"}, {"metric": "judge"}, {"metric": "nothing"}, {"margin": 1.0}, {"margin": -1.0}):
        with pytest.raises(UsageError):
            Plan("m", "b", **wrong)  # type: ignore[arg-type]
    assert cli("relocate", "nobody", "--to", "smollm2-135m-instruct")[0] == 1
