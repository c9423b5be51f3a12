"""The recipe that a saved dataset records is that of its own rows, whatever its builder built before."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from fine_tuning import DatasetBuilder, prepare_fine_tuning_dataset
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import TrainingError
from fine_tuning.store import datasets
from fine_tuning.store.database import Database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows import pipeline

pytestmark = pytest.mark.slow

COUNT = 12


@pytest.fixture(autouse=True)
def captured(database: Database) -> None:
    """Twelve captured calls in each of two domains."""
    collector = DistillationDataCollector()
    for domain in ("mail", "chat"):
        for number in range(COUNT):
            asked = f"{domain}: what does order {number * 7919} of customer {number * 104729} cost in all?"
            collector.capture_success(asked, f"The order costs {number} dollars in all.", domain, "price")


def recorded(database: Database, path: str) -> Any:
    with database.read() as tx:
        found = datasets.newest_at(tx, path)
    assert found is not None
    return found["recipe"]


def test_save_dataset_two_builds_in_reverse_order_keep_their_recipes(database: Database) -> None:
    builder = DatasetBuilder()
    mail, chat = (builder.build_from_distillation(domain=domain) for domain in ("mail", "chat"))
    of_chat, of_mail = builder.save_dataset(chat, "chat"), builder.save_dataset(mail, "mail")
    assert [recorded(database, path)["domain"] for path in (of_chat, of_mail)] == ["chat", "mail"]
    assert recorded(database, of_mail) == {
        "source": "distillation",
        "min_rating": 4,
        "domain": "mail",
        "task_type": None,
        "limit": None,
        "found": COUNT,
        "saved": COUNT,
    }


def test_save_dataset_external_rows_are_recorded_as_given(database: Database) -> None:
    builder = DatasetBuilder()
    found = builder.build_from_distillation(domain="mail")
    rows = [{"prompt": f"question {number}", "response": f"answer {number}"} for number in range(3)]
    assert recorded(database, builder.save_dataset(rows, "own")) == {"source": "given", "saved": 3}
    filtered = [example for example in found if example["response"].endswith("dollars in all.")]
    assert recorded(database, builder.save_dataset(filtered, "filtered")) == {"source": "given", "saved": COUNT}


def test_save_dataset_examples_changed_in_place_are_recorded_as_given(database: Database) -> None:
    builder = DatasetBuilder()
    found = builder.build_from_distillation(domain="mail")
    found.reverse()
    assert recorded(database, builder.save_dataset(found, "reversed"))["source"] == "distillation"
    found.append(dict(found[0]))
    assert recorded(database, builder.save_dataset(found, "longer")) == {"source": "given", "saved": COUNT + 1}
    edited = builder.build_from_distillation(domain="mail")
    edited[0]["response"] = "It costs nothing."
    assert recorded(database, builder.save_dataset(edited, "edited")) == {"source": "given", "saved": COUNT}


def test_save_dataset_validated_examples_record_their_minimum_lengths(database: Database) -> None:
    builder = DatasetBuilder()
    found = builder.build_from_distillation(domain="mail")
    valid = builder.validate_examples(found, min_prompt_length=5, min_response_length=6)["valid_examples"]
    recipe = recorded(database, builder.save_dataset(valid, "valid"))
    assert (recipe["source"], recipe["domain"], recipe["found"], recipe["saved"]) == ("distillation", "mail", 12, 12)
    assert recipe["derived"] == [{"operation": "validate", "min_prompt_length": 5, "min_response_length": 6}]


def test_save_dataset_split_records_side_ratio_and_seed(database: Database) -> None:
    builder = DatasetBuilder()
    sides = builder.split_train_test(builder.build_from_distillation(domain="mail"), 0.75, seed=7)
    for side, name in zip(sides, ("train", "test"), strict=True):
        recipe = recorded(database, builder.save_dataset(side, name))
        assert (recipe["source"], recipe["domain"], recipe["found"]) == ("distillation", "mail", COUNT)
        assert recipe["derived"] == [{"operation": "split", "side": name, "train_ratio": 0.75, "seed": 7}]
        assert recipe["saved"] == len(side)
    plain, _ = builder.split_train_test([dict(example) for example in sides[0]])
    assert recorded(database, builder.save_dataset(plain, "plain"))["source"] == "given"


def test_save_dataset_slice_records_its_source(database: Database) -> None:
    builder = DatasetBuilder()
    found = builder.build_from_distillation(domain="mail")
    recipe = recorded(database, builder.save_dataset(found[2:10][:5], "few"))
    assert (recipe["source"], recipe["saved"]) == ("distillation", 5)
    assert recipe["derived"] == [{"operation": "slice", "rows": rows} for rows in ("2:10", "0:5")]
    backwards = builder.save_dataset(found[::-1], "backwards")
    assert recorded(database, backwards)["derived"] == [{"operation": "slice", "rows": f"{COUNT - 1}::-1"}]
    assert found[0]["domain"] == "mail"
    assert found[:] == found


def test_examples_copied_keep_their_recipe(database: Database) -> None:
    found = DatasetBuilder().build_from_distillation(domain="mail")
    copies = (copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found)), found.copy())
    for number, each in enumerate(copies):
        assert each == found
        path = DatasetBuilder().save_dataset(each, f"copy{number}")
        assert recorded(database, path)["domain"] == "mail"


def test_prepare_fine_tuning_dataset_records_its_filters(database: Database) -> None:
    recipe = recorded(database, prepare_fine_tuning_dataset(domain="chat", min_rating=3))
    assert (recipe["source"], recipe["domain"], recipe["min_rating"]) == ("distillation", "chat", 3)


def test_auto_pipeline_records_the_recipe_of_both_sides(database: Database) -> None:
    plan = pipeline.Plan("smollm2-135m-instruct", "priced", domain="mail", n_epochs=1)
    run = pipeline.Pipeline(
        open_workspace(),
        plan,
        on_message=lambda _: None,
        wait_for_job=lambda tuner, job_id: {**tuner.get_job_status(job_id), "status": "failed"},
    )
    with pytest.raises(TrainingError):
        run.run()
    with database.read() as tx:
        found = {each["name"]: each["recipe"] for each in datasets.newest(tx, 10)}
    assert {name: recipe["derived"][-1]["side"] for name, recipe in found.items()} == {
        "priced_train": "train",
        "priced_validation": "test",
    }
    assert {recipe["domain"] for recipe in found.values()} == {"mail"}
