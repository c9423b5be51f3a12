"""One identity under two names, exact public names, and imports that cost little."""

from __future__ import annotations

import importlib
import logging
import subprocess
import sys
from pathlib import Path

import pytest

import fine_tuning
from tests.conftest import PROJECT

pytestmark = pytest.mark.slow  # starts processes

HEAVY = ("torch", "transformers", "daft", "openai", "fastapi", "ray", "trl", "peft", "scipy", "alembic")


def run(code: str, cwd: Path = PROJECT) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_src_of_checkout_is_the_package() -> None:
    import src.distillation.data_collector
    import src.fine_tuning
    import src.fine_tuning.ab_testing
    import src.llm_service

    import fine_tuning.distillation.data_collector
    import fine_tuning.llm_service

    assert src.fine_tuning is fine_tuning
    assert src.fine_tuning.ab_testing.ABTestFramework is fine_tuning.ABTestFramework
    assert src.distillation.data_collector is fine_tuning.distillation.data_collector
    assert src.llm_service.LLMService is fine_tuning.LLMService


@pytest.mark.parametrize(
    "code",
    [
        "import src.fine_tuning.ab_testing as s, fine_tuning.ab_testing as f",
        "import fine_tuning.ab_testing as f, src.fine_tuning.ab_testing as s",
        "from src.fine_tuning import ab_testing as s; from fine_tuning import ab_testing as f",
    ],
)
def test_import_either_name_first_gives_one_module(code: str) -> None:
    assert run(f"{code}; print(s is f, s.__spec__.name)") == "True fine_tuning.ab_testing"


def test_import_loads_no_module_twice() -> None:
    code = (
        "import sys, src.fine_tuning.model_registry, src.distillation, src.llm_service, fine_tuning\n"
        "files = {}\n"
        "for name, module in list(sys.modules.items()):\n"
        "    file = getattr(module, '__file__', None) or ''\n"
        "    if 'fine_tuning' in file: files.setdefault(file, set()).add(id(module))\n"
        "print(max(len(ids) for ids in files.values()), len(files) > 10)"
    )
    assert run(code) == "1 True"


def test_public_names_are_exact_and_all_load() -> None:
    contract = """DatasetBuilder prepare_fine_tuning_dataset OpenAIFineTuner OllamaFineTuner ModelEvaluator
        EvaluationResult ABTestFramework ABTestResult ModelRegistry FinetuneJobRecord CostTracker CostAnalysis
        FineTuningCLI""".split()
    ours = ["FineTuningError", "LLMService", "LocalFineTuner"]
    assert sorted(fine_tuning.__all__) == sorted(contract + ours)
    for name in fine_tuning.__all__:
        assert getattr(fine_tuning, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = fine_tuning.Nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "code",
    [
        "import fine_tuning",
        "from fine_tuning.cli import FineTuningCLI; FineTuningCLI().run(['--help'])",
        "from fine_tuning.cli import FineTuningCLI; FineTuningCLI().run(['list-models'])",
    ],
)
def test_light_commands_import_nothing_heavy(code: str, workspace: Path) -> None:
    # The first run migrates the new database, which may import what it needs.
    run("from fine_tuning.cli import FineTuningCLI; FineTuningCLI().run(['list-models'])")
    report = f"import sys\n{code}\nprint('\\n' + ' '.join(m for m in {HEAVY!r} if m in sys.modules) + '|')"
    assert run(report).splitlines()[-1] == "|"


def test_only_fine_tuning_is_installed() -> None:
    project = (PROJECT / "pyproject.toml").read_text()
    assert 'packages = ["src/fine_tuning"]' in project
    assert importlib.util.find_spec("fine_tuning") is not None


def test_embedding_model_leaves_the_root_logger_as_it_is() -> None:
    code = (
        "import logging\nfrom fine_tuning._util.wordllama_model import open_wordllama_model\nopen_wordllama_model()\n"
        "print(logging.getLogger().level, logging.getLogger().handlers)"
    )
    assert run(code).splitlines()[-1] == f"{logging.WARNING} []"


def test_import_turns_library_telemetry_off() -> None:
    told = run(
        "import fine_tuning, huggingface_hub.constants as hub, mlflow.telemetry.utils as mlflow\n"
        "import daft.scarf_telemetry as daft, ray._common.usage.usage_lib as ray\n"
        "print(hub.HF_HUB_DISABLE_TELEMETRY, mlflow.is_telemetry_disabled(), daft.opted_out(),"
        " not ray.usage_stats_enabled())"
    )
    assert told == "True True True True"
