"""Trainers that start warm: one process imports the training libraries once and forks a trainer per job.

`python -S warm_trainer.py SOCKET OWNER JOB WORKER` is what FINE_TUNING_TRAINER_COMMAND starts in tests in place of
`python -m fine_tuning.training.jobs.worker JOB WORKER`. It hands its arguments, environment, folder and open files to
the process with the libraries (started by the first, ended with the OWNER, the test session), passes signals on
to the trainer, and ends as the trainer ends. Killed, it takes the trainer with it.
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
from pathlib import Path

LONGEST_MESSAGE = 1 << 17
START_SECONDS, POLL_SECONDS = 120.0, 0.02
PASSED_ON = (signal.SIGTERM, signal.SIGINT)


def train(path: str, owner: str, arguments: list[str]) -> int:
    """Have a job trained; the trainer's exit status."""
    connection = _connected(path, owner)
    files = [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]
    files = [number for number in files if number != connection.fileno() and _is_open(number)]
    request = {"arguments": arguments, "files": files, "environment": dict(os.environ), "folder": str(Path.cwd())}
    socket.send_fds(connection, [json.dumps(request).encode()], files)
    trainer = int(connection.recv(LONGEST_MESSAGE))
    for number in PASSED_ON:
        signal.signal(number, lambda received, _: os.kill(trainer, received))
    status = connection.recv(LONGEST_MESSAGE)
    return int(status) if status else 1


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _connected(path: str, owner: str) -> socket.socket:
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
                    subprocess.Popen(
                        [
                            sys.executable,
                            "-P",
                            str(Path(__file__).resolve()),
                            path,
                            owner,
                        ],  # -P: our folders are no libraries
                        start_new_session=True,
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                    )
                    started = True
                time.sleep(POLL_SECONDS)
            else:
                return connection


def serve(path: str, owner: int) -> None:
    """Fork trainers until the owner ends."""
    import gc

    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM  # noqa: F401 - loads what they need

    from fine_tuning.training.jobs import worker
    from fine_tuning.training.loop import data_parallel, train  # noqa: F401

    gc.freeze()
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen()
    trainers: dict[socket.socket, int] = {}
    while _is_running(owner):
        ready, _, _ = select.select([listener, *trainers], [], [], POLL_SECONDS)
        for connection in ready:
            if connection is listener:
                _fork(listener, trainers, worker.main)
            else:  # the one who waits for this trainer was killed
                os.kill(trainers[connection], signal.SIGKILL)
                os.waitpid(trainers.pop(connection), 0)
                connection.close()
        for connection, trainer in list(trainers.items()):
            ended, status = os.waitpid(trainer, os.WNOHANG)
            if ended:
                with contextlib.suppress(OSError):
                    connection.send(str(_exit_status(status)).encode())
                connection.close()
                del trainers[connection]
    for trainer in trainers.values():  # of a session that was cut off
        os.kill(trainer, signal.SIGKILL)


def _exit_status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def _fork(listener: socket.socket, trainers: dict[socket.socket, int], main) -> None:  # type: ignore[no-untyped-def]
    connection, _ = listener.accept()
    message, received, _, _ = socket.recv_fds(connection, LONGEST_MESSAGE, 64)
    request = json.loads(message)
    trainer = os.fork()
    if trainer:
        for number in received:
            os.close(number)
        trainers[connection] = trainer
        connection.send(str(trainer).encode())
        return
    try:
        os.setsid()
        _take(listener, connection, *trainers, received=received, numbers=request["files"])
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        main(request["arguments"])
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(1)


def _take(*sockets: socket.socket, received: list[int], numbers: list[int]) -> None:
    """Make the received files those that a trainer of its own would have inherited, under the same numbers."""
    high = [fcntl.fcntl(number, fcntl.F_DUPFD, 512) for number in received]
    for number in received:
        os.close(number)
    for each in sockets:
        each.close()
    for number, wanted in zip(high, numbers, strict=True):
        os.dup2(number, wanted, inheritable=True)
        os.close(number)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        serve(sys.argv[1], int(sys.argv[2]))
    else:
        sys.exit(train(sys.argv[1], sys.argv[2], sys.argv[3:]))
