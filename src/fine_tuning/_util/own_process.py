"""Call a function in a process of its own, where its library would otherwise be imported into this one.

Importing torch holds the interpreter for seconds, so that no other thread runs (a server answers nobody), and takes
hundreds of MB that stay.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from fine_tuning._util.limited_process import described
from fine_tuning.errors import FineTuningError, ProviderError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
# What a library prints goes to the standard error: the standard output has the result alone.
_PROGRAM = """
import os, pickle, sys
results = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)
call, arguments, named, known = pickle.load(sys.stdin.buffer)
try:
    outcome = True, call(*arguments, **named)
except known as error:
    outcome = False, error
pickle.dump(outcome, results)
results.flush()
"""


def called_apart(
    library: str, call: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Result:
    """The result of a module's function; called here where the library is imported already.

    Raises:
        ProviderError: the process ended without a result, for example for want of memory.
        What the function raises, if it is one of our own errors.
    """
    if library in sys.modules:
        return call(*arguments, **named)
    done = subprocess.run(  # noqa: S603 - fixed arguments
        [sys.executable, "-P", "-c", _PROGRAM],
        input=pickle.dumps((call, arguments, named, FineTuningError)),
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        what, ended = f"{call.__name__} of {', '.join(map(str, arguments))}", described(done.returncode)
        raise ProviderError(f"the process of {what} ended with {ended}; see its output, and free some memory")
    is_done, result = pickle.loads(done.stdout)  # noqa: S301 - of our own process
    if is_done:
        return result  # type: ignore[no-any-return]
    raise result
