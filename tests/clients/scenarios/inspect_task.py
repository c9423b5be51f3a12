"""Inspect: a task of two samples over Chat Completions and over Responses, and a tool that has to be called."""

import sys
import tempfile

import inspect_ai
from inspect_ai import Task
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import ToolFunction, tool

BASE_URL, MODEL = sys.argv[1:]


@tool
def weather():
    async def execute(place: str) -> str:
        """The weather of a place.

        Args:
            place: A city.
        """
        return f"sunny in {place}"

    return execute


def check(name: str, **options: bool) -> None:
    model = get_model(
        name, base_url=BASE_URL, api_key="any", config=GenerateConfig(max_tokens=60, temperature=0), **options
    )
    plain = Task(
        dataset=[Sample("Say yes.", target="yes"), Sample("Say no.", target="no")],
        solver=generate(max_tokens=8),
        scorer=includes(),
    )
    calling = Task(
        dataset=[Sample("What is the weather in Paris?")],
        solver=[use_tools(weather(), tool_choice=ToolFunction("weather")), generate(tool_calls="single")],
    )
    with tempfile.TemporaryDirectory() as folder:
        for log in inspect_ai.eval([plain, calling], model=model, log_dir=folder, display="none"):
            assert log.status == "success", log.error
            assert log.stats.model_usage[name].output_tokens > 0
            assert log.samples is not None
            roles = [message.role for message in log.samples[0].messages]
            assert ("tool" in roles) == (len(log.samples) == 1), roles


check(f"openai/{MODEL}", responses_api=False)
check(f"openai/{MODEL}", responses_api=True)
check(f"openai-api/local/{MODEL}")
