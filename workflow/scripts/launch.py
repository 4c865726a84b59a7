"""Start a stage: `python -I -S launch.py retrain.py --data ...`, forked from a warm process if possible.

Importing torch takes more CPU time than a small training run. On one machine a warm process (warm.py) has imported it
and forks a stage in milliseconds; the stage's own modules are always read afresh. With PRUNEPIPE_WARM=0, and inside
cluster jobs, the stage runs directly. This script uses only the standard library, to start fast. This folder is not on
the import path of stages (-P), because modules of user code may have the same names as our scripts.
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
STOPS = (signal.SIGTERM, signal.SIGINT)
READ_AT_START = (
    "PYTHON",
    "LD_",
    "DYLD_",
    "LANG",
    "LC_",
    "OMP_",
    "OPENBLAS_",
    "MKL_",
    "KMP_",
    "TORCH",
    "PYTORCH_",
)
READ_AT_START += ("ATEN_", "DNNL_", "ONEDNN_", "MALLOC_", "GLIBC_")
"""Prefixes of environment variables that Python and its libraries read only at startup."""


def main():
    """Run the stage, and exit with its status."""
    command = [sys.executable, "-P", os.path.join(FOLDER, sys.argv[1]), *sys.argv[2:]]
    warm = os.environ.get("PRUNEPIPE_WARM", "1") != "0" and not any(name in os.environ for name in CLUSTER)
    connection = connect() if warm else None
    if connection is not None:
        with contextlib.suppress(ConnectionError):  # it ended without the stage; a stage may run twice
            sys.exit(run(connection, command[2:]))
    os.execv(command[0], command)


def connect():
    """Return a connection to a matching warm process, starting it if needed; None if there is none."""
    try:
        path = os.path.join(private_folder(), hashlib.sha256(identity().encode()).hexdigest()[:16])
        return try_connect(path) or start(path)
    except OSError as error:
        print(f"no warm process ({error}); the stage starts on its own", file=sys.stderr)
        return None


def identity():
    """Return everything that a forked stage inherits from its warm process, which must therefore match this process.

    Containers may share the folder of the socket but have different files at the same paths.
    """
    files = [file_identity(path) for path in ("/", FOLDER, os.path.join(FOLDER, "warm.py"), sys.executable)]
    variables = sorted(item for item in os.environ.items() if item[0].startswith(READ_AT_START))
    user = (os.getuid(), os.geteuid(), os.getgid(), sorted(os.getgroups()))
    return repr((sys.executable, sys.version, FOLDER, files, user, namespaces(), limits(), variables))


def file_identity(path):
    """Return an identity of a file that is unique on this machine, independent of mounts."""
    state = os.stat(path)
    return state.st_dev, state.st_ino


def namespaces():
    """Return the namespaces and control groups of this process, if the system has them."""
    try:
        links = [os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "user", "pid", "net", "ipc", "uts")]
        with open("/proc/self/cgroup") as file:
            return [*links, file.read()]
    except OSError:
        return [os.uname().nodename]


def limits():
    """Return the limits of this process: umask, priority, cores, resources."""
    mask = os.umask(0o077)
    os.umask(mask)
    names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return mask, os.nice(0), cores, [resource.getrlimit(getattr(resource, name)) for name in names]


def private_folder():
    """Return a folder that only this user can write to, since whoever writes there decides what runs."""
    folder = os.path.join(os.path.abspath(tempfile.gettempdir()), f"prunepipe-warm-{os.getuid()}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    state = os.lstat(folder)
    if state.st_uid != os.getuid() or not stat.S_ISDIR(state.st_mode) or state.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a private folder of this user")
    return folder


def try_connect(path):
    """Return a connection, or None if no process listens."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    return connection


def start(path):
    """Start the warm process once, even if several stages ask at the same time, and connect to it."""
    with open(path + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        connection = try_connect(path)
        if connection is not None:
            return connection
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        warm = [sys.executable, "-P", os.path.join(FOLDER, "warm.py"), path]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(warm, start_new_session=True, cwd="/", **quiet)
        deadline = time.monotonic() + START_SECONDS
        while connection is None and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
            connection = try_connect(path)
        return connection


def run(connection, arguments):
    """Request a fork of the stage with this process's output, folder and environment; return its exit status."""
    request = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}
    stopped = []

    def stop(number, frame):
        stopped.append(number)
        try:
            connection.sendall(b"T")
        except OSError:  # there is no process to stop
            sys.exit(128 + number)

    ask(connection, json.dumps(request).encode(), stop)
    try:
        answer = connection.recv(1)
    except ConnectionError:
        if not stopped:
            raise
        answer = b""
    if answer:
        return answer[0]
    if stopped:
        return 128 + signal.SIGTERM
    print("error: the stage was killed, perhaps because memory ran out", file=sys.stderr)
    return 128 + signal.SIGKILL


def ask(connection, request, stop):
    """Send the whole request; stop signals, whose byte would otherwise end up before or inside it, wait for its end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        for number in STOPS:
            signal.signal(number, stop)
        socket.send_fds(connection, [len(request).to_bytes(8, "big")], [0, 1, 2])
        connection.sendall(request)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


if __name__ == "__main__":
    main()
