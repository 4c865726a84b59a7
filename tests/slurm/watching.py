"""What the GPU stages of a project do while it runs, read from /proc: which devices, and in which Slurm job."""

import contextlib
import threading
from pathlib import Path
from typing import NamedTuple

STAGES = ("train_dense.py", "retrain.py", "score.py")


class Stage(NamedTuple):
    """A running process of a GPU stage."""

    pid: int
    job: str
    devices: str
    command: tuple[str, ...]


def running_stages(folder: Path) -> list[Stage]:
    """Return the GPU stages that run in a folder or below it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended while we looked
            if not (process / "cwd").readlink().is_relative_to(folder):
                continue
            command = (process / "cmdline").read_text().split("\0")
            script = next(
                (part for part in command[1:3] if not part.startswith("-")), ""
            )  # python -P SCRIPT ...
            if Path(script).name not in STAGES:
                continue
            pairs = (pair.partition("=") for pair in (process / "environ").read_text().split("\0"))
            values = {name: value for name, _, value in pairs}
            job, devices = values.get("SLURM_JOB_ID", ""), values.get("CUDA_VISIBLE_DEVICES", "")
            found.append(Stage(int(process.name), job, devices, tuple(command)))
    return found


class Watcher(threading.Thread):
    """Looks at the GPU stages of a folder several times a second."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.seen: list[list[Stage]] = []
        self._folder = folder
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(0.2):
            self.seen.append(running_stages(self._folder))

    def stop(self) -> None:
        self._stopped.set()
        self.join()
