"""The documents say what is so: every snippet runs, every command exists, every link leads somewhere."""

from __future__ import annotations

import re
import runpy
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

import fine_tuning.distillation
import fine_tuning.task
from fine_tuning import FineTuningCLI, cli
from tests.conftest import PROJECT

PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def snippets(page: Path, language: str) -> list[str]:
    return [code for kind, code in FENCE.findall(page.read_text(encoding="utf-8")) if kind == language]


SHORTER = {
    "n_epochs=1)": "n_epochs=1, max_steps=1)",
    'gpu_type="here")': 'gpu_type="here", tokens_per_example=8)',
}
RUN_HERE = [page for page in PAGES if snippets(page, "python") and page.name != "server.md"]  # that needs a server


@pytest.mark.real_weights
@pytest.mark.parametrize("page", RUN_HERE, ids=lambda page: page.name)
def test_python_snippets_run(page: Path, workspace: Path, with_real_model: Callable[[Path], None]) -> None:
    with_real_model(workspace)
    namespace: dict[str, object] = {}
    for number, code in enumerate(snippets(page, "python"), 1):
        shortened = code  # a step shows as much as two hundred, and short rows as much as long ones
        for written, brief in SHORTER.items():
            shortened = shortened.replace(written, brief)
        exec(compile(shortened, f"{page.name}, snippet {number}", "exec"), namespace)


@pytest.mark.slow
def test_commands_in_docs_exist(capsys: pytest.CaptureFixture[str]) -> None:
    tried = set[tuple[str, ...]]()
    for page in PAGES:
        for command in re.findall(r"`ft-cli ([^`]+)`", page.read_text(encoding="utf-8")):
            words = tuple(word for word in shlex.split(command) if word[0].islower())
            if words and words not in tried:
                assert FineTuningCLI().run([*words, "--help"]) == 0, f"{page.name}: ft-cli {command}"
                tried.add(words)
    capsys.readouterr()


def test_commands_in_messages_exist() -> None:
    commands: Any = typer.main.get_command(cli.app)
    for path in (PROJECT / "src").rglob("*.py"):
        for first, second in re.findall(r"ft-cli ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", path.read_text("utf-8")):
            found = commands.commands.get(first)
            assert found is not None, f"{path.name}: ft-cli {first}"
            if hasattr(found, "commands"):
                assert second in found.commands, f"{path.name}: ft-cli {first} {second}"


def test_links_in_docs_resolve() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_hyperparameters_are_documented() -> None:
    from fine_tuning.training.loop.training_config import HYPERPARAMETERS

    guide = (PROJECT / "docs" / "guide.md").read_text(encoding="utf-8")
    hidden = {"n_epochs", "learning_rate_multiplier", "micro_batch_size"}
    for name in set(HYPERPARAMETERS) - hidden:
        assert name in guide, name


@pytest.mark.parametrize("name", ["settings.md", "reference/commands.md"])
def test_generated_pages_are_current(name: str) -> None:
    pages = runpy.run_path(str(PROJECT / "scripts" / "write_reference.py"))["PAGES"]
    written = (PROJECT / "docs" / name).read_text(encoding="utf-8")
    assert written == pages[name](), "run scripts/write_reference.py"


def test_decisions_are_in_the_index() -> None:
    index = (PROJECT / "docs" / "decisions" / "index.md").read_text(encoding="utf-8")
    pages = sorted((PROJECT / "docs" / "decisions").glob("0*.md"))
    assert re.findall(r"\]\((0.*?\.md)\)", index) == [page.name for page in pages]
    for page in pages:
        title = page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        assert f"[{title}]({page.name})" in index


def test_public_names_are_in_the_api_reference() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in (PROJECT / "docs" / "reference").glob("*.md"))
    entries = set(re.findall(r"^::: (\S+)$", pages, re.MULTILINE))
    for module in (fine_tuning, fine_tuning.distillation, fine_tuning.task):
        for name in module.__all__:
            assert {f"{module.__name__}.{name}", "fine_tuning.errors" if name == "FineTuningError" else ""} & entries, (
                name
            )
