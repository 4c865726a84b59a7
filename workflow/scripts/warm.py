"""The warm process of launch.py: it imports third-party packages once and forks a process per stage.

It holds none of the project's own code, so editing a stage takes effect at once. It exits after a minute without work.
If a launcher dies (kill -9 of a job), its stage is killed, too.
"""

import contextlib
import json
import os
import runpy
import signal
import socket
import sys
import threading

IDLE_SECONDS = 60.0
PRELOADED = ("numpy", "torch", "safetensors.numpy", "pydantic", "tqdm", "pandas", "matplotlib.figure")


def main(path):
    """Listen first, so that stages can wait; then import; then fork a process per stage."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # no other thread may exist when a stage is forked
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    listener.settimeout(IDLE_SECONDS)
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            __import__(name)
    signal.signal(
        signal.SIGCHLD, signal.SIG_IGN
    )  # children report to their launchers, so nothing waits for them
    while True:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            break
        if os.fork() == 0:
            listener.close()
            serve(connection)
        connection.close()
    os.unlink(path)


def serve(connection):
    """Run the stage that the launcher asks for, and report its exit status."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        head, files, _, _ = socket.recv_fds(connection, 8, 3)
        request = json.loads(receive(connection, int.from_bytes(head, "big")))
        for number, file in enumerate(files):
            os.dup2(file, number)
        threading.Thread(target=watch, args=(connection,), daemon=True).start()
        status = run_stage(request)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        with contextlib.suppress(OSError):
            connection.sendall(bytes([status]))
        os._exit(status)


def receive(connection, size):
    """Return exactly `size` bytes."""
    parts = b""
    while len(parts) < size:
        parts += connection.recv(size - len(parts)) or sys.exit(1)
    return parts


def watch(connection):
    """Exit when the launcher dies, and forward its stop signals."""
    while connection.recv(1):
        os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGKILL)


def run_stage(request):
    """Run the script as `python script arguments` would, and return its exit status."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    script = request["arguments"][0]
    sys.argv = request["arguments"]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main(sys.argv[1])
