"""Fine-tuning jobs, from the SDK's call to a model that answers, trained by a real pool."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest
from openai import OpenAI

from fine_tuning.data_io.content_hash import content_hash
from fine_tuning.data_io.rows import read_rows
from fine_tuning.server import authentication
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store import costs, datasets, jobs
from fine_tuning.store.column_types import now
from fine_tuning.store.database import open_database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.training.jobs import file_validation
from fine_tuning.training.jobs.file_validation import check_job
from fine_tuning.training.jobs.worker_pool import MAX_DEATHS, Pool
from fine_tuning.training.loop.preference_rows import check_row
from tests.server.conftest import ALIAS, chats, client_of, listening, refused_alike

ALTERNATING = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}"
)
Finish = Callable[[str], Any]
Upload = Callable[..., str]


def create(client: OpenAI, file_id: str, **more: Any) -> Any:
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}}
    return client.fine_tuning.jobs.create(**{"model": ALIAS, "training_file": file_id, "method": method, **more})


def test_job_from_upload_to_answer(client: OpenAI, upload: Upload, finish: Finish) -> None:
    held_out = upload(chats(4))
    job = create(
        client,
        upload(),
        validation_file=held_out,
        suffix="sums",
        seed=3,
        metadata={"team": "a"},
        integrations=[{"type": "wandb", "wandb": {"project": "p"}}],
    )
    assert (job.status, job.model, job.seed, job.fine_tuned_model) == ("validating_files", ALIAS, 3, None)
    done = finish(job.id)
    assert done.status == "succeeded"
    assert done.fine_tuned_model == f"ft:{ALIAS}:default:sums:{job.id[6:18]}"
    assert (done.hyperparameters.n_epochs, done.hyperparameters.batch_size) == (2, 4)
    assert done.method.supervised.hyperparameters.learning_rate_multiplier == 1.0
    assert done.trained_tokens > 0
    assert done.finished_at >= done.created_at
    assert (done.metadata, done.error) == ({"team": "a"}, None)
    events = list(client.fine_tuning.jobs.list_events(job.id, limit=3))[::-1]
    assert {event.type for event in events} == {"message", "metrics"}
    assert events[0].message == f"Created fine-tuning job: {job.id}"
    numbers = [int(event.id.removeprefix("ftevent-")) for event in events]
    assert numbers == sorted(numbers)
    lines = list(csv.DictReader(io.StringIO(client.files.content(done.result_files[0]).text)))
    assert [line["step"] for line in lines] == [str(step) for step in range(1, 7)]
    assert all(float(line["train_loss"]) > 0 for line in lines)
    assert lines[-1]["valid_mean_token_accuracy"]
    assert client.files.retrieve(done.result_files[0]).purpose == "fine-tune-results"
    answer = client.chat.completions.create(
        model=done.fine_tuned_model, messages=[{"role": "user", "content": "Please add 1 and 2 for me."}], max_tokens=5
    )
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 5
    assert client.models.retrieve(done.fine_tuned_model).owned_by == "org-default"
    (point,) = client.fine_tuning.jobs.checkpoints.list(done.id).data[:1]
    assert client.models.retrieve(point.fine_tuned_model_checkpoint).owned_by == "org-default"
    assert client.models.delete(done.fine_tuned_model).deleted
    assert "does not exist: it was deleted" in refused_alike(client, done.fine_tuned_model)
    assert client.fine_tuning.jobs.retrieve(done.id).fine_tuned_model == done.fine_tuned_model
    assert not client.fine_tuning.jobs.checkpoints.list(done.id).data
    told = refused_alike(client, point.fine_tuned_model_checkpoint)
    assert "does not exist: the model of its job was deleted" in told


def test_job_dpo_learns_from_preferences(client: OpenAI, upload: Upload, finish: Finish) -> None:
    rows = [
        {
            "input": {"messages": [{"role": "user", "content": f"Please add {n} and 1."}]},
            "preferred_output": [{"role": "assistant", "content": f"That makes {n + 1}."}],
            "non_preferred_output": [{"role": "assistant", "content": "No."}],
        }
        for n in range(8)
    ]
    method = {"type": "dpo", "dpo": {"hyperparameters": {"n_epochs": 1, "beta": 0.2}}}
    job = create(client, upload("\n".join(map(json.dumps, rows)).encode()), method=method)
    assert job.method.type == "dpo"
    assert (job.method.dpo.hyperparameters.beta, job.method.dpo.hyperparameters.batch_size) == (0.2, 4)
    assert finish(job.id).status == "succeeded"
    wrong = finish(create(client, upload(), method=method).id)
    assert "line 1: input: no pair: dpo needs input" in wrong.error.message


def test_checkpoints_answer_and_can_be_shared(client: OpenAI, upload: Upload, finish: Finish, address: str) -> None:
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3, "learning_rate_multiplier": 20}}}
    done = finish(create(client, upload(), method=method).id)
    points = list(client.fine_tuning.jobs.checkpoints.list(done.id, limit=2))
    assert [point.step_number for point in points] == [9, 6, 3]
    assert points[0].fine_tuned_model_checkpoint == f"{done.fine_tuned_model}:ckpt-step-9"
    assert points[0].metrics.train_loss is not None

    def answer(model: str, asked: OpenAI = client) -> str | None:
        messages: Any = [{"role": "user", "content": "Please add 1 and 2 for me."}]
        reply = asked.chat.completions.create(model=model, messages=messages, max_tokens=12, temperature=0)
        return reply.choices[0].message.content

    assert answer(points[0].fine_tuned_model_checkpoint) == answer(done.fine_tuned_model)
    told = {answer(name) for name in (ALIAS, *(point.fine_tuned_model_checkpoint for point in points))}
    assert len(told) > 1  # the adapters are really on
    told_of_step = refused_alike(client, f"{done.fine_tuned_model}:ckpt-step-4")
    assert f"there are checkpoints of {done.fine_tuned_model} at the steps 3, 6, 9" in told_of_step
    for call in (client.models.delete, lambda name: client.fine_tuning.jobs.create(model=name, training_file="f")):
        with pytest.raises(openai.BadRequestError, match="cannot be"):
            call(points[0].fine_tuned_model_checkpoint)
    with pytest.raises(openai.BadRequestError, match="no permissions to give"):
        client.fine_tuning.checkpoints.permissions.list(ALIAS)
    ours, _ = authentication.create(open_database(), "ours")
    theirs, _ = authentication.create(open_database(), "theirs", project="other")
    lent, owner, stranger = points[1].fine_tuned_model_checkpoint, client_of(address, ours), client_of(address, theirs)
    with pytest.raises(openai.NotFoundError):
        answer(lent, stranger)
    (permission,) = owner.fine_tuning.checkpoints.permissions.create(lent, project_ids=["other"])
    assert answer(lent, stranger) == answer(lent, owner)
    with pytest.raises(openai.BadRequestError, match="was not fine-tuned by this project"):
        stranger.fine_tuning.checkpoints.permissions.create(lent, project_ids=["third"])
    assert owner.fine_tuning.checkpoints.permissions.list(lent).data[0].project_id == "other"
    owner.fine_tuning.checkpoints.permissions.delete(permission.id, fine_tuned_model_checkpoint=lent)
    with pytest.raises(openai.NotFoundError):
        answer(lent, stranger)
    owner.fine_tuning.checkpoints.permissions.create(done.fine_tuned_model, project_ids=["other"])
    assert answer(done.fine_tuned_model, stranger) == answer(done.fine_tuned_model, owner)
    assert done.fine_tuned_model in {model.id for model in stranger.models.list()}
    with pytest.raises(openai.BadRequestError, match="was not fine-tuned by this project"):
        stranger.models.delete(done.fine_tuned_model)


def test_job_on_fine_tuned_model_trains_further(client: OpenAI, upload: Upload, finish: Finish) -> None:
    first = finish(create(client, upload()).id)
    second = finish(create(client, upload(), model=first.fine_tuned_model).id)
    assert second.status == "succeeded"
    assert second.fine_tuned_model != first.fine_tuned_model


def test_job_invalid_file_names_every_line(client: OpenAI, upload: Upload, finish: Finish) -> None:
    rows = [
        b'{"messages": [{"role": "user", "content": "q"}]}',
        b"not json",
        b'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": 7}]}',
        b'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}',
        b'["a list"]',
    ]
    job = finish(create(client, upload(b"\n".join(rows))).id)
    assert job.status == "failed"
    assert (job.error.code, job.error.param) == ("invalid_training_file", "training_file")
    for told in (
        "4 bad lines",
        "line 1: messages: no message of the assistant to train on",
        "line 2: Expecting value (column 1)",
        "line 3: messages[1].weight: 7 is neither 0 nor 1",
        "line 5: an array, not an object",
    ):
        assert told in job.error.message
    event = client.fine_tuning.jobs.list_events(job.id).data[0]
    assert event.level == "error"
    found = [problem.partition(":")[0] for problem in event.data["problems"]]
    assert found == ["line 1", "line 1", "line 2", "line 3", "line 5"]


def test_values_of_bad_lines_are_named_in_words_of_json(client: OpenAI, upload: Upload, finish: Finish) -> None:
    asked, answer = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
    rows: list[object] = [
        *(None, True, "text", 1, 2.5, [], {"messages": [None, answer]}),
        *({"messages": [{"content": "q"}, answer]}, {"messages": [{**asked, "role": None}, answer]}),
        *({"messages": [{**asked, "content": each}, answer]} for each in (3, {"a": 1}, [None], [{"type": None}])),
        *({"messages": [asked, {**answer, "weight": each}]} for each in (True, {}, "1")),
        *({"messages": [{**asked, "name": each}, answer]} for each in (True, 7)),
        {"messages": [asked, answer], "tools": [{"type": "function", "function": {"name": "a b"}}]},
    ]
    job = finish(create(client, upload("\n".join(map(json.dumps, rows)).encode())).id)
    told = "\n".join(client.fine_tuning.jobs.list_events(job.id).data[0].data["problems"])
    assert f"{len(rows)} bad lines" in job.error.message
    assert not re.search(r"\b(NoneType|None|str|int|float|bool|dict|list|True|False)\b,", told)
    for words in (
        "a boolean, not an object",
        "null, not an object",
        "no role",
        "unknown role null",
        "an integer, neither",
    ):
        assert words in told
    assert ".;" not in told


def test_job_rows_refused_by_openai_fail_validation(client: OpenAI, upload: Upload, finish: Finish) -> None:
    asked, answer = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
    rows: list[dict[str, Any]] = [
        {"messages": [{"role": "bogus", "content": "q"}, answer]},
        {"messages": [asked, {**answer, "content": ""}]},
        {"messages": [asked, {"role": "assistant"}]},
        {"messages": [asked, {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}]}]},
        {"messages": [{**asked, "content": "\ud800"}, answer]},
        {"messages": [asked, answer], "tools": "x"},
    ]
    job = finish(create(client, upload("\n".join(map(json.dumps, rows)).encode())).id)
    assert job.status == "failed"
    assert "6 bad lines" in job.error.message


def test_job_rows_with_images_fail_validation_each_by_its_line(client: OpenAI, upload: Upload, finish: Finish) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    asked = {"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}
    rows = [json.dumps({"messages": [asked, {"role": "assistant", "content": f"A cat {n}."}]}) for n in range(12)]
    job = finish(create(client, upload("\n".join(rows).encode())).id)
    assert job.status == "failed"
    assert "12 bad lines: line 1: messages[0].content must be text" in job.error.message
    assert "line 12" in job.error.message
    assert "/" not in job.error.message


def test_delete_file_in_use_returns_400(client: OpenAI, upload: Upload, finish: Finish) -> None:
    file_id = upload()
    job = create(client, file_id)
    with pytest.raises(openai.BadRequestError, match=f"in use by {job.id}"):
        client.files.delete(file_id)
    assert finish(job.id).status == "succeeded"
    assert client.files.delete(file_id).deleted


def test_delete_base_of_another_model_returns_400(client: OpenAI, upload: Upload, finish: Finish) -> None:
    parent = finish(create(client, upload(), suffix="p" * 64).id)
    child = finish(create(client, upload(), model=parent.fine_tuned_model, suffix="c" * 64).id)
    assert child.fine_tuned_model.startswith(f"ft:{ALIAS}:default:{'c' * 64}:")
    with pytest.raises(openai.BadRequestError, match=f"is the base model of {child.id}"):
        client.models.delete(parent.fine_tuned_model)
    assert client.models.delete(child.fine_tuned_model).deleted
    assert client.models.delete(parent.fine_tuned_model).deleted


@pytest.mark.parametrize("suffix", ["a/b", "a\n", "a\0", "a:b", "ü", "x" * 65, ""])
def test_create_invalid_suffix_returns_400(client: OpenAI, upload: Upload, suffix: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        create(client, upload(), suffix=suffix)
    assert caught.value.body["param"] == "suffix"  # type: ignore[index]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ({"type": "dpo", "supervised": {"hyperparameters": {"n_epochs": 2}}}, "supervised goes with type 'supervised'"),
        ({"type": "supervised", "zzz": 1}, "Unknown parameter: 'method.zzz'"),
        (
            {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 0}}},
            "expected a value of at least 1, but got 0",
        ),
        (
            {"type": "supervised", "supervised": {"hyperparameters": {"learning_rate_multiplier": "high"}}},
            """hyperparameters.learning_rate_multiplier': expected 'auto' or a number, but got "high".""",
        ),
        (
            {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": []}}},
            "hyperparameters.n_epochs': expected 'auto' or an integer, but got an array",
        ),
    ],
)
def test_create_method_of_another_type_returns_400(client: OpenAI, upload: Upload, method: Any, expected: str) -> None:
    with pytest.raises(openai.BadRequestError, match=re.escape(expected)):
        create(client, upload(), method=method)


def test_upload_workspace_dataset_is_linked_by_content(
    client: OpenAI, upload: Upload, pool: Pool, examples: list[dict[str, Any]]
) -> None:
    from fine_tuning import DatasetBuilder

    path = Path(DatasetBuilder().save_dataset(examples, "known"))
    job = create(client, upload(path.read_bytes()))
    pool.step()
    with open_database().read() as tx:
        stored = jobs.get(tx, job.id)
        known = datasets.find_by_hash(tx, content_hash(row for _, row in read_rows(path)))
    assert stored is not None
    assert known is not None
    assert stored["dataset_id"] == known["id"]


BAD: list[tuple[dict[str, Any], type[openai.APIStatusError], str | None]] = [
    ({"model": "nothing"}, openai.NotFoundError, "model"),
    ({"model": "/etc"}, openai.NotFoundError, "model"),
    ({"training_file": "file-0"}, openai.NotFoundError, "training_file"),
    ({"validation_file": "file-0"}, openai.NotFoundError, "validation_file"),
    ({"seed": -1}, openai.BadRequestError, "seed"),
    ({"suffix": "x" * 65}, openai.BadRequestError, "suffix"),
    ({"hyperparameters": {"n_epochs": 0}}, openai.BadRequestError, "hyperparameters"),
    ({"method": {"type": "reinforcement", "reinforcement": {}}}, openai.BadRequestError, "method.type"),
    ({"metadata": {"k": "v" * 513}}, openai.BadRequestError, "metadata.k"),
    ({"extra_body": {"party": True}}, openai.BadRequestError, "party"),
]


@pytest.mark.parametrize(("arguments", "error", "param"), BAD, ids=[str(arguments)[:50] for arguments, _, _ in BAD])
def test_create_invalid_job_returns_openai_error(
    client: OpenAI, upload: Upload, arguments: dict[str, Any], error: type[openai.APIStatusError], param: str | None
) -> None:
    with pytest.raises(error) as caught:
        client.fine_tuning.jobs.create(**{"model": ALIAS, "training_file": upload(), **arguments})
    body: Any = caught.value.body
    assert set(body) == {"message", "type", "param", "code"}
    assert body["type"] == "invalid_request_error"
    assert body["param"].startswith(str(param))
    assert client.fine_tuning.jobs.list().data == []


def test_create_same_idempotency_key_returns_the_first_job(client: OpenAI, upload: Upload) -> None:
    file_id = upload()
    first, again = (create(client, file_id, extra_headers={"Idempotency-Key": "k"}) for _ in range(2))
    other = create(client, file_id, extra_headers={"Idempotency-Key": "l"})
    assert first.id == again.id != other.id


def test_list_filters_by_metadata_and_pages(client: OpenAI, upload: Upload) -> None:
    file_id = upload()
    made = [create(client, file_id, metadata={"n": str(n % 2)}).id for n in range(5)]
    assert [job.id for job in client.fine_tuning.jobs.list(limit=2)] == made[::-1]
    assert [job.id for job in client.fine_tuning.jobs.list(metadata={"n": "1"})] == [made[3], made[1]]
    without = create(client, file_id).id
    assert [job.id for job in client.fine_tuning.jobs.list(extra_query={"metadata": "null"})] == [without]
    client.fine_tuning.jobs.cancel(without)
    with pytest.raises(openai.BadRequestError, match="no item"):
        client.fine_tuning.jobs.list(after="ftjob-0")


def test_cancel_pause_and_resume_without_worker(client: OpenAI, upload: Upload, finish: Finish) -> None:
    job = create(client, upload())
    assert client.fine_tuning.jobs.pause(job.id).status == "paused"
    assert client.fine_tuning.jobs.resume(job.id).status == "validating_files"
    assert finish(job.id).status == "succeeded"
    with pytest.raises(openai.BadRequestError, match="already succeeded"):
        client.fine_tuning.jobs.cancel(job.id)
    other = create(client, upload())
    assert client.fine_tuning.jobs.cancel(other.id).status == "cancelled"
    assert client.fine_tuning.jobs.cancel(other.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="cancelled"):
        client.fine_tuning.jobs.resume(other.id)


@pytest.mark.parametrize("status", ["paused", "running"])
def test_job_with_a_worker_of_its_own_is_resumed_by_the_pool(
    client: OpenAI, upload: Upload, finish: Finish, status: str
) -> None:
    job = create(client, upload())
    with open_database().write() as tx:  # as `ft-cli train --detach` leaves it, and as its worker does that died
        requested = "pause" if status == "paused" else "run"
        jobs.change(tx, job.id, pooled=False, requested=requested, status=status, started_at=now())
    assert client.fine_tuning.jobs.resume(job.id).status in {"queued", "running"}
    assert finish(job.id).status == "succeeded"


def until(condition: Callable[[], bool], pool: Pool, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        pool.step()
        time.sleep(0.05)


def steps(client: OpenAI, job_id: str) -> list[int]:
    events = list(client.fine_tuning.jobs.list_events(job_id, limit=100))
    return [event.data["step"] for event in events if event.type == "metrics" and "train_loss" in event.data]  # type: ignore[index]


LONG = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 50, "batch_size": 1}}}


def test_pause_frees_the_slot_and_resume_continues(client: OpenAI, upload: Upload, pool: Pool, finish: Finish) -> None:
    long = create(client, upload(chats(24)), method=LONG)
    until(lambda: len(steps(client, long.id)) > 2, pool)
    client.fine_tuning.jobs.pause(long.id)
    until(lambda: client.fine_tuning.jobs.retrieve(long.id).status == "paused", pool, 10)
    seen = max(steps(client, long.id))
    assert finish(create(client, upload()).id).status == "succeeded"
    client.fine_tuning.jobs.resume(long.id)
    until(lambda: max(steps(client, long.id)) > seen, pool)
    trained = steps(client, long.id)
    assert len(set(trained)) == len(trained)  # none is trained twice
    client.fine_tuning.jobs.cancel(long.id)
    until(lambda: client.fine_tuning.jobs.retrieve(long.id).status == "cancelled", pool, 10)


def trainers_of(job_id: str) -> list[psutil.Process]:
    return [process for process in psutil.process_iter(["cmdline"]) if job_id in (process.info["cmdline"] or [])]


def test_job_killed_trainer_is_replaced_and_loss_curve_continues(
    client: OpenAI, upload: Upload, pool: Pool, finish: Finish
) -> None:
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 10, "batch_size": 1}}}
    job = create(client, upload(chats(24)), method=method)
    until(lambda: max(steps(client, job.id), default=0) > 30, pool)
    trainers_of(job.id)[0].kill()
    done = finish(job.id)
    assert done.status == "succeeded"
    messages = [event.message for event in client.fine_tuning.jobs.list_events(job.id, limit=100)]
    assert any("the trainer died" in message for message in messages)
    assert any(message.startswith("resuming from step") for message in messages)
    assert sorted(set(steps(client, job.id))) == sorted(steps(client, job.id))
    lines = list(csv.DictReader(io.StringIO(client.files.content(done.result_files[0]).text)))
    told = [int(line["step"]) for line in lines]
    assert told == sorted(set(told))
    assert told[-1] == 240


def test_job_trainer_dying_repeatedly_fails(client: OpenAI, upload: Upload, pool: Pool) -> None:
    job = create(client, upload())
    pool.step()
    with open_database().write() as tx:
        jobs.change(tx, job.id, deaths=MAX_DEATHS - 1)
    until(lambda: bool(trainers_of(job.id)), pool)
    trainers_of(job.id)[0].kill()
    until(lambda: client.fine_tuning.jobs.retrieve(job.id).status == "failed", pool)
    failed = client.fine_tuning.jobs.retrieve(job.id)
    assert failed.error is not None
    assert failed.error.code == "trainer_died"


def test_job_killed_trainers_reduce_the_micro_batch(client: OpenAI, upload: Upload, pool: Pool, finish: Finish) -> None:
    job = create(client, upload())
    pool.step()
    with open_database().write() as tx:
        jobs.change(tx, job.id, deaths=2)
    assert finish(job.id).status == "succeeded"
    messages = [event.message for event in client.fine_tuning.jobs.list_events(job.id, limit=100)]
    said = "2 trainers died before a checkpoint, as happens where memory is short: continuing with 2 rows at once"
    assert said in messages


def test_pool_trains_jobs_on_the_same_base_model_in_one_process(client: OpenAI, upload: Upload, finish: Finish) -> None:
    short, long = (create(client, upload(), **more).id for more in ({}, {"method": LONG}))
    validating, together = Pool(open_workspace(), slots=0), Pool(open_workspace(), slots=3, together=True)
    until(lambda: client.fine_tuning.jobs.retrieve(long).status == "queued", validating)
    try:
        together.step()
        until(lambda: bool(trainers_of(short)), together)  # a process that has only begun has no arguments yet
        (trainer,) = trainers_of(short)
        assert trainers_of(long) == [trainer]
        until(lambda: len(steps(client, long)) > 2, together)
        client.fine_tuning.jobs.cancel(long)
        until(lambda: client.fine_tuning.jobs.retrieve(long).status == "cancelled", together, 30)
        assert finish(short).status == "succeeded"
    finally:
        together.shut_down()
    events = [event.message for event in client.fine_tuning.jobs.list_events(long, limit=100)]
    assert "job cancelled" in events
    with open_database().read() as tx:
        assert {each["job_id"] for each in costs.training_jobs(tx)} == {short, long}


def test_two_pools_train_each_job_once(client: OpenAI, upload: Upload, pool: Pool) -> None:
    made = [create(client, upload()).id for _ in range(3)]
    other = Pool(open_workspace(), slots=2)
    until(lambda: not [job for job in client.fine_tuning.jobs.list() if job.status == "validating_files"], pool)
    try:
        for _ in range(20):
            pool.step()
            other.step()
        running = [
            job_id
            for job_id in made
            if any(job_id in (p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))
        ]
        assert len(running) == 2  # as many as the larger pool allows on this machine
        for job_id in running:
            assert sum(job_id in (p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])) == 1
    finally:
        other.shut_down()


def test_pool_exit_while_trainer_starts_releases_the_job(client: OpenAI, upload: Upload, pool: Pool) -> None:
    job = create(client, upload())
    until(lambda: bool(trainers_of(job.id)), pool)
    pool.shut_down()
    with open_database().read() as tx:
        left = jobs.get(tx, job.id)
    assert left is not None
    assert (left["status"], left["worker"], left["deaths"]) == ("queued", None, 0)


def test_projects_are_isolated(client: OpenAI, upload: Upload, address: str) -> None:
    file_id = upload()
    job = create(client, file_id)
    key, _ = authentication.create(open_database(), "a", project="other")
    with pytest.raises(openai.AuthenticationError):
        client.fine_tuning.jobs.list()
    stranger = client_of(address, key)
    assert stranger.fine_tuning.jobs.list().data == []
    for call in (
        lambda: stranger.fine_tuning.jobs.retrieve(job.id),
        lambda: stranger.fine_tuning.jobs.cancel(job.id),
        lambda: stranger.fine_tuning.jobs.list_events(job.id),
        lambda: stranger.files.content(file_id),
        lambda: create(stranger, file_id),
    ):
        with pytest.raises(openai.NotFoundError):
            call()


def test_job_paused_by_a_killed_pool_continues(client: OpenAI, upload: Upload, finish: Finish) -> None:
    left, wanted = create(client, upload()), create(client, upload())
    validate(client, left.id, wanted.id)
    with open_database().write() as tx:
        jobs.change(tx, left.id, status="paused")
    client.fine_tuning.jobs.pause(wanted.id)
    assert finish(left.id).status == "succeeded"
    assert client.fine_tuning.jobs.retrieve(wanted.id).status == "paused"


def validate(client: OpenAI, *job_ids: str) -> None:
    """Let the files be validated, and nothing be trained."""
    for job_id in job_ids:
        with open_database().read() as tx:
            row = jobs.get(tx, job_id)
        assert row is not None
        check_job(open_database(), row)
        assert client.fine_tuning.jobs.retrieve(job_id).status == "queued"


def test_job_paused_before_validation_is_validated(client: OpenAI, upload: Upload) -> None:
    lines = chats(10) + b"{\n[]\n"
    job = create(client, client.files.create(file=("bad.jsonl", lines), purpose="fine-tune").id)
    client.fine_tuning.jobs.pause(job.id)
    client.fine_tuning.jobs.resume(job.id)
    with open_database().read() as tx:
        row = jobs.get(tx, job.id)
    assert row is not None
    assert row["status"] == "validating_files"
    check_job(open_database(), row)
    failed = client.fine_tuning.jobs.retrieve(job.id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert failed.error.code == "invalid_training_file"
    assert "line 11" in str(failed.error.message)
    assert "line 12" in str(failed.error.message)


def test_cancel_after_killed_pool_and_trainer_cancels(client: OpenAI, upload: Upload, pool: Pool) -> None:
    job = create(client, upload(), method=LONG)
    until(lambda: bool(trainers_of(job.id)), pool)
    trainers_of(job.id)[0].kill()
    other = Pool(open_workspace(), slots=1)  # its pool was killed too: this one has never heard of the trainer
    client.fine_tuning.jobs.cancel(job.id)
    until(lambda: client.fine_tuning.jobs.retrieve(job.id).status == "cancelled", other, 10)


def test_epoch_checkpoints_of_a_paused_job_answer(client: OpenAI, upload: Upload, pool: Pool, finish: Finish) -> None:
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 30, "batch_size": 256}}}
    job = create(client, upload(), method=method)  # each step is an epoch
    until(lambda: len(steps(client, job.id)) > 3, pool)
    client.fine_tuning.jobs.pause(job.id)
    until(lambda: client.fine_tuning.jobs.retrieve(job.id).status in {"paused", "succeeded"}, pool, 30)
    newest = client.fine_tuning.jobs.checkpoints.list(job.id).data[0]
    asked: Any = [{"role": "user", "content": "Please add 1 and 2 for me."}]
    answer = client.chat.completions.create(model=newest.fine_tuned_model_checkpoint, messages=asked, max_tokens=3)
    assert answer.usage is not None
    client.fine_tuning.jobs.resume(job.id)
    assert finish(job.id).status == "succeeded"
    kept = [each.step_number for each in client.fine_tuning.jobs.checkpoints.list(job.id, limit=100)]
    assert sorted(kept) == list(range(1, 31))


def test_rows_that_the_chat_template_refuses_fail_validation_with_all_others(
    workspace: Path, tiny_model_dir: Path, tmp_path: Path, pool: Pool
) -> None:
    """Before the job is queued; a system message, which the template has no role for, is merged as in training."""
    base = Path(shutil.copytree(tiny_model_dir, tmp_path / "alternating"))
    kept = (base / "chat_template.jinja").read_text()
    (base / "chat_template.jinja").write_text(ALTERNATING + kept)
    said = {role: {"role": role, "content": f"A word of the {role}."} for role in ("system", "user", "assistant")}
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}
    asked, answer, other = said["user"], said["assistant"], {"role": "assistant", "content": "Another word."}
    rows: list[Any] = [
        *[[asked, answer]] * 10,
        *([said["system"], asked, answer], [asked, asked, answer], [answer, asked, answer], [image, answer]),
    ]
    pairs = [
        {"input": {"messages": each}, "preferred_output": [answer], "non_preferred_output": [other]}
        for each in ([said["system"], asked], [asked, asked])
    ]
    files = [[{"messages": each} for each in rows], pairs]
    with listening(ServerConfig(aliases={ALIAS: str(base)})) as address:
        client = client_of(address)
        found = []
        for lines, method in zip(files, ("supervised", "dpo"), strict=True):
            content = "\n".join(map(json.dumps, lines)).encode()
            file = client.files.create(file=("rows.jsonl", content), purpose="fine-tune")
            job = create(client, file.id, method={"type": method})
            pool.step()
            job = client.fine_tuning.jobs.retrieve(job.id)
            assert (job.status, job.error.code) == ("failed", "invalid_training_file")
            found.append(client.fine_tuning.jobs.list_events(job.id).data[0].data["problems"])
    refused = "the base model's chat template cannot render this chat: roles must alternate"
    assert found == [
        [
            f"line 12: {refused}",
            f"line 13: {refused}",
            "line 14: messages[0].content must be text or a list of text parts",
        ],
        [f"line 2: {refused}"],
    ]


def test_chat_template_that_is_no_jinja_is_told_by_training(
    workspace: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    for name, text in (("broken", "{% for %}"), ("several", None)):
        base = Path(shutil.copytree(tiny_model_dir, tmp_path / name))
        if text is None:
            (base / "chat_template.jinja").unlink()
        else:
            (base / "chat_template.jinja").write_text(text)
        assert file_validation.check_of(base) is check_row
    assert file_validation.check_of(None) is check_row
