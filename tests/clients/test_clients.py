"""What people point at an OpenAI-compatible server, each with a program of its own: see `scenarios/`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fine_tuning.candidates.instructions_file import read_instructions
from tests.clients import gemini_upstream
from tests.clients.conftest import MODEL, TO_CHAT, TO_MESSAGES, Wires

SCENARIOS = Path(__file__).parent / "scenarios"
ENVIRONMENTS = {  # the file of requirements by scenario: one a major version of OpenAI's package, and Anthropic's
    "anthropic_sdk": "anthropic",
    "openai_1x": "openai_1",
    "llamaindex_chat": "openai_2",
    "instructor_typed": "openai_2",
    "openai_agents": "openai_3",
    "pydantic_agent": "openai_3",
    "langchain_chat": "openai_3",
    "litellm_calls": "openai_3",
    "dspy_program": "openai_3",
    "smolagents_model": "openai_3",
    "llm_command": "openai_3",
    "inspect_task": "openai_3",
    "lm_eval_task": "openai_3",
}
NODE = ("openai_node", "anthropic_node", "vercel_ai")
GEMINIS = "google_genai"  # whose API this server does not have
SAVED_BY_DSPY = "dspy_saved"  # which asks no server
OF_ROUTES = {
    "anthropic_route": ("anthropic", TO_CHAT),
    "google_route": ("google", TO_CHAT),
    "openai_route": ("openai_3", TO_MESSAGES),
}
BEHIND_THE_GATEWAY = (
    "anthropic_sdk",
    "openai_agents",
    "pydantic_agent",
    "langchain_chat",
    "litellm_calls",
    "instructor_typed",
)
pytestmark = [pytest.mark.clients, pytest.mark.real_weights]


@pytest.mark.parametrize("scenario", ENVIRONMENTS)
def test_python_client(scenario: str, run_client: Callable[..., None], served: str) -> None:
    run_client(ENVIRONMENTS[scenario], SCENARIOS / f"{scenario}.py", served, MODEL)


@pytest.mark.parametrize("scenario", NODE)
def test_node_client(scenario: str, run_client: Callable[..., None], served: str) -> None:
    run_client("node", SCENARIOS / f"{scenario}.mjs", served, MODEL)


@pytest.mark.parametrize("scenario", BEHIND_THE_GATEWAY)
def test_python_client_behind_the_gateway(scenario: str, run_client: Callable[..., None], gateway: Wires) -> None:
    run_client(ENVIRONMENTS[scenario], SCENARIOS / f"{scenario}.py", f"{gateway.address}/vendor/v1", MODEL)
    gateway.check("vendor")


def test_geminis_client_behind_the_gateway(run_client: Callable[..., None], gateway: Wires) -> None:
    run_client("google", SCENARIOS / f"{GEMINIS}.py", f"{gateway.address}/gemini", gemini_upstream.MODEL)
    gateway.check("gemini")


@pytest.mark.parametrize("scenario", NODE)
def test_node_client_behind_the_gateway(scenario: str, run_client: Callable[..., None], gateway: Wires) -> None:
    run_client("node", SCENARIOS / f"{scenario}.mjs", f"{gateway.address}/vendor/v1", MODEL)
    gateway.check("vendor")


@pytest.mark.parametrize("scenario", OF_ROUTES)
def test_client_of_a_route_whose_target_speaks_another_wire(
    scenario: str, run_client: Callable[..., None], gateway: Wires
) -> None:
    environment, route = OF_ROUTES[scenario]
    run_client(environment, SCENARIOS / f"{scenario}.py", f"{gateway.address}/v1", route)


def test_all_scenarios_are_run() -> None:
    assert {path.stem for path in SCENARIOS.glob("*.py")} == {*ENVIRONMENTS, *OF_ROUTES, GEMINIS, SAVED_BY_DSPY}
    assert {path.stem for path in SCENARIOS.glob("*.mjs")} == set(NODE)


def test_program_that_dspy_saves_is_read_as_a_prompt(run_client: Callable[..., None], tmp_path: Path) -> None:
    run_client("openai_3", SCENARIOS / f"{SAVED_BY_DSPY}.py", str(tmp_path / "triage.json"))
    told = read_instructions(tmp_path / "triage.json")
    assert told.startswith("Name the queue of a mail.\n\nMail: as it came\n\nExample:\nmail: where is my parcel\n")
    assert told.endswith("Answer with the value of Queue alone.")
