"""What people point at an OpenAI-compatible server, each with a program of its own: see `scenarios/`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import MODEL

SCENARIOS = Path(__file__).parent / "scenarios"
ENVIRONMENTS = {  # the file of requirements by scenario
    "openai_1x": "openai_1",
    "openai_agents": "agents",
    "pydantic_agent": "agents",
    "langchain_chat": "agents",
    "instructor_typed": "agents",
    "llm_command": "agents",
    "inspect_task": "inspect",
    "litellm_calls": "litellm",
    "dspy_program": "litellm",
    "llamaindex_chat": "llamaindex",
    "smolagents_model": "smolagents",
    "lm_eval_task": "lm_eval",
}
pytestmark = [pytest.mark.clients, pytest.mark.real_weights]


@pytest.mark.parametrize("scenario", ENVIRONMENTS)
def test_python_client(scenario: str, run_client: Callable[..., None], served: str) -> None:
    run_client(ENVIRONMENTS[scenario], SCENARIOS / f"{scenario}.py", served, MODEL)


def test_vercel_ai(run_client: Callable[..., None], served: str) -> None:
    run_client("node", SCENARIOS / "vercel_ai.mjs", served, MODEL)


def test_all_scenarios_are_run() -> None:
    assert {path.stem for path in SCENARIOS.glob("*.py")} == set(ENVIRONMENTS)
