"""Python graders: `grade(sample, item)` of a user's source, in a sandboxed process."""

from __future__ import annotations

import ast
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from fine_tuning.evaluation.graders.base_grader import BaseGrader, Name
from fine_tuning.evaluation.graders.grading import GradingFailed, Means, Outcome, Row
from fine_tuning.evaluation.graders.python_process import run

MAX_SOURCE_CHARACTERS = 256 * 1024
OFF = "python graders are off here; start the server with --python-graders to run their source in a sandbox"


def check_source(source: str) -> str:
    """The source, if it is Python that defines `grade`; it is not run.

    Raises:
        ValueError: it is not.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise ValueError(f"source is no Python: {error.msg} (line {error.lineno})") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"source is no Python: {error or 'it is nested too deeply'}") from None
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if "grade" not in names:
        raise ValueError("source must define grade(sample, item), which returns a number")
    return source


class PythonGrader(BaseGrader):
    """The number that `grade(sample, item)` returns."""

    type: Literal["python"]
    source: Annotated[str, Field(max_length=MAX_SOURCE_CHARACTERS), AfterValidator(check_source)]
    image_tag: Name | None = None  # of OpenAI's containers; there is one here, with the modules of this installation

    def outcome(self, row: Row, means: Means) -> Outcome:
        """See `BaseGrader`."""
        if means.python is None:
            raise GradingFailed("python_grader_server_error", OFF, "disabled")
        return Outcome(run(self.source, row, means.python))
