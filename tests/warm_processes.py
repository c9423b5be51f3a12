"""Processes that start warm: one process of a kind imports its libraries once, and forks as often as it is asked.

`python -S warm_processes.py KIND SOCKET OWNER ARGUMENTS...` does what `python -m fine_tuning.training.jobs.worker` (the
kind trainer) or `python -m fine_tuning.cli` (the kind command) does with the arguments. It hands them, its environment,
folder and open files to the process with the libraries (started by the first, ended with the OWNER, the test session),
passes signals on to the process that is forked, and ends as that ends. Killed, it takes it along.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

Main = Callable[[list[str]], object]

LONGEST_MESSAGE = 1 << 17
START_SECONDS, POLL_SECONDS = 120.0, 0.02
PASSED_ON = (signal.SIGTERM, signal.SIGINT)
SERVE = "--serve"


def start(kind: str, path: str, owner: str, arguments: list[str]) -> int:
    """Have a process forked, and wait for it; its exit status."""
    connection = _connected(kind, path, owner)
    files = [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]
    files = [number for number in files if number != connection.fileno() and _is_open(number)]
    request = {"arguments": arguments, "files": files, "environment": dict(os.environ), "folder": str(Path.cwd())}
    socket.send_fds(connection, [json.dumps(request).encode()], files)
    forked = int(connection.recv(LONGEST_MESSAGE))
    for number in PASSED_ON:
        signal.signal(number, lambda received, _: os.kill(forked, received))
    status = connection.recv(LONGEST_MESSAGE)
    return int(status) if status else 1


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _connected(kind: str, path: str, owner: str) -> socket.socket:
    ends = time.monotonic() + START_SECONDS
    with Path(f"{path}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process at a time starts it
        started = False
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                connection.connect(path)
            except OSError:
                connection.close()
                if time.monotonic() > ends:
                    raise
                if not started:
                    script = str(Path(__file__).resolve())
                    subprocess.Popen(
                        [sys.executable, "-P", script, kind, path, owner, SERVE],  # -P: our folders are no libraries
                        start_new_session=True,
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                    )
                    started = True
                time.sleep(POLL_SECONDS)
            else:
                return connection


def _trainer() -> Main:
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM  # noqa: F401 - loads what they need

    from fine_tuning.training.jobs import worker
    from fine_tuning.training.loop import data_parallel, train  # noqa: F401

    return worker.main


def _command() -> Main:
    import uvicorn.lifespan.on
    import uvicorn.protocols.http.auto
    import uvicorn.protocols.websockets.auto  # noqa: F401 - what a server imports when it starts

    from fine_tuning import cli
    from fine_tuning.dashboard import app  # noqa: F401
    from fine_tuning.server import app as api  # noqa: F401
    from fine_tuning.server import worker_supervisor  # noqa: F401

    def run(arguments: list[str]) -> None:
        sys.argv = ["ft-cli", *arguments]
        cli.main()

    return run


KINDS: dict[str, Callable[[], Main]] = {"trainer": _trainer, "command": _command}


def serve(kind: str, path: str, owner: int) -> None:
    """Fork processes until the owner ends."""
    import gc

    main = KINDS[kind]()
    gc.freeze()
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen()
    forked: dict[socket.socket, int] = {}
    while _is_running(owner):
        ready, _, _ = select.select([listener, *forked], [], [], POLL_SECONDS)
        for connection in ready:
            if connection is listener:
                _fork(listener, forked, main)
            else:  # the one who waits for this process was killed
                os.kill(forked[connection], signal.SIGKILL)
                os.waitpid(forked.pop(connection), 0)
                connection.close()
        for connection, process in list(forked.items()):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                with contextlib.suppress(OSError):
                    connection.send(str(_exit_status(status)).encode())
                connection.close()
                del forked[connection]
    for process in forked.values():  # of a session that was cut off
        os.kill(process, signal.SIGKILL)


def _exit_status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def _fork(listener: socket.socket, forked: dict[socket.socket, int], main: Main) -> None:
    connection, _ = listener.accept()
    message, received, _, _ = socket.recv_fds(connection, LONGEST_MESSAGE, 64)
    request = json.loads(message)
    process = os.fork()
    if process:
        for number in received:
            os.close(number)
        forked[connection] = process
        connection.send(str(process).encode())
        return
    status = 1
    try:
        os.setsid()
        _take(listener, connection, *forked, received=received, numbers=request["files"])
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        main(request["arguments"])
        status = 0
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _take(*sockets: socket.socket, received: list[int], numbers: list[int]) -> None:
    """Make the received files those that a process of its own would have inherited, under the same numbers."""
    high = [fcntl.fcntl(number, fcntl.F_DUPFD, 512) for number in received]
    for number in received:
        os.close(number)
    for each in sockets:
        each.close()
    for number, wanted in zip(high, numbers, strict=True):
        os.dup2(number, wanted, inheritable=True)
        os.close(number)


if __name__ == "__main__":
    if sys.argv[4:] == [SERVE]:
        serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(start(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
