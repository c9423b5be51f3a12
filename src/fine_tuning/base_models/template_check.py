"""Check the chat template of a model folder, a program of its author: it must be Jinja, end soon and write little."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from fine_tuning.errors import DataError

SECONDS = 5.0  # for all trials of a template
MEMORY_BYTES = 1 << 29  # of address space
MAX_CHARACTERS = 1 << 20  # of a short conversation as text
_TOO_LONG = 3
_PROGRAM = f"""
import json, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_BYTES}, {MEMORY_BYTES}))
except (ImportError, ValueError, OSError):
    pass  # no limits on this system
from datetime import datetime
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
class Generation(Extension):
    tags = {{"generation"}}
    def parse(self, parser):
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)
def refuse(why):
    raise ValueError(why)
given = json.load(sys.stdin)
environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation])
environment.globals |= {{"raise_exception": refuse, "strftime_now": datetime.now().strftime}}
environment.filters["tojson"] = lambda value, **_: json.dumps(value)
try:
    template = environment.from_string(given["template"])  # which computes what does not depend on variables
except MemoryError:
    sys.exit({_TOO_LONG})
for variables in given["trials"]:
    try:
        length = sum(map(len, template.generate(variables)))
    except MemoryError:
        sys.exit({_TOO_LONG})
    except Exception:
        continue  # it refuses this conversation
    if length > {MAX_CHARACTERS}:
        sys.exit({_TOO_LONG})
"""
_USER, _ANSWER = {"role": "user", "content": "A question."}, {"role": "assistant", "content": "An answer."}
_PARAMETERS = {"type": "object", "properties": {"a": {"type": "string"}}}
_TOOL = {"name": "find", "description": "Finds.", "parameters": _PARAMETERS}
_CALL = {"id": "call_0001", "type": "function", "function": {"name": "find", "arguments": {"a": "b"}}}
_CHATS: list[list[dict[str, Any]]] = [
    [_USER],
    [{"role": "system", "content": "A rule."}, _USER, _ANSWER, _USER],
    [_USER, {"role": "assistant", "content": "", "tool_calls": [_CALL]}, {"role": "tool", "content": "c"}],
]


@lru_cache(maxsize=256)
def template_problem(template: str) -> str | None:
    """Why a chat template cannot be used; None if it can, or Jinja is not installed, so that llama.cpp has to tell.

    One that is sure to end is only read; any other renders a few conversations in another process, with limits of time
    and memory.
    """
    try:
        from jinja2 import TemplateSyntaxError, nodes
        from jinja2.ext import Extension, loopcontrols
        from jinja2.parser import Parser
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        from fine_tuning.base_models.plain_templates import is_plain
    except ImportError:
        return None

    class Generation(Extension):
        """The block by which transformers marks what the assistant says."""

        tags = {"generation"}  # noqa: RUF012 - as Jinja declares it

        def parse(self, parser: Parser) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    environment = ImmutableSandboxedEnvironment(extensions=[loopcontrols, Generation])
    try:
        if is_plain(environment.parse(template)):
            return None
    except TemplateSyntaxError as error:
        return f"Jinja cannot read it: {str(error.message).splitlines()[0]}"
    except RecursionError:
        return "Jinja cannot read it: it is nested too deeply"
    return _problem_in_trial(template)


def check_template(template: str, file: Path) -> None:
    """Check a chat template that stands in `file`.

    Raises:
        DataError: it cannot be used; the message says why.
    """
    if problem := template_problem(template):
        raise DataError(f"{file} has no usable chat template ({problem}); fetch or save the tokenizer again")


def _problem_in_trial(template: str) -> str | None:
    tools = [{"type": "function", "function": _TOOL}]
    trials = [
        {"messages": chat, "tools": known, "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>"}
        for chat in _CHATS
        for known in (None, tools)
    ]
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            [sys.executable, "-P", "-c", _PROGRAM],
            input=json.dumps({"template": template, "trials": trials}).encode(),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it renders a short conversation for more than {SECONDS:.0f} seconds"
    if done.returncode == _TOO_LONG:
        return f"it makes more than {MAX_CHARACTERS:,} characters of a short conversation"
    return None if done.returncode == 0 else f"rendering ended with {done.returncode}"
