#!/usr/bin/env -S python -I -S
"""Start a stage: `launch.py retrain.py --data ...`; forked from a warm process where there is one.

Importing torch costs more CPU than many a small training run. On one machine a warm process (warm.py) has it imported
and forks a stage in milliseconds; the stage's own modules are always read afresh. With PRUNEPIPE_WARM=0, and inside
cluster jobs, the stage is simply executed. Only the standard library is used here, to start fast.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
CLUSTER = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID", "KUBERNETES_SERVICE_HOST")
START_SECONDS = 60.0


def main():
    """Run the stage, and exit as it does."""
    command = [sys.executable, os.path.join(FOLDER, sys.argv[1]), *sys.argv[2:]]
    warm = os.environ.get("PRUNEPIPE_WARM", "1") != "0" and not any(name in os.environ for name in CLUSTER)
    connection = connect() if warm else None
    if connection is not None:
        with contextlib.suppress(ConnectionError):  # it ended before it took the stage: a stage may run twice
            sys.exit(run(connection, command[1:]))
    os.execv(command[0], command)


def connect():
    """Return a connection to the warm process of this interpreter, starting it if need be; None if there is none."""
    try:
        folder = private_folder()
        key = "|".join((sys.executable, os.environ.get("PYTHONPATH", ""), FOLDER, inherited()))
        path = os.path.join(folder, hashlib.sha256(key.encode()).hexdigest()[:16])
        return try_connect(path) or start(path)
    except OSError as error:
        print(f"no warm process ({error}); the stage starts on its own", file=sys.stderr)
        return None


def inherited():
    """Return what a forked stage takes over from the warm process, so that it comes from one like this process."""
    mask = os.umask(0o077)
    os.umask(mask)
    limits = [
        resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")
    ]
    return repr((mask, os.nice(0), sorted(os.sched_getaffinity(0)), limits))


def private_folder():
    """Return a folder that only this user can write to: whoever writes there chooses what runs."""
    folder = os.path.join(tempfile.gettempdir(), f"prunepipe-warm-{os.getuid()}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    state = os.lstat(folder)
    if state.st_uid != os.getuid() or not stat.S_ISDIR(state.st_mode) or state.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a private folder of this user")
    return folder


def try_connect(path):
    """Return a connection, or None if nothing listens."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    return connection


def start(path):
    """Start the warm process once, however many stages ask at the same time, and connect to it."""
    with open(path + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        connection = try_connect(path)
        if connection is not None:
            return connection
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        warm = [sys.executable, os.path.join(FOLDER, "warm.py"), path]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.Popen(warm, start_new_session=True, cwd="/", **quiet)
        deadline = time.monotonic() + START_SECONDS
        while connection is None and time.monotonic() < deadline:
            time.sleep(0.02)
            connection = try_connect(path)
        return connection


def run(connection, arguments):
    """Have the stage forked with this process's output, folder and environment; return its exit status."""
    request = json.dumps(
        {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}
    ).encode()

    def stop(number, frame):
        connection.sendall(b"T")

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    socket.send_fds(connection, [len(request).to_bytes(8, "big")], [0, 1, 2])
    connection.sendall(request)
    answer = connection.recv(1)
    return answer[0] if answer else 128 + signal.SIGKILL  # no answer: the stage was killed


if __name__ == "__main__":
    main()
