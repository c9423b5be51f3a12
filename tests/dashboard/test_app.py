"""The dashboard as an application in another program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fine_tuning import ABTestFramework
from tests.experiments.test_each_of_several import FAST_ENOUGH, shuffled

pytestmark = pytest.mark.slow

SHOW = """
import sys
from pathlib import Path
from starlette.testclient import TestClient
from fine_tuning import ABTestFramework, ModelRegistry
from fine_tuning.dashboard.app import make_app
from fine_tuning.settings import get_settings
from fine_tuning.store.workspace import open_workspace

given = open_workspace(settings=get_settings().model_copy(update={"home": Path(sys.argv[1])}))
for workspace, name in ((given, "of-the-given"), (open_workspace(), "of-the-environment")):
    ModelRegistry(workspace=workspace).register_model(name, "gpt-4o-mini", "job", 3)
    ABTestFramework(workspace=workspace).create_test(f"test-{name}", "a", "b")
with TestClient(make_app(workspace=given), base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
    for path in ("/models", "/models/of-the-given", "/experiments", "/experiments/test-of-the-given"):
        page = client.get(path).text
        print(path, "of-the-given" in page, "of-the-environment" in page)
"""


@pytest.mark.usefixtures("workspace")
def test_make_app_shows_the_workspace_it_is_given(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SHOW, str(tmp_path / "given")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    shown = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert set(shown.values()) == {"True False"}
    assert len(shown) == 4


SHOW_EXPERIMENT = """
import html
from starlette.testclient import TestClient
from fine_tuning.dashboard.app import make_app
from fine_tuning.store.workspace import open_workspace

with TestClient(make_app(workspace=open_workspace()), base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
    print(html.unescape(client.get("/experiments/t").text))
"""


@pytest.mark.usefixtures("workspace")
def test_experiment_page_says_of_each_model_why_it_does_not_replace_the_first() -> None:
    framework = ABTestFramework()
    framework.create_test("t", "old", "slow", more=["bad"], **FAST_ENOUGH)
    framework.record_samples("t", shuffled((0.7, 0.7, 0.2), 150, slow="model_b"))
    done = subprocess.run(
        [sys.executable, "-c", SHOW_EXPERIMENT], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Recommended: old (slow: breaks the guardrail latency; bad: old scores better)" in done.stdout
