"""The bake-off: what is compared with what, what it finds, and that its winner answers."""

from __future__ import annotations

import json
import random
from math import isnan
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

pytest.importorskip("sklearn", reason="the extra `candidates` is not installed")
from fine_tuning import LLMService, ModelRegistry
from fine_tuning.candidates.candidate import LabelledCall, Request
from fine_tuning.candidates.cascade import Cascade
from fine_tuning.candidates.few_shot import SHOTS, TRIED_ON
from fine_tuning.candidates.head_candidate import HeadCandidate
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.serving.instructions import Instructions
from fine_tuning.serving.model_resolution import LOCAL
from fine_tuning.serving.part_model import PartModel
from fine_tuning.settings import get_settings
from fine_tuning.store import bakeoffs
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.bakeoff import bakeoff_data
from fine_tuning.workflows.bakeoff.bakeoff_plan import BakeoffPlan
from fine_tuning.workflows.bakeoff.bakeoff_result import break_even, median
from fine_tuning.workflows.bakeoff.register_winner import register_winner
from fine_tuning.workflows.bakeoff.run_bakeoff import BakeoffOutcome
from tests import wire
from tests.server.conftest import listening

SAID = {
    "refund": ["money back for {}", "refund {} please", "i want my money for {} back"],
    "track": ["where is {}", "has {} been sent", "when does {} come"],
    "broken": ["{} came broken", "the lid of {} is cracked", "{} does not work"],
}


@pytest.fixture(autouse=True)
def _priced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINE_TUNING_MACHINE_USD_PER_HOUR", "0.1")


@pytest.fixture
def big(host: wire.Host, monkeypatch: pytest.MonkeyPatch) -> wire.Host:
    """The host of the models that are asked: `big` and `small` have a price, others none."""
    prices = {"big": {"input": 2.0, "output": 8.0}, "small": {"input": 0.1, "output": 0.4}}
    monkeypatch.setenv("FINE_TUNING_PRICES", json.dumps(prices))
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    return host


def intent_of(question: str) -> str:
    """The intent one of whose forms a question has."""
    parts = {name: [form.split("{}") for form in forms] for name, forms in SAID.items()}
    return next(name for name, forms in parts.items() if any(all(p in question for p in form) for form in forms))


def tickets(path: Path, count: int, model: str = "gpt-4o", **more: Any) -> Path:
    """Calls of distinct questions, answered rightly."""
    rng = random.Random(2)
    with path.open("w") as out:
        for at in range(count):
            intent = rng.choice(sorted(SAID))
            question = rng.choice(SAID[intent]).format(f"order {10_000 + 7 * at}")
            out.write(
                json.dumps({"prompt": question, "response": intent, "model_used": model, "rating": 5, **more}) + "\n"
            )
    return path


def asked_host(host: wire.Host, wrong: float) -> None:
    """A host whose model answers with the intent, and with another one for a share of the questions."""

    def answer(request: wire.Request) -> Any:
        question = request.body["messages"][-1]["content"]
        right = intent_of(question)
        is_wrong = random.Random(question).random() < wrong
        text = next(each for each in SAID if each != right) if is_wrong else right
        return 200, wire.completion(text, request.body["model"])

    host.answers["POST /chat/completions"] = answer


def test_cheapest_not_worse_is_registered_and_answers_everywhere(cli: Any, tmp_path: Path) -> None:
    file = tickets(tmp_path / "calls.jsonl", 400)
    page = tmp_path / "page.html"
    code, out, err = cli(
        "bakeoff", str(file), "--incumbent", "gpt-4o", "--margin", "0.05", "--register", "triage", "--html", str(page)
    )
    assert code == 0, err
    assert "scores are agreement with it" in " ".join(out.split())
    assert "the cheapest that is not worse than gpt-4o by 0.05 is head: TF-IDF" in out
    assert "registered triage v1" in out
    assert page.read_text().count("<svg") == 1
    assert cli("deploy", "triage", "1")[0] == 0
    assert f"bake-off 1 on {file}: head: TF-IDF" in " ".join(cli("lineage", "triage")[1].split())
    code, _, err = cli("export", "triage", "--to", "gguf")
    assert (code, "is a classifier head, no network: export it with --to safetensors" in err) == (2, True)
    assert cli("export", "triage", "--to", "safetensors", "--output", str(tmp_path / "out"))[0] == 0
    assert cli("import-model", "again", str(tmp_path / "out"))[0] == 0
    assert LLMService(model="again-v1").complete("refund order 7 please")["content"] == "refund"
    assert cli("doctor")[0] == 0

    answer = LLMService(model="triage").complete("the lid of order 5 is cracked")
    assert (answer["content"], answer["version"], answer["provider"]) == ("broken", 1, "local")
    assert answer["cost"] is not None
    assert answer["cost"] < 1e-5
    with listening(ServerConfig()) as address, OpenAI(base_url=address, api_key="any", max_retries=0) as client:
        messages: Any = [{"role": "user", "content": "has order 12 been sent"}]
        reply = client.chat.completions.create(model="triage", messages=messages)
        assert reply.choices[0].message.content == "track"
        pieces = client.chat.completions.create(model="triage", messages=messages, stream=True)
        assert "".join(each.choices[0].delta.content or "" for each in pieces if each.choices) == "track"


def test_incumbent_that_is_asked_has_its_price_and_its_mistakes(cli: Any, tmp_path: Path, big: wire.Host) -> None:
    asked_host(big, 0.3)
    file = tickets(tmp_path / "calls.jsonl", 260, "human")
    code, out, err = cli("bakeoff", str(file), "--incumbent", "big", "--model", "cheap", "--json")
    assert code == 0, err
    found = json.loads(out)
    by_name = {each["name"]: each for each in found["results"]}
    assert not found["is_agreement"]
    assert 0.6 < by_name["big"]["quality"]["value"] < 0.8
    assert by_name["big"]["cost_per_call"]["value"] > 0
    assert by_name["cheap"]["cost_per_call"]["value"] is None  # unknown is never the cheapest
    assert by_name["cheap"]["difference"]["value"] == 0
    assert found["winner"].startswith("head: TF-IDF")
    assert by_name[found["winner"]]["difference"]["low"] > 0
    assert by_name[found["winner"]]["break_even_calls"] > 0
    assert by_name[found["winner"]]["break_even"].rpartition(" ")[2] in {"call", "calls"}
    assert by_name[found["incumbent"]]["break_even"] == ""
    asked = len(big.requests)
    again = json.loads(cli("bakeoff", str(file), "--incumbent", "big", "--model", "cheap", "--json")[1])
    assert len(big.requests) - asked <= 8  # a question of each part, to see whether the model is still the same one
    assert (found["looks"], again["looks"]) == (0, 1)
    assert any("this test part was looked at once before" in note for note in again["notes"])
    other = json.loads(cli("bakeoff", str(file), "--incumbent", "big", "--model", "cheap", "--json", "--seed", "7")[1])
    assert other["looks"] == 2  # another draw of the same calls tests on some that were seen
    assert any("of the test calls were looked at 2 times before" in note for note in other["notes"])


def test_cascade_asks_the_incumbent_where_the_head_is_not_sure(cli: Any, tmp_path: Path, big: wire.Host) -> None:
    file = tickets(tmp_path / "calls.jsonl", 600, "human")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for at, line in enumerate(lines):
        if at % 4 == 0:  # what only the big model can know
            line["prompt"] = f"riddle {at} {line['prompt'][::-1]}"
            line["response"] = random.Random(at).choice(sorted(SAID))
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    known = {line["prompt"]: line["response"] for line in lines}
    big.answers["POST /chat/completions"] = lambda request: (
        200,
        wire.completion(known.get(request.body["messages"][-1]["content"], "track"), request.body["model"]),
    )
    code, out, err = cli("bakeoff", str(file), "--incumbent", "big", "--margin", "0.12", "--register", "mix", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["winner"].startswith("cascade over head")
    answers = found["parts"]["validation"] + found["parts"]["test"]  # those in the cascade are the incumbent's again
    assert found["spent"] == pytest.approx(answers * found["results"][0]["cost_per_call"]["value"])
    assert len(big.requests) == answers
    result = next(each for each in found["results"] if each["name"] == found["winner"])
    heads = [each for each in found["results"] if each["name"].startswith("head")]
    assert not any(each["not_worse"] for each in heads)
    assert result["quality"]["value"] > max(each["quality"]["value"] for each in heads)
    cli("deploy", "mix", "1")
    before = len(big.requests)
    service = LLMService(model="mix")
    sure = service.complete("refund order 31 please")
    assert (sure["content"], len(big.requests)) == ("refund", before)
    unsure = service.complete("quokka wombat numbat")
    assert len(big.requests) == before + 1
    assert unsure["cost"] > sure["cost"]  # at the price of the model that answered
    service.close()


def test_cascade_of_two_heads_is_one_version_with_both(cli: Any, tmp_path: Path) -> None:
    calls = labelled(tickets(tmp_path / "calls.jsonl", 600))
    train, valid = calls[:400], calls[400:]
    heads = [HeadCandidate(None, 1.0), HeadCandidate("wordllama", 1.0)]
    for head, rows in zip(heads, (train[:20], train), strict=True):  # the fast one has seen little
        head.fit(rows, valid)
    cascade = Cascade(*heads, lambda text, reference: float(text == reference), 0.02)
    cascade.fit(train, valid)
    requests = [each.request for each in valid]
    found, first, second = cascade.answer(requests), heads[0].validated_answers(requests), heads[1].answer(requests)
    is_sure = [(each.confidence or 0.0) >= cascade.threshold for each in first]
    assert 0 < sum(is_sure) < len(valid)
    expected = [mine if sure else other for mine, other, sure in zip(first, second, is_sure, strict=True)]
    assert [each.text for each in found] == [each.text for each in expected]
    assert cascade.investment() == sum(head.investment() or 0.0 for head in heads)

    workspace = open_workspace()
    result: Any = {"name": cascade.name, "quality": {"value": 0.9}, "investment": 0.0}
    fitted = {cascade.name: cascade}
    outcome = BakeoffOutcome(1, "gpt-4o", False, [result], {}, cascade.name, 0, {"train": 400}, [], fitted)
    register_winner(workspace, outcome, "fast")
    assert cli("deploy", "fast", "1")[0] == 0
    assert LLMService(model="fast").complete("refund order 31 please")["content"] == "refund"
    assert cli("export", "fast", "--to", "safetensors", "--output", str(tmp_path / "out"))[0] == 0
    assert cli("import-model", "again", str(tmp_path / "out"))[0] == 0
    service = LLMService(model="again-v1")
    answers = [service.complete(str(each.messages[-1]["content"]))["content"] for each in requests[:40]]
    assert answers == [each.text for each in found[:40]]
    (tmp_path / "out" / "second" / "head.safetensors").write_bytes(b"damaged")
    code, _, err = cli("import-model", "broken", str(tmp_path / "out"))
    assert (code, err.count("\n")) == (1, 1)


def labelled(file: Path) -> list[LabelledCall]:
    rows = map(json.loads, file.read_text().splitlines())
    return [LabelledCall(Request([{"role": "user", "content": row["prompt"]}]), row["response"]) for row in rows]


def test_examples_are_put_before_the_question_and_answer_by_the_registered_name(
    cli: Any, tmp_path: Path, big: wire.Host
) -> None:
    def answer(request: wire.Request) -> Any:
        """A model that says what was answered to the nearest example, and nothing of its own."""
        turns = [each for each in request.body["messages"] if each["role"] == "assistant"]
        return 200, wire.completion(turns[-1]["content"] if turns else "?", request.body["model"])

    big.answers["POST /chat/completions"] = answer
    file = tickets(tmp_path / "calls.jsonl", 240, "big")
    arguments = ["--incumbent", "big", "--model", "small", "--few-shot", "small", "--no-heads", "--margin", "0.2"]
    code, out, err = cli("bakeoff", str(file), *arguments, "--register", "shots", "--json")
    assert code == 0, err
    found = json.loads(out)
    by_name = {each["name"]: each["quality"]["value"] for each in found["results"]}
    assert by_name["small"] == 0
    assert by_name["few-shot: small"] > 0.9
    assert found["winner"] == "few-shot: small"
    result = next(each for each in found["results"] if each["name"] == found["winner"])
    tuning = len(SHOTS) * min(TRIED_ON, found["parts"]["validation"]) * result["cost_per_call"]["value"]
    assert result["investment"] == pytest.approx(tuning)  # the choice of their number was paid, too
    cli("deploy", "shots", "1")
    with_service = LLMService(model="shots")
    reply = with_service.complete("the lid of order 10007 is cracked")
    assert (reply["content"], reply["model"]) == ("broken", "shots")
    sent = big.requests[-1].body
    assert sent["model"] == "small"
    assert [each["role"] for each in sent["messages"][-3:]] == ["user", "assistant", "user"]
    assert reply["cost"] == pytest.approx((10 * 0.1 + 2 * 0.4) / 1e6, rel=1)
    with_service.close()


def test_free_text_says_why_nothing_could_be_measured(cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    rows = [
        {"prompt": f"tell me of {at}", "response": f"a story, number {at * 13}, of {at} words"} for at in range(120)
    ]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    code, out, err = cli("bakeoff", str(file))
    assert (code, out) == (1, "")
    assert "no candidate could be measured" in err
    assert "is free text" in err
    assert "Traceback" not in err


def test_parts_share_no_conversation_and_no_question(tmp_path: Path) -> None:
    file = tickets(tmp_path / "calls.jsonl", 200)
    file.write_text(file.read_text() * 2)  # each question twice
    data = bakeoff_data.read(open_workspace(), str(file), BakeoffPlan())
    parts = [
        {row.call.request.messages[-1]["content"] for row in part} for part in (data.train, data.validation, data.test)
    ]
    assert all(parts)
    assert not parts[0] & parts[1]
    assert not parts[2] & (parts[0] | parts[1])
    assert sum(map(len, (data.train, data.validation, data.test))) == 400
    assert len(data.test) == pytest.approx(100, abs=4)


def test_badly_rated_answers_are_no_references(cli: Any, tmp_path: Path) -> None:
    good, bad = tickets(tmp_path / "good.jsonl", 200), tickets(tmp_path / "bad.jsonl", 50, rating=1)
    good.write_text(good.read_text() + bad.read_text().replace("order ", "parcel "))
    out = json.loads(cli("bakeoff", str(good), "--json")[1])
    assert sum(out["parts"].values()) == 200
    assert any("50 calls were left out" in note for note in out["notes"])
    with open_workspace().database.read() as tx:
        (stored,) = bakeoffs.newest(tx, 5)
    assert (stored["id"], stored["winner"]) == (out["id"], out["winner"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--metric", "bleu"], "does not score single answers"),
        (["--margin", "1"], "margin must be below 1"),
        (["--no-heads"], "name at least one candidate"),
        (["--few-shot", "small", "--few-shot", "small"], "small is named twice"),
        (["--model", "small", "--incumbent", "small"], "small is the incumbent"),
        (["--register", " "], "register must be non-empty"),
        (["--embedding", "/nowhere"], "no candidate could be measured"),
        (["--prompt-file", "small"], "MODEL=FILE"),
        (["--prompt-file", "small=/nowhere"], "no such file: /nowhere"),
    ],
)
def test_wrong_choices_are_one_line(cli: Any, tmp_path: Path, arguments: list[str], expected: str) -> None:
    file = tickets(tmp_path / "calls.jsonl", 120)
    code, _, err = cli("bakeoff", str(file), *arguments)
    assert code in (1, 2)
    assert expected in err
    assert "Traceback" not in err


def test_figures_by_hand() -> None:
    assert break_even(10.0, 0.02, 0.01) == pytest.approx(1000)
    assert break_even(10.0, 0.01, 0.02) == float("inf")
    assert isnan(break_even(10.0, float("nan"), 0.01))
    found = median([float(each) for each in range(1, 101)])
    assert (found["value"], found["low"], found["high"]) == (50.5, 40.0, 61.0)
    assert get_settings().machine_usd_per_hour == 0.1


def test_prompt_that_is_improved_wins_is_registered_and_answers(cli: Any, tmp_path: Path, big: wire.Host) -> None:
    told = f"Answer with one of: {', '.join(sorted(SAID))}"

    def answer(request: wire.Request) -> Any:
        messages = request.body["messages"]
        if request.body["model"] == "big" and "expected answer is" in messages[-1]["content"]:
            return 200, wire.completion(f"Here is a better one:\n```\n{told}\n```", "big")
        knows = request.body["model"] == "big" or messages[0]["content"] == told
        text = intent_of(messages[-1]["content"])
        return 200, wire.completion(text if knows else f"I think it is {text}", request.body["model"])

    big.answers["POST /chat/completions"] = answer
    file = tickets(tmp_path / "calls.jsonl", 260, "human")
    options = ("--incumbent", "big", "--no-heads", "--prompt", "small", "--prompt-writer", "big", "--margin", "0.1")
    code, out, err = cli("bakeoff", str(file), *options, "--prompt-calls", "80", "--register", "triage", "--json")
    assert code == 0, err
    found = json.loads(out)
    by_name = {each["name"]: each for each in found["results"]}
    assert found["winner"] == "prompt: small"
    assert by_name["prompt: small"]["quality"]["value"] == 1
    assert by_name["prompt: small"]["investment"] > 80 / 2 * by_name["prompt: small"]["cost_per_call"]["value"]
    asked = [each.body for each in big.asked("POST /chat/completions") if each.body["model"] == "small"]
    assert len(asked) <= 80 + found["parts"]["validation"] + found["parts"]["test"] + 30  # GEPA ends a round it began

    assert cli("deploy", "triage", "1")[0] == 0
    reply = LLMService(model="triage").complete("refund order 7 please", system_prompt="Chat.")
    assert (reply["content"], reply["cost"]) == ("refund", pytest.approx((5 * 0.1 + 3 * 0.4) / 1e6))
    assert cli("export", "triage", "--to", "safetensors", "--output", str(tmp_path / "out"))[0] == 0
    assert (tmp_path / "out" / "prompt.txt").read_text() == told
    assert cli("import-model", "again", str(tmp_path / "out"))[0] == 0
    assert LLMService(model="again-v1").complete("the lid of order 5 is cracked")["content"] == "broken"


def test_prompt_of_a_file_wins_is_registered_and_answers(cli: Any, tmp_path: Path, big: wire.Host) -> None:
    def answer(request: wire.Request) -> Any:
        messages = request.body["messages"]
        knows = request.body["model"] == "big" or messages[0]["content"] == "One word."
        text = intent_of(messages[-1]["content"])
        return 200, wire.completion(text if knows else f"I think it is {text}", request.body["model"])

    big.answers["POST /chat/completions"] = answer
    (tmp_path / "one-word.txt").write_text("One word.")
    file, candidate = tickets(tmp_path / "calls.jsonl", 200, "human"), f"small={tmp_path / 'one-word.txt'}"
    options = ("--incumbent", "big", "--no-heads", "--model", "small", "--prompt-file", candidate, "--margin", "0.1")
    code, out, err = cli("bakeoff", str(file), *options, "--register", "triage", "--json")
    assert code == 0, err
    assert {each["name"]: each["quality"]["value"] for each in json.loads(out)["results"]} == {
        "big": 1,
        "small": 0,
        f"prompt: {candidate}": 1,
    }
    assert cli("deploy", "triage", "1")[0] == 0
    assert LLMService(model="triage").complete("refund order 7 please", system_prompt="Chat.")["content"] == "refund"


def test_given_parts_that_share_calls_judge_by_none_that_was_learnt(cli: Any, tmp_path: Path) -> None:
    rng = random.Random(1)
    intents = sorted(SAID)
    rows = [json.dumps({"prompt": f"word{at * 37}", "response": rng.choice(intents)}) for at in range(120)]
    folder = tmp_path / "given"
    folder.mkdir()
    for part, chosen in {"train": rows, "validation": rows[50:80], "test": rows[:60]}.items():
        (folder / f"{part}.jsonl").write_text("\n".join(chosen))
    data = bakeoff_data.read(open_workspace(), str(folder), BakeoffPlan())
    assert (len(data.train), len(data.validation), len(data.test), data.leaked) == (40, 20, 60, 90)
    code, out, err = cli("bakeoff", str(folder), "--embedding", "none", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["results"][0]["quality"]["value"] < 0.6, "what was learnt by heart flatters"
    assert any("90 calls were left out: their conversations are in" in note for note in found["notes"])


def test_agreement_is_with_each_answer_of_the_incumbent_and_with_no_other(cli: Any, tmp_path: Path) -> None:
    rows = [
        {"prompt": f"where is order {at // 2}", "response": ("track", "refund")[at % 2], "model_used": "gpt-4o"}
        for at in range(160)
    ]
    rows += [{"prompt": f"order {at} again", "response": "broken", "model_used": "human"} for at in range(80)]
    file = tmp_path / "calls.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    code, out, err = cli("bakeoff", str(file), "--incumbent", "gpt-4o", "--embedding", "none", "--json")
    assert code == 0, err
    found = json.loads(out)
    by_name = {each["name"]: each["quality"]["value"] for each in found["results"]}
    assert found["is_agreement"]
    assert by_name["gpt-4o"] == 1, "the same question, answered twice in two ways, is answered by itself both times"
    assert by_name["head: TF-IDF"] == pytest.approx(0.5, abs=0.02), "what people answered is not its answer"
    assert any("and their answers are of others" in note for note in found["notes"])


def test_budget_holds_where_a_host_reports_no_usage(cli: Any, tmp_path: Path, big: wire.Host) -> None:
    def answer(request: wire.Request) -> Any:
        return 200, {**wire.completion("track", request.body["model"]), "usage": None}

    big.answers["POST /chat/completions"] = answer
    file = tickets(tmp_path / "calls.jsonl", 80, "human")
    most = 32 * 256 * 8.0 / 1e6  # of the test and validation calls of one candidate, their answers alone
    arguments = ["--no-heads", "--model", "big", "--few-shot", "big", "--budget", str(1.3 * most)]
    code, out, err = cli("bakeoff", str(file), *arguments, "--json")
    assert code == 0, err
    assert "the budget has" in json.loads(out)["not_applicable"]["few-shot: big"]
    assert len(big.requests) <= 33  # one to see whether the model is still the same


def prompted(name: str, provider: str) -> None:
    """A registered prompt of the model `big` of a host."""
    workspace = open_workspace()
    folder = workspace.folder("artifacts") / "prompt-of-a-test"
    Instructions("Answer with the intent.", PartModel(provider, "big")).save(folder)
    registry = ModelRegistry(workspace=workspace)
    registry.register_model(name, "big", "job", 1, provider=LOCAL, provider_model=str(folder))
    registry.set_model_status(name, "DEPLOYED")


def test_budget_holds_for_a_registered_prompt_that_a_host_answers(cli: Any, tmp_path: Path, big: wire.Host) -> None:
    asked_host(big, 0.0)
    prompted("triage", big.url)
    file = tickets(tmp_path / "calls.jsonl", 80, "human")
    code, _, err = cli("bakeoff", str(file), "--no-heads", "--model", "triage", "--budget", "0.001")
    assert code == 1
    assert "the budget has $0.001 left" in err
    assert not big.requests


def test_registered_prompt_of_a_host_as_teacher_pays_nothing_twice(cli: Any, tmp_path: Path, big: wire.Host) -> None:
    def broken(_: wire.Request) -> Any:
        return 504, {"error": {"message": "upstream timed out"}}

    big.answers["POST /chat/completions"] = broken
    prompted("triage", big.url)
    (tmp_path / "p.txt").write_text("where is order 1\n")
    for _ in range(2):
        code, out, err = cli("label", str(tmp_path / "p.txt"), "--teacher", "triage", "--json", "--budget", "1")
        assert (code, json.loads(out)["unknown"]) == (1, 1), err
        assert len(big.requests) == 1
    assert json.loads(out)["spent"] > 0


def test_report_that_cannot_be_written_costs_nobody_the_result(cli: Any, tmp_path: Path) -> None:
    file = tickets(tmp_path / "calls.jsonl", 100)
    (tmp_path / "taken").write_text("a file")
    arguments = ("--incumbent", "gpt-4o", "--embedding", "none", "--margin", "0.5", "--register", "my triage")
    code, out, err = cli("bakeoff", str(file), *arguments, "--html", str(tmp_path / "taken" / "report.html"))
    assert code == 1
    assert "the cheapest that is not worse" in out
    assert "ft-cli deploy 'my triage' 1" in out
    assert "cannot create folder" in err.splitlines()[-1]
    assert "Traceback" not in err
