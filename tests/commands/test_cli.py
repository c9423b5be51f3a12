"""Every command, as a person types it: what it prints, what it stores, what it exits with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from fine_tuning.cli import app
from fine_tuning.commands import output
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.store.database import Database
from tests.small_disks import remount, small_disk

LISTED = """prepare-dataset create-openai-job check-job-status create-ollama-script evaluate-model setup-ab-test
    register-model list-models rollback-model cost-summary auto-pipeline help""".split()


def commands(group: Any, prefix: str = "") -> dict[str, Any]:
    found = {}
    for name, command in getattr(group, "commands", {}).items():
        nested = commands(command, f"{prefix}{name} ")
        found |= nested or {f"{prefix}{name}": command}
    return found


def test_help_every_documented_command_exists_and_has_help(cli: Any) -> None:
    known = commands(typer.main.get_command(app))
    assert set(LISTED) <= set(known)
    for name, command in known.items():
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"
    assert cli("help")[0] == 0
    assert "auto-pipeline" in cli("help")[1]


def test_print_table_many_rows_prints_all(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(
        "Models",
        ["Model", "Days left#"],
        [("m" * (number % 9), None if number % 2 else number) for number in range(2000)],
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["Models", "Model     Days left", "                  0"]
    assert (len(lines), lines[-1]) == (2002, "m                 -")


def test_reading_commands_have_json_option() -> None:
    known = commands(typer.main.get_command(app))
    reading = [name for name in known if name.split()[-1] in {"list", "show", "stats", "events", "history", "roi"}]
    for name in [*reading, "list-models", "cost-summary", "check-job-status", "evaluate-model"]:
        assert any("--json" in parameter.opts for parameter in known[name].params), name


def test_run_unknown_command_exits_2(cli: Any) -> None:
    code, _, err = cli("lst-models")
    assert code == 2
    assert "lst-models" in err


def test_registry_commands_register_list_deploy_and_roll_back(cli: Any, database: Database) -> None:
    for accuracy in ("0.9", "0.95"):
        code, out, _ = cli("register-model", "m", "base", "ftjob-1", "500", "--accuracy", accuracy, "--cost", "50.0")
        assert code == 0
    assert out.strip() == "registered m v2 (READY)"
    assert cli("deploy", "m")[1].strip() == "deployed m v2"
    assert cli("rollback-model", "m", "1")[1].strip() == "rolled back m to v1"
    records = json.loads(cli("list-models", "--json")[1])
    assert [(r["version"], r["status"], r["accuracy"]) for r in records] == [
        (1, "DEPLOYED", 0.9),
        (2, "ARCHIVED", 0.95),
    ]
    table = cli("list-models")[1]
    assert "DEPLOYED" in table
    assert "95.0 %" in table
    history = json.loads(cli("history", "m", "--json")[1])
    assert [change["after"] for change in history] == ["READY", "READY", "DEPLOYED", "ARCHIVED", "DEPLOYED"]


def test_prepare_dataset_writes_file(
    cli: Any, examples: list[dict[str, Any]], workspace: Path, database: Database
) -> None:
    for example in examples:
        DistillationDataCollector().capture_success(**example)
    argv = ("--format", "alpaca", "--min-rating", "5", "--domain", "support", "--task-type", "answer", "--output", "d")
    code, out, _ = cli("prepare-dataset", *argv, "--json")
    facts = json.loads(out)
    assert (code, facts["rows"], facts["path"]) == (0, 5, str(workspace / "datasets" / "d.json"))
    assert "5 (of 5 found" in cli("prepare-dataset", *argv)[1]


def test_capture_import_adds_calls(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "calls.jsonl").write_text('{"prompt": "a question", "response": "an answer"}\nbroken\n')
    code, out, _ = cli("capture", "import", "calls.jsonl")
    assert code == 0
    assert "line 2: not JSON" in out
    assert json.loads(cli("capture", "stats", "--json")[1])["teacher_examples"] == 1


def test_evaluate_model_scores_predictions_of_file(cli: Any, tmp_path: Path, database: Database) -> None:
    rows = [
        {"prediction": "a", "reference": "a", "latency_ms": 5},
        {"prediction": "b", "reference": "c", "latency_ms": 7},
    ]
    (tmp_path / "test.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    code, out, _ = cli("evaluate-model", "m", "base", "test.jsonl", "--cost", "0.001", "--json")
    result = json.loads(out)
    assert (code, result["accuracy"], result["avg_latency_ms"], result["cost_per_inference"]) == (0, 0.5, 6, 0.001)
    assert "50.0 %" in cli("evaluate-model", "m", "base", "test.jsonl")[1]
    assert cli("evaluate-model", "m", "other", "test.jsonl")[0] == 2


def test_ab_commands_set_up_show_and_conclude(cli: Any, database: Database) -> None:
    assert cli("setup-ab-test", "t", "old", "new")[0] == 0
    assert "TIE: no samples for old yet" in cli("ab", "show", "t")[1].replace("\n", " ")
    assert json.loads(cli("ab", "list", "--json")[1])["t"]["status"] == "running"
    code, _, err = cli("ab", "conclude", "t", "--json")
    assert (code, "t is not concluded: old has no samples; --even-empty concludes it" in err) == (1, True)
    assert json.loads(cli("ab", "conclude", "t", "--even-empty", "--json")[1])["recommendation"].startswith("TIE")


def test_cost_summary_sums_by_model(cli: Any, database: Database) -> None:
    from fine_tuning import CostTracker

    CostTracker().record_training_job("j", "m", "b", 5, 1000, 12.5)
    CostTracker().record_inference("m", 10, None, is_fine_tuned=True)
    out = cli("cost-summary")[1]
    assert "$12.50" in out
    assert "1 events have no known price" in out
    assert json.loads(cli("cost-summary", "--json")[1])["unpriced_events"] == 1
    assert json.loads(cli("roi", "m", "0.01", "1000", "--json")[1])["roi_at_expected"] is None


def test_create_ollama_script_writes_script(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text('[{"instruction": "q", "input": "", "output": "a"}]')
    code, out, _ = cli("create-ollama-script", "llama2", "dataset.json", "my-finetuned-llama")
    assert code == 0
    script = Path(out.splitlines()[0])
    compile(script.read_text(), str(script), "exec")


BAD = [
    (("register-model", "m", "b", "j", "many"), 2, "valid integer"),
    (("register-model", "m", "b", "j", "5", "--accuracy", "7"), 2, "accuracy must be between 0 and 1, not 7.0"),
    (("register-model", "m", "b", "j", "-5"), 2, "-5"),
    (("rollback-model", "m", "1"), 1, "no model m is registered; registered: none yet"),
    (("history", "m"), 1, "no model m is registered"),
    (("deploy", "m"), 1, "no model m is registered"),
    (("prepare-dataset", "--min-rating", "9"), 2, "rating must be a whole number from 1 to 5, not 9"),
    (("prepare-dataset", "--format", "parquet"), 2, "parquet"),
    (
        ("prepare-dataset",),
        1,
        "no valid training examples with rating >= 4, domain any, task type any: none is captured",
    ),
    (("capture", "import", "nowhere.jsonl"), 1, "no such file: nowhere.jsonl"),
    (("create-openai-job", "gpt-3.5-turbo", "nowhere.jsonl"), 1, "no dataset file nowhere.jsonl"),
    (("check-job-status", "ftjob-abc123"), 1, "set OPENAI_API_KEY"),
    (("create-ollama-script", "llama2", "nowhere.json", "x"), 1, "no dataset file nowhere.json"),
    (("evaluate-model", "m", "base", "nowhere.jsonl"), 1, "no such file: nowhere.jsonl"),
    (("evaluate-model", "m", "base", "empty.jsonl"), 1, "empty.jsonl is empty"),
    (("evaluate-model", "m", "base", "broken.jsonl"), 1, "broken.jsonl, line 2: not JSON"),
    (("evaluate-model", "m", "base", "."), 1, "cannot read .: Is a directory"),
    (("ab", "show", "t"), 1, "no test t; known tests: none"),
    (("train", "nowhere.jsonl"), 1, "no dataset file nowhere.jsonl"),
    (("train", "good.jsonl", "--model", "smollm3-135m"), 1, "did you mean smollm2-135m-instruct?"),
    (("auto-pipeline", "smollm2-135m-instruct"), 1, "at least 10 are needed"),
    (("models", "pull", "nothing"), 1, "no base model 'nothing'"),
    (("roi", "m", "-1", "10"), 2, "-1"),
    (("jobs", "cancel", "ftjob-1"), 1, "no job ftjob-1 in this workspace, and no host to look it up"),
    (("register-model", "m", "b", "j", "99999999999999999999"), 2, "dataset_size is too large"),
    (("register-model", "m", "b", "j", "5", "--cost", "-1"), 2, "cost must be a number of 0 or more, not -1.0"),
    (("register-model", "m", "b", "j", "5", "--provider", "http://h/v1"), 2, "give both or neither"),
    (("register-model", "two\nlines", "b", "j", "5"), 2, "model_name must be one line of text"),
    (("register-model", "m" * 201, "b", "j", "5"), 2, "model_name has 201 characters; up to 200 are kept"),
    (("rollback-model", "m", "99999999999999999999"), 2, "target_version is too large"),
    (("jobs", "list", "--limit", "0"), 2, "limit must be a whole number of 1 or more, not 0"),
    (("jobs", "list", "--limit", "99999999999999999999"), 2, "limit is too large"),
    (("prepare-dataset", "--output", "."), 1, "no valid training examples"),
    (("create-ollama-script", "llama2", "empty.jsonl", "x"), 1, "empty.jsonl is empty"),
    (("create-ollama-script", "llama2", "list.jsonl", "x"), 1, "list.jsonl, row 1: input must be text"),
    (("create-ollama-script", "llama2", "good.jsonl", "x", "--batch-size", "0"), 2, "batch_size must be"),
    (("evaluate-model", "m", "base", "list.jsonl"), 1, "list.jsonl, row 1: input must be text, not an array"),
    (("evaluate-model", "m", "base", "odd.jsonl"), 1, "odd.jsonl, row 1: messages must be a list of objects"),
    (("evaluate-model", "m", "base", "costs.jsonl"), 1, "costs.jsonl, row 1: cost must be a number of 0 or more"),
    (("evaluate-model", "m", "base", "good.jsonl", "--max-tokens", "0"), 2, "max_tokens must be"),
    (("evaluate-model", "m", "base", "good.jsonl", "--cost", "-1"), 2, "--cost must be a number of 0 or more"),
    (("evaluate-model", " ", "base", "good.jsonl"), 2, "model must be non-empty text"),
    (("train", "good.jsonl", "--epochs", "0"), 2, "n_epochs must be a whole number of 1 or more, not 0"),
    (("train", "good.jsonl", "--max-steps", "0"), 2, "max_steps = 0"),
    (("train", "good.jsonl", "--validation-file", "nowhere.jsonl"), 1, "no dataset file nowhere.jsonl"),
    (("train", "good.jsonl", "--model", "."), 1, "is not a model folder"),
    (("train",), 2, "Missing argument 'file'; ft-cli train --help shows the usage"),
    (("cost-summary", "--by", "foo"), 2, "ft-cli: Invalid value for '--by': 'foo' is not one of 'model', 'day'"),
    (("ab", "plan", "--rate-a", "x", "--rate-b", "1"), 2, "Invalid value for '--rate-a': not a valid number; ft-cli"),
    (("lst-models",), 2, "No such command 'lst-models'"),
    (("capture", "import", "empty.jsonl"), 1, "empty.jsonl: the file is empty"),
    (("capture", "import", "unusable.jsonl"), 1, "unusable.jsonl: no usable row"),
    (("train", "broken.jsonl"), 1, "broken.jsonl, line 2: not JSON"),
    (("train", "unusable.jsonl"), 1, "unusable.jsonl, line 1: messages is missing or not a list"),
    (("evaluate-model", "m", "base", "good.jsonl"), 1, "no model m in this workspace, and no host to call"),
    (("demo", "--model", "nothing"), 1, "no base model 'nothing'"),
]


@pytest.mark.parametrize(("argv", "code", "message"), BAD, ids=[" ".join(argv) for argv, _, _ in BAD])
def test_run_invalid_input_one_line(cli: Any, tmp_path: Path, argv: tuple[str, ...], code: int, message: str) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "broken.jsonl").write_text('{"prompt": "q", "response": "a"}\nbroken\n')
    (tmp_path / "good.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}\n'
    )
    (tmp_path / "list.jsonl").write_text('{"instruction": "q", "input": [5], "output": "a"}\n')
    (tmp_path / "odd.jsonl").write_text('{"messages": ["q", {"role": "assistant", "content": "a"}]}\n')
    (tmp_path / "costs.jsonl").write_text('{"prediction": "a", "reference": "a", "cost": -2}\n')
    (tmp_path / "unusable.jsonl").write_text('{"prompt": "q", "response": "a", "rating": 9}\n')
    got, out, err = cli(*argv)
    assert got == code
    assert message in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in out + err
    assert len(err.strip().splitlines()) == 1
    for folder in ("files", "artifacts"):  # nothing half-done is left behind
        assert not list((tmp_path / "workspace").glob(f"{folder}/*"))


def test_demo_of_the_gateway_without_the_server_does_nothing(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    code, _, err = cli("demo", "--gateway")
    told = "ft-cli: the server needs prometheus_client: pip install -e '.[serve]' in the project's checkout"
    assert (code, err.strip()) == (1, told)
    assert not [path for path in (tmp_path / "workspace").rglob("*") if path.is_file()]


def test_train_missing_extra_prints_one_line_and_leaves_no_job(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trl", None)
    row = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
    (tmp_path / "good.jsonl").write_text(json.dumps(row))
    code, _, err = cli("train", "good.jsonl")
    assert (code, err.strip()) == (
        1,
        "ft-cli: training on this machine needs trl: pip install -e '.[train]' in the project's checkout",
    )
    assert json.loads(cli("jobs", "list", "--json")[1]) == []
    assert not list((tmp_path / "workspace").glob("files/*"))


@pytest.mark.parametrize("argv", [("demo",), ("auto-pipeline", "smollm2-135m-instruct")], ids=" ".join)
def test_missing_extra_is_told_before_anything_is_done(
    cli: Any, argv: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trl", None)
    code, _, err = cli(*argv)
    assert code == 1
    assert err.strip().endswith(
        "training on this machine needs trl: pip install -e '.[train]' in the project's checkout"
    )
    for folder in (tmp_path / "workspace", tmp_path / "workspace" / "demo"):
        monkeypatch.setenv("FINE_TUNING_HOME", str(folder))
        assert json.loads(cli("capture", "stats", "--json")[1])["teacher_examples"] == 0


@pytest.mark.parametrize("width", ["40", "80", "200"])
def test_print_table_narrow_terminal_cuts_no_digits(
    cli: Any, monkeypatch: pytest.MonkeyPatch, width: str, database: Database
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as in a terminal
    monkeypatch.setenv("NO_COLOR", "1")
    name = "a-model-with-a-name-of-many-characters"
    cli("register-model", name, f"{name}-base", "ftjob-1", "1234567", "--accuracy", "0.123", "--cost", "98765.43")
    out = cli("list-models")[1]
    for shown in ("1234567", "12.3 %", "$98,765.43", "READY"):
        assert shown in out


def ft_cli(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fine_tuning.cli", *argv]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


def test_run_unwritable_workspace_prints_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = ft_cli("list-models", FINE_TUNING_HOME=str(tmp_path / "file" / "home"))
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "cannot create folder" in done.stderr


def test_run_invalid_setting_prints_one_line() -> None:
    done = ft_cli("list-models", FINE_TUNING_MACHINE_USD_PER_HOUR="cheap")
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
    assert "setting FINE_TUNING_MACHINE_USD_PER_HOUR = 'cheap': input should be a valid number" in done.stderr


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 2 MiB of room."""
    with small_disk(tmp_path / "disk", "2m") as found:
        yield found


def test_run_full_disk_prints_one_line_and_leaves_no_partial_file(disk: Path, tmp_path: Path) -> None:
    row = {"prompt": "How do I reset my password?", "response": "Open the settings page. " * 40, "domain": "a"}
    calls = [row | {"task_type": "b", "rating": 5, "prompt": f"{row['prompt']} {number}"} for number in range(2000)]
    (tmp_path / "calls.jsonl").write_text("\n".join(map(json.dumps, calls)))
    done = ft_cli("capture", "import", str(tmp_path / "calls.jsonl"), FINE_TUNING_HOME=str(disk / "home"))
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "is full" in done.stderr
    assert "free some space and run again" in done.stderr
    seen = ft_cli("capture", "stats", "--json", FINE_TUNING_HOME=str(disk / "home"))
    if seen.returncode == 0:  # with no room at all SQLite cannot even read
        assert json.loads(seen.stdout)["teacher_examples"] == 0


def test_run_read_only_disk_prints_one_line(disk: Path) -> None:
    home = str(disk / "home")
    assert ft_cli("list-models", FINE_TUNING_HOME=home).returncode == 0
    remount(disk, "ro")
    for command in (["register-model", "m", "b", "j", "1"], ["prepare-dataset"]):
        done = ft_cli(*command, FINE_TUNING_HOME=home)
        assert done.returncode == 1, done.stdout
        assert len(done.stderr.strip().splitlines()) == 1
        assert "read-only" in done.stderr


def test_run_unwritable_output_prints_one_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "fine_tuning.cli", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr.strip()) == (1, "ft-cli: cannot write the output: no space left")
    assert ft_cli("help", PYTHONIOENCODING="ascii").returncode == 0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("OPENAI_BASE_URL", "http://[bad", "is not the address of a host"),
        ("OPENAI_BASE_URL", "localhost:8000", "is not the address of a host"),
        ("OPENAI_API_KEY", "sk-\u2026", "has invalid characters"),
        ("FINE_TUNING_DATABASE_URL", "postgresql://u:secret@h:port/x", "not a database URL: postgresql://..."),
        ("FINE_TUNING_DATABASE_URL", "mysql://u:secret@h/x", "database mysql is not supported"),
    ],
)
def test_run_invalid_address_or_key_prints_one_line(
    cli: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv(name, value)
    code, _, err = cli("jobs", "list", "--hosted")
    assert (code, len(err.strip().splitlines())) == (1, 1)
    assert message in err
    assert "secret" not in err


def test_run_binary_env_file_prints_one_line(cli: Any, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"FINE_TUNING_HOME=caf\xe9\n")
    code, _, err = cli("list-models")
    assert (code, len(err.strip().splitlines())) == (1, 1)
    assert "is not UTF-8 text" in err


def test_run_closed_pipe_is_not_an_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m fine_tuning.cli --help | head -1", shell=True, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
