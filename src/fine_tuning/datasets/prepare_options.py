"""Options of preparing a dataset: defaults and help texts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fine_tuning._util.option_model import OptionModel
from fine_tuning.datasets import example_validation

FileFormat = Literal["openai", "alpaca", "sharegpt", "jsonl"]


class PrepareOptions(OptionModel):
    """Filters of captured calls, and the file to write."""

    format: FileFormat = Field(default="openai", description="Format of the file.")
    min_rating: int = Field(default=4, description="Minimum rating of the examples (1 to 5).")
    domain: str | None = Field(default=None, description="Only examples of this domain.")
    task_type: str | None = Field(default=None, description="Only examples of this task type.")
    project: str | None = Field(default=None, description="Only examples of this project.")
    output: str | None = Field(default=None, description="File name; the extension is added.")
    min_prompt_length: int = Field(
        default=example_validation.MIN_PROMPT_CHARACTERS, description="Minimum length of a prompt, in characters."
    )
    min_response_length: int = Field(
        default=example_validation.MIN_RESPONSE_CHARACTERS,
        description="Minimum length of a response, in characters; lower it for short answers such as labels.",
    )
